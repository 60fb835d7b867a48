"""Checks: an artifact and a check in, a verdict out. Nothing here calls a model, and no artifact makes it raise."""

from metaagent.validators.base import blocking, get, judge, names, outcome, score, units
from metaagent.validators.protocol import Artifact, CheckContext, OptionsError, Prepared, Result

__all__ = [
    "Artifact",
    "CheckContext",
    "OptionsError",
    "Prepared",
    "Result",
    "blocking",
    "get",
    "judge",
    "names",
    "outcome",
    "score",
    "units",
]
