"""The shapes that ``metaagent learn`` prints with --json: one entry for each subcommand, titled by it."""

from __future__ import annotations

from metaagent.cli.schemas_trials import TRIALS
from metaagent.cli.shapes import COUNT, NUMBER, SHARE, TEXT, TIME, TRUTH, Schema, extended, listed, maybe, record

DIFFERENCE = record(position=COUNT, words=listed(TEXT))
FINGERPRINT = record(
    "fingerprint: a group of errors; differences tell where merged members differ, and the words seen there",
    pattern=TEXT,
    kind=TEXT,
    count=COUNT,
    route={"enum": ["exact", "merged"]},
    template=TEXT,
    members=listed(TEXT),
    differences=listed(DIFFERENCE),
)
INGEST = record(
    "ingest: known means that this content was ingested before",
    ingest_id=maybe(TEXT),
    source=TEXT,
    format=TEXT,
    added=COUNT,
    signatures=COUNT,
    known=TRUTH,
    dry_run=TRUTH,
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
PATTERN = record(
    "learn patterns; reproducible is null where no tasks are known",
    id=TEXT,
    kind=TEXT,
    validator=TEXT,
    label=maybe(TEXT),
    template=TEXT,
    route={"enum": ["exact", "merged", "person"]},
    grouping=SHARE,
    events=COUNT,
    attempts=SHARE,
    tasks=COUNT,
    reproducible=maybe(TRUTH),
    trend={"enum": ["new", "recurring", "rising", "falling", "gone", "steady"]},
    first=TIME,
    last=TIME,
    expected=maybe(TEXT),
    got=maybe(TEXT),
    members=listed(TEXT),
    differences=listed(DIFFERENCE),
)
EXAMPLE = record(
    task_id=maybe(TEXT),
    attempt_id=TEXT,
    time=TIME,
    message=TEXT,
    location=TEXT,
    expected=maybe(TEXT),
    got=maybe(TEXT),
)
SIMILAR = record(task_id=TEXT, to=TEXT, overlap=NUMBER)
PATTERN_PAGE = extended(
    PATTERN,
    "learn patterns show",
    tasks_affected=listed(TEXT),
    examples=listed(EXAMPLE),
    similar_solved=listed(SIMILAR),
    similar_failed=listed(SIMILAR),
)

LEARN: list[Schema] = [
    listed(ERROR),
    *TRIALS,
    listed(PATTERN),
    PATTERN_PAGE,
    record("learn patterns split|merge|label", action=TEXT, pattern=TEXT, signatures=listed(TEXT)),
]
