"""The shapes that --json prints, as JSON Schemas, by the name in the envelope: ``metaagent/NAME@1``.

Within one version fields are added, never removed or changed in meaning. A test holds these against real output.
"""

from __future__ import annotations

from metaagent.cli.schemas_learn import ERROR, FINGERPRINT, INGEST, LEARN
from metaagent.cli.schemas_trials import CYCLE, PROTOCOL, SUMMARY
from metaagent.cli.shapes import (
    ANYTHING,
    COUNT,
    NUMBER,
    OUTCOME,
    SHARE,
    STATUS,
    TEXT,
    TIME,
    TRUTH,
    Schema,
    either,
    extended,
    listed,
    mapped,
    maybe,
    record,
)

FINDING = record(kind=TEXT, message=TEXT, location=TEXT, expected=maybe(TEXT), got=maybe(TEXT))
COMMENT = record(time=TIME, agent=TEXT, role=TEXT, body=TEXT)
DECISION = record(time=TIME, decision=TEXT, why=TEXT, by=TEXT)
TRIED = record(id=TEXT, agent=TEXT, outcome=maybe(OUTCOME), score=maybe(NUMBER), reason=maybe(TEXT))

ATTEMPT = record(
    "an attempt; what ended is null while it runs",
    id=TEXT,
    started=TIME,
    ended=maybe(TIME),
    task_id=TEXT,
    agent=TEXT,
    role=TEXT,
    model=TEXT,
    protocol=TEXT,
    purpose=TEXT,
    number=COUNT,
    domain=maybe(TEXT),
    outcome=maybe(OUTCOME),
    score=maybe(NUMBER),
    reason=maybe(TEXT),
    rungs=maybe(COUNT),
    passed_first=maybe(TRUTH),
    calls=maybe(COUNT),
    prompt_tokens=maybe(COUNT),
    reply_tokens=maybe(COUNT),
    model_seconds=maybe(NUMBER),
    seconds=maybe(NUMBER),
    cost=maybe(NUMBER),
    artifact=maybe(TEXT),
    digest=maybe(TEXT),
    backend=maybe(TEXT),
    task_hash=TEXT,
    run_id=TEXT,
)
STEP = record(
    attempt_id=TEXT,
    number=COUNT,
    kind=TEXT,
    name=TEXT,
    started=TIME,
    seconds=NUMBER,
    prompt_tokens=maybe(COUNT),
    reply_tokens=maybe(COUNT),
    model_seconds=maybe(NUMBER),
    finish=maybe(TEXT),
    cached=maybe(TRUTH),
    calls=maybe(COUNT),
    truncated=maybe(TRUTH),
    error=maybe(TEXT),
    logprobs=maybe(mapped(mapped(NUMBER))),
    prompt=maybe(TEXT),
    reply=maybe(TEXT),
)
_ROW = {"id": TEXT, "time": TIME, "run_id": maybe(TEXT), "attempt_id": TEXT, "step": COUNT}
VERDICT = record(
    **_ROW, validator=TEXT, public=TRUTH, outcome=TEXT, checked=COUNT, held=COUNT, seconds=NUMBER
)  # fmt: skip
EVENT = record(
    **_ROW,
    task_id=TEXT,
    validator=TEXT,
    public=TRUTH,
    kind=TEXT,
    message=TEXT,
    location=TEXT,
    expected=maybe(TEXT),
    got=maybe(TEXT),
)
ATTEMPT_PAGE = extended(
    ATTEMPT, "log ATTEMPT: with every word", steps=listed(STEP), verdicts=listed(VERDICT), events=listed(EVENT)
)

TASK_ROW = record(
    "task list: id is null for a line that has none yet",
    id=maybe(TEXT),
    title=TEXT,
    status=STATUS,
    priority=TEXT,
    assignees=listed(TEXT),
    due=maybe(TEXT),
    depends=listed(TEXT),
    domain=maybe(TEXT),
    spec=maybe(TEXT),
    line=COUNT,
)
TASK = record(
    "task show",
    id=TEXT,
    title=TEXT,
    status=STATUS,
    goal=TEXT,
    domain=maybe(TEXT),
    priority=TEXT,
    due=maybe(TEXT),
    assignees=listed(TEXT),
    depends=listed(TEXT),
    inputs=mapped(TEXT),
    artifact=record(format=TEXT, schema=maybe({"type": "object"}), name=maybe(TEXT)),
    checks=listed(record(validator=TEXT, public=TRUTH, options={"type": "object"})),
    limits=record(attempts=maybe(COUNT), seconds=maybe(NUMBER), tokens=maybe(COUNT), cost=maybe(NUMBER)),
    strategy=maybe(TEXT),
    set=maybe(TEXT),
    group=maybe(TEXT),
    family=maybe(TEXT),
    reference=maybe(TEXT),
    source=maybe(TEXT),
    hash=TEXT,
    line=COUNT,
    attempts=listed(TRIED),
    comments=listed(COMMENT),
    decisions=listed(DECISION),
)
TASK_WHY = record(
    "task why",
    id=TEXT,
    title=maybe(TEXT),
    status=maybe(STATUS),
    attempts=listed(TRIED),
    attempt=maybe(ATTEMPT_PAGE),
    tries=listed(
        record(
            number=COUNT,
            name=TEXT,
            failed=TRUTH,
            prompt=maybe(TEXT),
            reply=maybe(TEXT),
            error=maybe(TEXT),
            verdicts=listed(VERDICT),
            events=listed(EVENT),
        )
    ),
    comments=listed(COMMENT),
    decisions=listed(DECISION),
)
_TASK_LISTS = (
    TASK_ROW,
    record(
        "task add, task import",
        id=maybe(TEXT),
        title=TEXT,
        status=STATUS,
        assignees=listed(TEXT),
        attributes=mapped(TEXT),
    ),
    record("task edit, assign, move, archive", id=TEXT, changed={"type": "object"}, dry_run=TRUTH),
    record(
        "task accept, reject, retry",
        task=TEXT,
        decision=TEXT,
        **{"from": STATUS, "to": STATUS},
        why=TEXT,
        dry_run=TRUTH,
    ),
    record("task validate", task=TEXT, outcome=TEXT, message=TEXT),
    record("task checks", check=TEXT, place=TEXT, sandbox=TRUTH, summary=TEXT, text=TEXT),
    record(
        "task validate --artifact",
        task=TEXT,
        validator=TEXT,
        public=TRUTH,
        outcome=TEXT,
        checked=COUNT,
        held=COUNT,
        findings=listed(FINDING),
    ),
)

MEASURES = record(
    "the first entry is all attempts together",
    group=TEXT,
    attempts=COUNT,
    tasks=COUNT,
    completion=SHARE,
    solved=SHARE,
    success=SHARE,
    first_try=SHARE,
    inconclusive=COUNT,
    interrupted=COUNT,
    score=maybe(NUMBER),
    errors=mapped(SHARE),
    latency=record(n=COUNT, p50=maybe(NUMBER), p90=maybe(NUMBER), p99=maybe(NUMBER), max=maybe(NUMBER)),
    calls=COUNT,
    prompt_tokens=COUNT,
    reply_tokens=COUNT,
    tokens_per_solved=maybe(NUMBER),
    cost=NUMBER,
    interventions=COUNT,
)

STATUS_PAGE = record(
    workspace=TEXT,
    board=mapped(COUNT),
    agents=listed(record(id=TEXT, state=TEXT, note=TEXT)),
    running=listed(record(task=TEXT, title=TEXT, agent=TEXT, pid=COUNT)),
    blockers=listed(record(task=maybe(TEXT), title=TEXT, reason=TEXT)),
    last_run=maybe(
        record(id=TEXT, started=TIME, ended=maybe(TIME), status=maybe(TEXT), attempts=COUNT, summary=ANYTHING)
    ),
    interrupted=record(operations=COUNT, claims=COUNT, attempts=COUNT),
    problems=listed(record(line=COUNT, message=TEXT, mend=TEXT)),
    hosts=listed(record(url=TEXT, state={"enum": ["in", "out", "unknown"]}, note=TEXT, seen=maybe(TIME))),
)

ARTIFACT = record(
    "artifact list", task=TEXT, attempt=TEXT, outcome=TEXT, score=NUMBER, time=TIME, path=TEXT, there=TRUTH
)

RESULT = record(
    task_id=TEXT,
    title=TEXT,
    agent_id=TEXT,
    attempt_id=TEXT,
    outcome=OUTCOME,
    status=maybe(STATUS),
    reason=TEXT,
    score=NUMBER,
    rungs=COUNT,
    passed_first=TRUTH,
    seconds=NUMBER,
    calls=COUNT,
    tokens=COUNT,
    artifact=maybe(TEXT),
)
RUN = record(
    "run; status is the exit status",
    run_id=TEXT,
    results=listed(RESULT),
    tasks=COUNT,
    passed=COUNT,
    passed_first=COUNT,
    failed=COUNT,
    review=COUNT,
    inconclusive=COUNT,
    calls=COUNT,
    tokens=COUNT,
    seconds=NUMBER,
    busy=NUMBER,
    conflicts=COUNT,
    stopped=maybe(TEXT),
    status=COUNT,
    artifacts=TEXT,
)

AGENT = record(
    id=TEXT,
    role=TEXT,
    model=TEXT,
    capabilities=listed(TEXT),
    temperature=NUMBER,
    heartbeat=maybe(NUMBER),
    paused=TRUTH,
    note=TEXT,
    state=TEXT,
)
_SHOWN = {"bootstrapped": maybe(TIME), "shown": listed(TEXT), "not_shown": listed(TEXT)}
AGENT_ROW = extended(AGENT, "agent list: shown and not_shown are what its model did in its last bootstrap", **_SHOWN)
AGENT_PAGE = extended(
    AGENT_ROW,
    "agent show",
    purpose=TEXT,
    may=listed(TEXT),
    record=listed(record(domain=TEXT, passes=COUNT, total=COUNT)),
)
AGENT_BOOTSTRAP = record(
    "agent bootstrap: roles says whether system prompts have influence, null where it cannot be told",
    id=TEXT,
    model=TEXT,
    ready=TRUTH,
    stages=listed(record(name=TEXT, state={"enum": ["passed", "failed", "not run"]}, says=TEXT)),
    capabilities=listed(record(name=TEXT, shown=maybe(TRUTH), says=TEXT)),
    roles=maybe(TRUTH),
    warnings=listed(TEXT),
    digest=TEXT,
    backend=TEXT,
    engine=TEXT,
    calls=COUNT,
)
MODEL = record(
    name=TEXT,
    size=maybe(COUNT),
    present=TRUTH,
    source=maybe(TEXT),
    path=maybe(TEXT),
    title=TEXT,
    licence=TEXT,
    sha256=maybe(TEXT),
)

PROBLEM = record(line=COUNT, message=TEXT, mend=TEXT, kind=TEXT, blocking=TRUTH)
CHANGE = record(task_id=TEXT, field=TEXT, old=maybe(TEXT), new=maybe(TEXT))
BOARD = record(
    "board show",
    stamp=maybe(TEXT),
    tasks=listed(
        record(
            id=maybe(TEXT),
            title=TEXT,
            status=STATUS,
            assignees=listed(TEXT),
            attributes=mapped(TEXT),
            line=COUNT,
            end=COUNT,
        )
    ),
    agents=listed(record(id=TEXT, state=TEXT, note=TEXT, line=COUNT)),
    activity=listed(TEXT),
    problems=listed(PROBLEM),
)
BOARD_DIFF = record(
    "board diff", stamp=maybe(TEXT), guessed=TRUTH, suspect=maybe(TEXT), changes=listed(CHANGE), diff=TEXT
)
PULSE = record(agent_id=TEXT, ok=TRUTH, tries=COUNT, message=TEXT, summary=maybe(RUN))

REPORT = record(
    "ledger check",
    path=TEXT,
    schema=COUNT,
    size=COUNT,
    rows=mapped(COUNT),
    problems=listed(TEXT),
    dropped=COUNT,
    unfinished=COUNT,
    sqlite=TEXT,
    locked_writes=TRUTH,
)
PLAN = record("run --dry-run", lines=listed({"type": "object"}), waiting=mapped(listed(TEXT)), left_out=mapped(TEXT))

SANDBOXES = record(
    "sandbox status, sandbox probe",
    used=maybe(TEXT),
    level=maybe(COUNT),
    backends=listed(
        record(
            name=TEXT,
            level=COUNT,
            proven=TRUTH,
            fresh=TRUTH,
            why_not=TEXT,
            key=maybe(mapped(TEXT)),
            probes=listed(record(name=TEXT, promise=TEXT, shown=TRUTH, held=TRUTH, needed=TRUTH, ok=TRUTH, note=TEXT)),
        )
    ),
)
SANDBOX_RUN = record(
    "sandbox run",
    backend=TEXT,
    level=COUNT,
    status={"enum": ["exited", "signalled", "killed"]},
    exit_code=maybe({"type": "integer"}),
    signal=maybe(COUNT),
    killed_for=maybe({"enum": ["wall", "cpu", "memory", "output", "disk", "processes"]}),
    seconds=NUMBER,
    stdout=TEXT,
    stderr=TEXT,
    files=mapped(COUNT),
)

DOCTOR = record(
    "doctor",
    ok=TRUTH,
    workspace=maybe(TEXT),
    components=listed(
        record(
            component=TEXT,
            state={"enum": ["ok", "warning", "failed", "not checked"]},
            says=TEXT,
            mend=maybe(TEXT),
            name=TEXT,
            details={"type": "object"},
        )
    ),
    fixes=listed(record(component=TEXT, does=TEXT, done=TRUTH)),
)

SCHEMAS: dict[str, Schema] = {
    "agent": either(
        listed(AGENT_ROW),
        AGENT_PAGE,
        AGENT,
        listed(AGENT_BOOTSTRAP),
        record("agent remove", id=TEXT, removed=TRUTH),
        record("agent why", task=TEXT, domain=maybe(TEXT), scores=listed({"type": "object"})),
    ),
    "artifact": either(
        listed(ARTIFACT),
        extended(ARTIFACT, "artifact show", text=TEXT),
        extended(ARTIFACT, "artifact apply", to=TEXT, kept=maybe(TEXT), changed=TRUTH, dry_run=TRUTH),
    ),
    "board": either(
        BOARD,
        BOARD_DIFF,
        record("board check", writable=TRUTH, suspect=maybe(TEXT), problems=listed(PROBLEM)),
        record("board undo --dry-run", stamp=TEXT, diff=TEXT),
        record("board accept, board undo", stamp=maybe(TEXT), changes=listed(CHANGE)),
        record("board repair", fixes=listed(TEXT), stamp=maybe(TEXT), dry_run=TRUTH),
        listed(record("board undo --list", stamp=TEXT, author=TEXT, size=COUNT)),
    ),
    "completion": record(shell=TEXT, script=TEXT),
    "config": either(record("config path", path=TEXT, exists=TRUTH), ANYTHING),
    "doctor": DOCTOR,
    "evaluate": either(listed(MEASURES), listed(SUMMARY), listed(ERROR)),
    "fingerprint": listed(FINGERPRINT),
    "full-cycle": CYCLE,
    "heartbeat": listed(PULSE),
    "ingest": INGEST,
    "init": record(root=TEXT, written=listed(TEXT), kept=listed(TEXT), trusted=listed(TEXT), dry_run=TRUTH),
    "ledger": either(
        record("ledger path", path=TEXT, exists=TRUTH),
        listed({"type": "object", "title": "ledger sql: by the names of the columns"}),
        listed(record("ledger views", name=TEXT, description=TEXT)),
        REPORT,
        listed(record("ledger backup --list", path=TEXT, size=COUNT, time=TIME)),
        record("ledger backup", path=TEXT),
        record("ledger rebuild", dry_run=TRUTH, made=mapped(COUNT)),
        record("ledger prune", dry_run=TRUTH, rows=mapped(COUNT)),
    ),
    "learn": either(*LEARN),
    "log": either(listed(ATTEMPT), ATTEMPT_PAGE),
    "model": either(
        listed(MODEL),
        MODEL,
        record("model pull --dry-run", name=TEXT, present=TRUTH, bytes=COUNT),
        record("model pull, by an Ollama server", name=TEXT, source=TEXT, present=TRUTH),
        record(
            "model pull --into ollama; sent: the server lacked it",
            name=TEXT,
            servers=listed(record(url=TEXT, model=TEXT, sent=TRUTH)),
            dry_run=TRUTH,
        ),
        record("model remove", name=TEXT, removed=listed(TEXT)),
    ),
    "protocol": either(*PROTOCOL),
    "run": either(RUN, PLAN),
    "sandbox": either(SANDBOXES, SANDBOX_RUN),
    "schedule": record(crontab=TEXT, service=TEXT, timer=TEXT),
    "schema": either(listed(TEXT), {"type": "object"}),
    "status": STATUS_PAGE,
    "task": either(*map(listed, _TASK_LISTS), TASK, TASK_WHY),
    "trust": listed(record(path=TEXT, state=TEXT, sha256=TEXT)),
}


def envelope(name: str) -> Schema:
    """The whole document that --json prints under this name; KeyError for a name that is none."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"metaagent/{name}@1",
        **record(schema={"const": f"metaagent/{name}@1"}, data=SCHEMAS[name]),
    }
