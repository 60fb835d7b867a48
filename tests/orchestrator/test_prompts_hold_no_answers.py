"""The honesty test: whole runs over sets whose answers are canaries, then a search for them in all that was asked.

An expected value may stand in a prompt only where the task's own text (title, goal, inputs, schema) has it.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metaagent.agents.prompts import harmless, render
from metaagent.agents.roles import built_in_roles
from metaagent.inference.base import ChatRequest
from metaagent.orchestrator.evaluate import evaluate
from metaagent.records import Task
from metaagent.tasks.brief import brief
from metaagent.tasks.index import SpecIndex
from metaagent.workspace import Workspace
from tests.orchestrator.place import Model, Place

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "invoices"
ADVISERS = """\
agents:
  agent:executor:main: {}
  agent:analyzer:main: {}
  agent:validator:main: {}
  agent:qa:main: {}
  agent:orchestrator:main: {}
limits: {attempts: 5}
"""
CANARIES = """\
set: canaries
goal: Turn the text into a record.
artifact:
  format: json
  schema:
    type: object
    required: [name, total, note]
    properties: {name: {type: string}, total: {type: integer}, note: {type: string}}
rows: canaries.jsonl
inputs: [text]
expect: [name, total, note]
checks:
  public: [json.parse, json.schema, {json.format: {name: "[A-Z].*"}}, {user: {file: checks/tone.py}}]
  key: [{json.expected: {tolerance: {total: 0.5}}}, {user: {file: checks/secret.py}}]
"""
PUBLIC_CHECK = """\
def check(artifact, task):
    assert "reference" not in task
    return ["rude"] if "rude" in artifact else []
"""
KEY_CHECK = (
    'def check(artifact, task):\n    return [{"message": "not " + task["reference"], "expected": task["reference"]}]\n'
)
ANSWERS = [
    "no json at all",
    '{"name": "low", "total": "many"}',
    '{"name": "Rude", "total": 1, "note": "rude"}',
    '{"name": "Upper", "total": 1, "note": "kind"}',
    '{"name": "Upper", "total": 2}',
    '{"domain": "text.summary", "why": "It was rejected.", "comment": "Fine so far.", "concerns": []}',
    "and so on, and so forth, " * 40,
    "First this, then that.",
]


class Turns:
    """Wrong answers of every kind in turn, so that every sort of feedback comes up on every rung."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, request: ChatRequest) -> str:
        self.count += 1
        properties = (request.schema or {}).get("properties", {})
        if "strategy" in properties:
            return json.dumps({"strategy": ("conversational", "reasoning")[self.count % 2]})
        if {"domain", "why", "comment"} & set(properties):
            return ANSWERS[5]
        return ANSWERS[self.count * 3 % len(ANSWERS)]


@pytest.fixture
def turns(model: Model) -> Model:
    model.answer = Turns()
    return model


def leaves(value: Any) -> Iterator[str]:
    """Every value in an answer, as it would stand in a text."""
    if isinstance(value, dict):
        for one in value.values():
            yield from leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one)
    elif value is not None:
        yield value if isinstance(value, str) else json.dumps(value)


def answers(task: Task) -> set[str]:
    found = set(leaves([dict(check.options) for check in task.checks if check.validator.endswith(".expected")]))
    return found | ({task.reference} if task.reference else set())


def own_text(task: Task) -> str:
    schema = json.dumps(task.artifact.schema, ensure_ascii=False)
    return harmless("\n".join([task.id, task.title, task.goal, *task.inputs, *task.inputs.values(), schema]))


def told(task: Task, texts: Iterable[str]) -> list[str]:
    """The answers of the task that stand in the texts, but not in the task itself nor in what every prompt says."""
    known = own_text(task)
    secret = [answer for answer in answers(task) if not _stands_in(answer, known)]
    return [answer for answer in secret for text in texts if _stands_in(answer, text)]


def _stands_in(answer: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", text) is not None


def asked(model: Model) -> list[str]:
    """All that went to the backend, schemas included."""
    return [
        "\n".join(message.content for message in request.messages) + json.dumps(request.schema, ensure_ascii=False)
        for request in model.requests
    ]


@pytest.fixture
def canaries(make: Callable[..., Place]) -> Place:
    rows = [
        {
            "id": f"CAN-{number}",
            "text": f"Text {number} says little.",
            "name": f"Canary{number}x{number * 7919}",
            "total": 770_000 + number * 31,
            "note": f"secret note {number} ✓ ünïcode",
        }
        for number in range(1, 13)
    ]
    lines = "".join(f"- [{row['id']}] Record {row['id']}\n" for row in rows)
    single = "- [TASK-101] One with a reference\n- [TASK-102] One without checks\n"
    place = make(config=ADVISERS, board={"INBOX": lines + single})
    (place.root / "tasks" / "canaries.yaml").write_text(CANARIES, encoding="utf-8")
    (place.root / "tasks" / "canaries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (place.root / "checks").mkdir()
    (place.root / "checks" / "tone.py").write_text(PUBLIC_CHECK)
    (place.root / "checks" / "secret.py").write_text(KEY_CHECK)
    key = [{"text.expected": {"value": "The magpie answer 4711"}}]
    place.write_spec("TASK-101", domain="text.summary", checks={"key": key}, reference="The magpie answer 4711")
    place.write_spec("TASK-102", reference="A reference 0815 for a person")
    with place.workspace.open_ledger() as ledger:
        from metaagent.ledger import trust

        trust.record(ledger, [(trust.WORKSPACE, trust.ANY)], "test")
    return place


def test_no_prompt_of_a_run_holds_an_answer(canaries: Place, turns: Model) -> None:
    """All rungs, twice the ladder's length, several attempts at each task, all advisers at work."""
    summary = canaries.run(all=True, retries=5, jobs=4)
    assert summary.failed and summary.review
    texts = asked(turns)
    kinds = "\n".join(texts)
    for part in (
        "did not pass its checks",
        "was rejected",
        "short plan",
        "following this plan",
        "<delivered>",
        "<facts>",
    ):
        assert part in kinds, part
    index = SpecIndex(canaries.root, canaries.workspace.config.limits)  # type: ignore[arg-type]
    tasks = [index.get(name) for name in canaries.statuses()]
    stored = [row[0] for row in canaries.rows("SELECT body FROM texts")]
    replies = set(ANSWERS)
    for task in tasks:
        assert task is not None
        assert answers(task)
        assert told(task, texts) == []
        assert told(task, [text for text in stored if text not in replies]) == []


def test_key_evidence_is_in_the_ledger_all_the_same(canaries: Place, turns: Model) -> None:
    canaries.run("CAN-1", retries=7)
    events = canaries.rows("SELECT validator, public, expected FROM error_events WHERE NOT public")
    assert any("Canary1x7919" in (row[2] or "") for row in events)
    assert turns.requests


def test_a_measurement_tells_no_answers_either(canaries: Place, turns: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metaagent.orchestrator.evaluate.open_backend", turns.backend)
    evaluate(canaries.workspace, "canaries", None, lambda _event: None, retries=4)
    assert len(turns.requests) > 30
    for task in SpecIndex(canaries.root).set("canaries").tasks():
        assert told(task, asked(turns)) == []


def test_all_invoices_on_all_rungs(tmp_path: Path, turns: Model) -> None:
    """All rows that we ship, through the real run, each prompt against the answers of its own task."""
    root = tmp_path / "invoices"
    shutil.copytree(EXAMPLE, root)
    wrong = {
        "customer": "Nobody & Sons",
        "country": "XKX",
        "date": "1901-02-03",
        "amount": -1,
        "currency": "EUR",
        "status": "open",
        "reference": "zz",
    }
    answers_in_turn = [
        "not json",
        json.dumps({**wrong, "country": 5}),
        json.dumps(wrong),
        json.dumps({**wrong, "status": "lost"}),
        "A plan of few words.",
        json.dumps({**wrong, "amount": -2}),
    ]
    counts: dict[int, int] = {}

    def answer(request: ChatRequest) -> str:
        text = request.messages[1].content.split("</text>")[0]
        counts[hash(text)] = counts.get(hash(text), -1) + 1
        return answers_in_turn[counts[hash(text)] % len(answers_in_turn)]

    turns.answer = answer
    place = Place(root)
    (root / ".metaagent").mkdir(exist_ok=True)
    tasks = {task.id: task for task in SpecIndex(root).set("invoices").tasks()}
    place.write_board(INBOX="".join(f"- [{task.id}] {task.title}\n" for task in tasks.values()))
    summary = place.run(retries=4, jobs=8)
    assert summary.tasks == len(tasks) >= 240
    prompts: dict[str, list[str]] = {}
    for task_id, name, prompt in place.rows(
        "SELECT a.task_id, s.name, t.body FROM steps s JOIN attempts a ON a.id = s.attempt_id "
        "JOIN texts t ON t.hash = s.prompt_hash"
    ):
        prompts.setdefault(task_id, []).append(prompt)
        assert name in {"conversational", "fresh", "sample", "plan"}
    fixed = json.dumps([wrong, answers_in_turn])
    for task_id, task in tasks.items():
        assert len(prompts[task_id]) == 6
        found = [answer for answer in told(task, prompts[task_id]) if not _stands_in(answer, fixed)]
        assert found == []
    assert len(turns.requests) == 6 * len(tasks)


def test_the_search_itself_finds_what_it_looks_for(canaries: Place) -> None:
    task = SpecIndex(canaries.root).get("CAN-1")
    assert task is not None
    assert told(task, ["... expected Canary1x7919 ..."]) == ["Canary1x7919"]
    assert told(task, ["total 770031"]) == ["770031"]
    assert told(task, ["7700311 xCanary1x79190"]) == []


def test_a_workspace_has_no_other_way_from_a_task_to_a_prompt(canaries: Place) -> None:
    """A brief, what prompts are rendered from, has no field that could carry an answer."""
    from dataclasses import fields

    from metaagent.records import Brief

    named = {field.name for field in fields(Brief)}
    assert named == {"task_id", "title", "goal", "domain", "inputs", "artifact", "group"}
    # The group keeps a task's near-duplicates out of its own prompt; it is compared, never written.
    hidden = replace(brief(SpecIndex(EXAMPLE).set("invoices").task("INV-001")), group="GROUP-CANARY")
    assert "GROUP-CANARY" not in repr(render(built_in_roles()["executor"], hidden))
    assert isinstance(Workspace(canaries.root), Workspace)
