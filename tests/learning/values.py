"""Small cases, and a judge that compares JSON fields: learning without ledger, sandbox or model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from metaagent.learning.proposals import Bench, Case, Judged
from metaagent.records import ArtifactForm, Check, ErrorEvent, ErrorKind, Logprobs, Outcome, Task
from metaagent.validators.base import judge, outcome, score


def make_task(name: str, expected: Mapping[str, Any], text: str = "", **fields: Any) -> Task:
    given: dict[str, Any] = {
        "goal": "Read the note.",
        "domain": "data.json",
        "inputs": {"text": text or f"note {name}"},
        "artifact": ArtifactForm("json"),
        "checks": (Check("json.parse", True), Check("json.expected", False, {"values": dict(expected)})),
        "group": f"g-{name}",
        "family": "f",
        "reference": json.dumps(expected),
        "hash": f"h-{name}",
    }
    return Task(name, f"Title {name}", **{**given, **fields})


def make_case(
    task: Task, reply: str, events: Sequence[ErrorEvent] | None = None, logprobs: Logprobs | None = None
) -> Case:
    """As the real judge sees the reply."""
    verdicts = judge(reply, task.checks)
    found = events
    if found is None:
        found = [
            ErrorEvent(
                "e", f"a-{task.id}", 2, task.id, f.kind, f.message, v.validator, v.public, f.location, f.expected, f.got
            )
            for v in verdicts
            for f in v.findings
        ]
    came_to = outcome(task.checks, verdicts), score(task.checks, verdicts)
    return Case(task, f"a-{task.id}", reply, reply, *came_to, tuple(found), logprobs or {})


def event(
    kind: ErrorKind, message: str = "m", *, public: bool = True, validator: str = "v", **fields: Any
) -> ErrorEvent:
    return ErrorEvent("e", "a", 1, "T", kind, message, validator, public, **fields)


def rejudge(pairs: Sequence[tuple[Task, str]]) -> list[Judged]:
    found = []
    for task, text in pairs:
        verdicts = judge(text, task.checks)
        found.append(Judged(outcome(task.checks, verdicts), score(task.checks, verdicts), verdicts))
    return found


BENCH = Bench(Path(), rejudge)
PASS, FAIL = Outcome.PASS, Outcome.FAIL
