"""The shapes that ``metaagent learn`` prints with --json: one entry for each subcommand, titled by it."""

from __future__ import annotations

from metaagent.cli.shapes import COUNT, TEXT, TIME, TRUTH, Schema, listed, maybe, record

ERROR = record(
    "learn errors",
    id=TEXT,
    time=TIME,
    attempt_id=TEXT,
    step=COUNT,
    task_id=TEXT,
    domain=maybe(TEXT),
    purpose=TEXT,
    validator=TEXT,
    public=TRUTH,
    kind=TEXT,
    message=TEXT,
    location=TEXT,
    expected=maybe(TEXT),
    got=maybe(TEXT),
)

LEARN: list[Schema] = [
    listed(ERROR),
]
