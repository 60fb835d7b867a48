"""A real workspace with a scripted model: a set of records, single tasks, a look at board and ledger from outside."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metaagent.board.parse import Board, parse
from metaagent.inference.base import ChatRequest
from metaagent.inference.scripted import Answer, ScriptedBackend
from metaagent.orchestrator.events import Event, Notice, Result, Summary
from metaagent.orchestrator.session import run
from metaagent.orchestrator.state import RunOptions
from metaagent.records import Outcome
from metaagent.workspace import Workspace

BACKEND = "scripted:script.yaml"
SET = """\
set: records
goal: Turn the text into a record.
domain: data.json.extract
artifact:
  format: json
  schema:
    type: object
    required: [name, total]
    properties: {name: {type: string}, total: {type: integer}}
rows: records.jsonl
inputs: [text]
expect: [name, total]
"""
HEAD = """\
# Board
Last Updated: 2026-02-02T10:30:00.000Z

## Active Agents

## Current Tasks
"""
RIGHT, WRONG, MISFIT = '{"name": "SMITH", "total": 7}', '{"name": "Smith", "total": 7}', '{"name": "SMITH"}'
STATUSES = ("INBOX", "ASSIGNED", "IN_PROGRESS", "REVIEW", "DONE")


@dataclass
class Place:
    """``events`` are those of the last run made here."""

    root: Path
    events: list[Event] = field(default_factory=list)

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.root)

    @property
    def board_path(self) -> Path:
        return self.root / "WORKING.md"

    def board(self) -> Board:
        return parse(self.board_path.read_bytes())

    def statuses(self) -> dict[str, str]:
        """Every task on the board; a test fails where one stands twice."""
        found = [(task.id or task.title, str(task.status)) for task in self.board().tasks]
        assert len(dict(found)) == len(found), found
        return dict(found)

    def where(self, status: str) -> list[str]:
        return [task_id for task_id, found in self.statuses().items() if found == status]

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(f"{self.workspace.ledger_path.as_uri()}?mode=ro", uri=True)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def outcomes(self, task_id: str) -> list[str]:
        """Of the task's attempts, in order; None for one without an end."""
        sql = "SELECT outcome FROM attempts LEFT JOIN outcomes ON attempt_id = attempts.id WHERE task_id = ?"
        return [row[0] for row in self.rows(f"{sql} ORDER BY attempts.id", task_id)]

    def prompts(self) -> list[str]:
        return [row[0] for row in self.rows("SELECT prompt FROM v_steps WHERE prompt IS NOT NULL ORDER BY started")]

    def order(self) -> list[str]:
        """The tasks in the order in which they were attempted."""
        return [row[0] for row in self.rows("SELECT task_id FROM attempts ORDER BY id")]

    def reason(self, task_id: str) -> str:
        """Why the task was last moved."""
        sql = "SELECT reason FROM status_changes WHERE task_id = ? ORDER BY id DESC LIMIT 1"
        return str(self.rows(sql, task_id)[0][0])

    def run(self, *tasks: str, **options: Any) -> Summary:
        self.events = []
        return run(self.workspace, RunOptions(tasks=tasks, **options), self.events.append)

    def results(self) -> dict[str, Result]:
        return {event.task_id: event for event in self.events if isinstance(event, Result)}

    def notices(self) -> str:
        return "\n".join(event.text for event in self.events if isinstance(event, Notice))

    def nothing_left_behind(self) -> None:
        """No claim, no attempt without an end, no intent that has not reached the board."""
        assert self.rows("SELECT * FROM claims") == []
        assert self.rows("SELECT id FROM attempts WHERE id NOT IN (SELECT attempt_id FROM outcomes)") == []
        assert self.rows("SELECT id FROM operations WHERE id NOT IN (SELECT operation_id FROM operation_ends)") == []

    def write_script(self, rules: Iterable[Mapping[str, Any]] = (), default: str = RIGHT, **more: Any) -> None:
        script = {"rules": list(rules), "default": default, **more}
        (self.root / "script.yaml").write_text(json.dumps(script), encoding="utf-8")

    def write_config(self, text: str) -> None:
        (self.root / ".metaagent" / "config.yaml").write_text(text, encoding="utf-8")

    def write_spec(self, task_id: str, **fields: Any) -> None:
        body = {"id": task_id, "goal": f"Do {task_id}.", **fields}
        (self.root / "tasks" / f"{task_id}.yaml").write_text(json.dumps(body), encoding="utf-8")

    def write_board(self, **sections: str) -> None:
        body = "".join(f"\n### {name}\n{sections.get(name, '')}" for name in STATUSES)
        self.board_path.write_text(f"{HEAD}{body}\n## Recent Activity\n", encoding="utf-8")

    def edit(self, old: str, new: str) -> None:
        """What a person does to the board."""
        text = self.board_path.read_text(encoding="utf-8")
        assert text.count(old) == 1, (old, text)
        self.board_path.write_text(text.replace(old, new), encoding="utf-8")

    def drag(self, task_id: str, to: str) -> None:
        """A person moves a task's lines to another section."""
        text = self.board_path.read_text(encoding="utf-8")
        task = self.board().by_id[task_id]
        lines = text.splitlines(keepends=True)
        block = lines[task.line - 1 : task.end]
        rest = "".join(lines[: task.line - 1] + lines[task.end :])
        heading = f"### {to}\n"
        assert heading in rest
        self.board_path.write_text(rest.replace(heading, heading + "".join(block)), encoding="utf-8")


def record_id(number: int) -> str:
    return f"REC-{number:03}"


def make_place(root: Path, records: int = 0, *, config: str = "", board: Mapping[str, str] | None = None) -> Place:
    """A workspace whose INBOX holds ``records`` tasks of one set, answered right by default, before what ``board`` has
    for each section."""
    (root / "tasks").mkdir(parents=True)
    (root / ".metaagent").mkdir()
    place = Place(root)
    place.write_config(config)
    place.write_script()
    if records:
        ids = [record_id(number) for number in range(1, records + 1)]
        rows = [{"id": name, "text": f"Record {name} of Smith: 7.", "name": "SMITH", "total": 7} for name in ids]
        (root / "tasks" / "records.yaml").write_text(SET, encoding="utf-8")
        (root / "tasks" / "records.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    lines = "".join(f"- [{record_id(number)}] Record {number}\n" for number in range(1, records + 1))
    sections = dict(board or {})
    place.write_board(**{**sections, "INBOX": lines + sections.get("INBOX", "")})
    return place


def counted(summary: Summary) -> dict[Outcome, int]:
    outcomes = [result.outcome for result in summary.results]
    return {outcome: outcomes.count(outcome) for outcome in Outcome if outcome in outcomes}


@dataclass
class Model:
    """A scripted model as a function that keeps what it was asked; ``answer`` may act (a person's edit, a signal)."""

    answer: Callable[[ChatRequest], str | Answer] = lambda _request: RIGHT
    slots: int = 8
    requests: list[ChatRequest] = field(default_factory=list)

    def backend(self, *_: object, **__: object) -> ScriptedBackend:
        return ScriptedBackend(self._script, slots=self.slots)

    def _script(self, request: ChatRequest) -> str | Answer:
        self.requests.append(request)
        return self.answer(request)

    def prompts(self) -> list[str]:
        return ["\n".join(message.content for message in request.messages) for request in self.requests]
