"""No value that a task is judged by reaches its brief: by its fields, and by searching it for planted canaries."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

from metaagent.records import Brief, Task
from metaagent.tasks.brief import brief
from metaagent.tasks.index import SpecIndex
from metaagent.tasks.join import join
from metaagent.tasks.table import import_table
from tests.tasks.workspace import Line, write

CANARY = "CANARY-7f3a"
SECRETS = f"""\
id: TASK-1
goal: Extract the vendor
inputs: {{text: Some text}}
artifact: {{schema: {{type: object, properties: {{vendor: {{type: string}}}}}}}}
group: {CANARY}-group
family: {CANARY}-family
reference: {CANARY}-reference
checks:
  public: [json.parse]
  key:
    - json.expected: {{values: {{vendor: {CANARY}-value, "deep.{CANARY}": 1}}, tolerance: {{"{CANARY}x": 1}}}}
    - text.contains: ["{CANARY}-part"]
    - text.forbids: {{regex: "{CANARY}+"}}
    - text.expected: {CANARY}-text
    - json.format: {{vendor: {{enum: ["{CANARY}-enum"]}}}}
    - user: checks/{CANARY}.py
"""
HEAD = """\
set: bills
goal: Extract the bill
rows: bills.jsonl
inputs: [text]
artifact: {schema: {type: object, properties: {vendor: {type: string}, total: {type: number}}}}
"""


def tells(task: Task) -> bool:
    return CANARY in repr(brief(task))


def test_a_brief_has_no_field_for_answers() -> None:
    told = {field.name for field in fields(Brief)}
    assert told == {"task_id", "title", "goal", "domain", "inputs", "artifact", "group"}  # the group as a hash alone
    assert not told & {"checks", "reference", "family", "source", "hash"}


def test_a_specification_keeps_its_answers(tmp_path: Path) -> None:
    write(tmp_path, tasks__one_yaml=SECRETS, **{f"checks__{CANARY}_py": "def check(a, t): pass"})
    task = SpecIndex(tmp_path).get("TASK-1")
    assert task is not None
    assert repr(task).count(CANARY) >= 10
    assert not tells(task)
    assert not tells(join(Line("TASK-1", "A title"), task))


def test_a_set_keeps_its_answers(tmp_path: Path) -> None:
    row = {"id": "B-1", "text": "t", "group": CANARY, "expected": {"vendor": CANARY, "total": 3}, "reference": CANARY}
    row |= {"note": CANARY}
    for expect in ("", "expect: {vendor: answer}\n"):
        rows = json.dumps({**row, "answer": CANARY})
        write(tmp_path, tasks__bills_yaml=HEAD + expect, tasks__bills_jsonl=rows)
        task = SpecIndex(tmp_path).get("B-1")
        assert task is not None
        assert CANARY in repr(task.checks)
        assert not tells(task)


def test_a_text_set_keeps_its_answers(tmp_path: Path) -> None:
    head = "set: qa\ngoal: Answer\nrows: qa.csv\ninputs: [q]\nexpect: a\n"
    write(tmp_path, tasks__qa_yaml=head, tasks__qa_csv=f"q,a\nWhat?,{CANARY}\n")
    (task,) = SpecIndex(tmp_path).tasks()
    assert CANARY in repr(task.checks)
    assert not tells(task)


def test_an_import_keeps_its_answers(tmp_path: Path) -> None:
    for number, count in enumerate((1, 2, 12)):
        lines = "".join(f"text {n},{CANARY}\n" for n in range(count))
        source = tmp_path / f"t{number}.csv"
        source.write_text("text,vendor\n" + lines)
        import_table(str(source), root=tmp_path, goal="Extract", inputs=["text"], expects=["vendor"])
    tasks = list(SpecIndex(tmp_path).tasks())
    assert len(tasks) == 15
    assert all(CANARY in repr(task.checks) for task in tasks)
    assert not any(map(tells, tasks))
