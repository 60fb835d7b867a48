"""The shapes that ``metaagent learn`` prints with --json: one entry for each subcommand, titled by it."""

from __future__ import annotations

from metaagent.cli.schemas_trials import TRIALS
from metaagent.cli.shapes import COUNT, TEXT, TIME, TRUTH, Schema, listed, maybe, record

FINGERPRINT = record(
    "fingerprint: a group of errors; differences tell where merged members differ, and the words seen there",
    pattern=TEXT,
    kind=TEXT,
    count=COUNT,
    route={"enum": ["exact", "merged"]},
    template=TEXT,
    members=listed(TEXT),
    differences=listed(record(position=COUNT, words=listed(TEXT))),
)
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
    *TRIALS,
]
