"""The shapes of ``learn test``, ``plan``, ``history``, ``aa`` and of ``protocol`` with --json."""

from __future__ import annotations

from metaagent.cli.shapes import (
    ANYTHING,
    COUNT,
    NUMBER,
    SHARE,
    TEXT,
    TIME,
    TRUTH,
    Schema,
    extended,
    listed,
    mapped,
    maybe,
    record,
)

VERDICT: Schema = {"enum": ["promote", "reject", "inconclusive"]}
LOST = record(tasks=COUNT, lost=COUNT, regained=COUNT, low=NUMBER, high=NUMBER)
FORGETTING = extended(LOST, "forgetting; net: the share of the tasks that is lost", net=NUMBER)

TRIAL = record(
    "learn test; id and k are null where nothing was registered",
    id=maybe(TEXT),
    k=maybe(COUNT),
    verdict=VERDICT,
    reason=TEXT,
    domain=TEXT,
    model=TEXT,
    base=TEXT,
    candidate=TEXT,
    metric=TEXT,
    tasks=COUNT,
    pairs=COUNT,
    gains=COUNT,
    losses=COUNT,
    ties=COUNT,
    inconclusive=COUNT,
    discoveries=COUNT,
    alpha=NUMBER,
    evidence=NUMBER,
    threshold=NUMBER,
    futility=NUMBER,
    forgetting=FORGETTING,
    calls=COUNT,
    activation=maybe(TEXT),
    before=TRUTH,
)
CANDIDATE = record(
    "learn history; null while a trial is open; scores: of one on scores, candidate less control by pair, in order",
    id=TEXT,
    time=TIME,
    k=COUNT,
    domain=TEXT,
    model=TEXT,
    base=TEXT,
    candidate=TEXT,
    metric=TEXT,
    discoveries=COUNT,
    alpha=NUMBER,
    weight=NUMBER,
    threshold=NUMBER,
    delta=NUMBER,
    families=COUNT,
    fixed=COUNT,
    verdict=maybe(VERDICT),
    reason=maybe(TEXT),
    pairs=maybe(COUNT),
    gains=maybe(COUNT),
    losses=maybe(COUNT),
    ties=maybe(COUNT),
    inconclusive=maybe(COUNT),
    evidence=maybe(NUMBER),
    futility=maybe(NUMBER),
    calls=maybe(COUNT),
    ended=maybe(TIME),
    activation=maybe(TEXT),
    settings=mapped(ANYTHING),
    tasks=COUNT,
    note=TEXT,
    scores=maybe(listed(maybe(NUMBER))),
)
PLAN = record(
    "learn plan; seconds are null where this model has not answered yet",
    candidate=TEXT,
    domain=TEXT,
    model=TEXT,
    k=COUNT,
    discoveries=COUNT,
    alpha=NUMBER,
    threshold=NUMBER,
    wins_needed=COUNT,
    pairs=COUNT,
    calls_per_pair=COUNT,
    calls=COUNT,
    seconds_per_call=maybe(NUMBER),
    seconds=maybe(NUMBER),
    chances=listed(record(gains=NUMBER, losses=NUMBER, power=NUMBER)),
    decided=COUNT,
    said=listed(TEXT),
    arms=listed(
        record(
            "the kinds of remedy in the order in which they are tried in the candidate's domain",
            kind=TEXT,
            prior=NUMBER,
            tried=COUNT,
            promoted=COUNT,
            expected=NUMBER,
            calls=NUMBER,
            value=NUMBER,
        )
    ),
    rungs=listed(
        record(
            "the rungs in the order in which a ladder climbs them: those that may come first, then the further ones",
            rung=TEXT,
            first=TRUTH,
            tried=COUNT,
            solved=COUNT,
            prior=maybe(NUMBER),
            expected=maybe(NUMBER),
            value=maybe(NUMBER),
        )
    ),
)

PROPOSED = record(
    "learn propose; mended and harmed are mine tasks, known where exact",
    domain=TEXT,
    model=TEXT,
    candidate=TEXT,
    kinds=listed(TEXT),
    why=TEXT,
    readable=listed(TEXT),
    mended=listed(TEXT),
    harmed=listed(TEXT),
    gain=NUMBER,
    exact=TRUTH,
    cases=COUNT,
)
LOOP = record(
    "learn: the loop, one entry for each domain and model",
    domain=TEXT,
    model=TEXT,
    cases=COUNT,
    failures=COUNT,
    candidates=COUNT,
    promoted=COUNT,
    trials=listed(TRIAL),
    said=listed(TEXT),
    calls=COUNT,
    seconds=NUMBER,
)

INTERVAL = record(value=maybe(NUMBER), low=maybe(NUMBER), high=maybe(NUMBER))
ARM = record(
    name=TEXT,
    protocol=TEXT,
    retries=COUNT,
    n=COUNT,
    failed=SHARE,
    error_rate=NUMBER,
    calls_per_task=NUMBER,
    tokens_per_task=NUMBER,
    seconds_per_task=maybe(NUMBER),
    cost_per_task=NUMBER,
)
COMPARED = record(
    name=TEXT,
    protocol=TEXT,
    retries=COUNT,
    n=COUNT,
    gains=COUNT,
    losses=COUNT,
    fewer_failed=INTERVAL,
    fewer_errors=INTERVAL,
    broken=maybe(NUMBER),
)
SUMMARY = record(
    "evaluate --learning; what learning came to for one domain and model, on sealed tasks",
    domain=TEXT,
    model=TEXT,
    in_force=TEXT,
    sealed=COUNT,
    arms=listed(ARM),
    compared=listed(COMPARED),
    generalization=maybe(NUMBER),
    forgotten=LOST,
    decision=record(
        verdict={"enum": ["go", "no-go", "not enough evidence"]},
        why=TEXT,
        rules=listed(record(rule=TEXT, measured=TEXT, holds=maybe(TRUTH))),
    ),
    ablation=listed(
        record(
            "what is in force less one kind of remedy; fewer_*: what the kind brings, as a share of all tasks or units",
            kind=TEXT,
            protocol=TEXT,
            how={"enum": ["replayed", "measured", "not measured"]},
            n=COUNT,
            failed_without=SHARE,
            failed_with=SHARE,
            errors_without=maybe(NUMBER),
            errors_with=maybe(NUMBER),
            gains=COUNT,
            losses=COUNT,
            fewer_failed=INTERVAL,
            fewer_errors=INTERVAL,
            next=TEXT,
        )
    ),
    unseen_arms=listed(ARM),
    unseen_compared=listed(COMPARED),
    left_out=record(
        "sealed tasks with a result that does not count: of a task that changed or is gone, of another model so named",
        changed=COUNT,
        other_model=COUNT,
    ),
)
HEALTH = record(
    "learn monitor; gains and losses are those of the version before",
    domain=TEXT,
    model=TEXT,
    protocol=TEXT,
    watch=record(attempts=COUNT, errors=COUNT, bound=NUMBER, value=NUMBER, alarms=listed(COUNT)),
    verdict={"enum": ["quiet", "alarm", "keep", "rollback"]},
    pairs=COUNT,
    gains=COUNT,
    losses=COUNT,
    inconclusive=COUNT,
    evidence=NUMBER,
    activation=maybe(TEXT),
)
CYCLE = record(
    "full-cycle",
    run=record(tasks=COUNT, passed=COUNT, failed=COUNT),
    watched=listed(HEALTH),
    learned=listed(LOOP),
    measured=listed(record(run_id=TEXT, tasks=COUNT, passed=COUNT)),
    summaries=listed(SUMMARY),
    seconds=NUMBER,
)

IN_FORCE = record(
    "learn promote, learn rollback",
    action={"enum": ["manual", "rollback"]},
    domain=TEXT,
    model=TEXT,
    version=COUNT,
    hash=TEXT,
    activation=maybe(TEXT),
    dry_run=TRUTH,
)
FLIPS = record(
    "learn aa; protocols: all that were in force for these tasks, protocol: for the most of them",
    model=TEXT,
    protocol=TEXT,
    tasks=COUNT,
    flips=record(k=COUNT, n=COUNT, low=NUMBER, high=NUMBER),
    changed=COUNT,
    inconclusive=COUNT,
    calls=COUNT,
    steady=TRUTH,
    engine=mapped(ANYTHING),
    protocols=listed(TEXT),
)

INSIGHT = record(
    "learn insights; causes: how many attempts of the pattern each cause was named for",
    pattern=TEXT,
    template=TEXT,
    events=COUNT,
    cause={"enum": ["prompt", "tool", "context", "external", "unknown"]},
    rule=TEXT,
    confidence=NUMBER,
    why=TEXT,
    causes=mapped(COUNT),
    remedies=listed(TEXT),
)
TRIALS: list[Schema] = [
    listed(INSIGHT),
    listed(HEALTH),
    listed(LOOP),
    listed(PROPOSED),
    listed(TRIAL),
    listed(PLAN),
    listed(CANDIDATE),
    IN_FORCE,
    FLIPS,
]

REMEDY = record(kind=TEXT, name=TEXT, settings=mapped(ANYTHING))
VERSION = record(
    "protocol list",
    version=COUNT,
    hash=TEXT,
    domain=TEXT,
    model=TEXT,
    kinds=listed(TEXT),
    in_force=TRUTH,
    verdict=maybe(VERDICT),
    parent=maybe(TEXT),
    time=TIME,
    note=TEXT,
)
FLIPPED = record(task_id=TEXT, before=TEXT, after=TEXT, before_attempt=maybe(TEXT), after_attempt=maybe(TEXT))
IMPORTED = record("protocol import", candidate=TEXT, domain=TEXT, model=TEXT, remedies=COUNT, dry_run=TRUTH)
PROTOCOL: list[Schema] = [
    IMPORTED,
    listed(VERSION),
    record("protocol show", version=COUNT, hash=TEXT, domain=TEXT, model=TEXT, remedies=listed(REMEDY)),
    {
        "title": "protocol diff",
        "type": "object",
        "properties": {
            "from": TEXT,
            "to": TEXT,
            "changes": listed(record(change={"enum": ["added", "removed"]}, **REMEDY["properties"])),
            "flipped": maybe(listed(FLIPPED)),
        },
        "required": ["from", "to", "changes", "flipped"],
    },
]
