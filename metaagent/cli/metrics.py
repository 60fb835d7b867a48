"""``--metric``: what trials count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from metaagent.cli.complete import one_of
from metaagent.errors import UsageError

METRICS = ("passed", "score")


def _known(metrics: Sequence[str]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in metrics:
            raise UsageError(f"no metric {value!r}", mend=f"--metric {'|'.join(metrics)}")
        return value

    return check


Metric = Annotated[
    str,
    typer.Option(
        **one_of(("auto", *METRICS)),
        help="What trials count: tasks passed, or scores; auto: what mine speaks for.",
        callback=_known(("auto", *METRICS)),
    ),
]
TrialMetric = Annotated[
    str,
    typer.Option(**one_of(METRICS), help="What counts: tasks passed, or scores.", callback=_known(METRICS)),
]
