"""JSON read as strictly as what comes out of a fixer is read again. Pure."""

from __future__ import annotations

import json
import math
from typing import Any


def loads(text: str) -> Any:
    """The document. Raises ValueError where it is no JSON; NaN, Infinity and numbers beyond a float, such as 1e999, are
    none: they would be written as words that no reader of JSON knows. RecursionError where it is nested too deep."""
    return json.loads(text, parse_float=_finite, parse_constant=_finite)


def _finite(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        raise ValueError(f"{written} is no number of JSON")
    return number
