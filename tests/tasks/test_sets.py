from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter

import pytest

from metaagent.errors import MetaagentError, SpecificationError
from metaagent.records import Check, Outcome
from metaagent.tasks.sets import TaskSet, coerce, read_set
from metaagent.tasks.specification import Place
from metaagent.validators import judge, outcome
from tests.tasks.workspace import SET, rows, workspace, write


def read(root: Path) -> TaskSet:
    return read_set(root / "tasks/invoices.yaml", Place(root))


def refused(root: Path) -> MetaagentError:
    with pytest.raises(SpecificationError) as caught:
        list(read(root).tasks())
    assert caught.value.mend
    return caught.value


def test_rows_become_tasks(tmp_path: Path) -> None:
    task_set = read(workspace(tmp_path))
    assert task_set.ids == ("INV-001", "INV-002", "INV-003", "INV-004", "INV-005")
    task = task_set.task("INV-002")
    assert (task.title, task.set, task.group, task.family) == ("Invoice INV-002", "invoices", "g2", "f")
    assert task.inputs == {"text": "text 2"}
    assert task.checks[-1] == Check(
        "json.expected", False, {"tolerance": {"total": 0.01}, "values": {"customer": "c2", "total": 2}}
    )
    assert task.source == "tasks/invoices.jsonl:2"
    assert task.reference is not None
    assert outcome(task.checks, judge(task.reference, task.checks)) is Outcome.PASS


def test_tasks_of_a_set_share_what_is_the_same(tmp_path: Path) -> None:
    one, two, *_ = read(workspace(tmp_path)).tasks()
    assert one.artifact is two.artifact
    assert one.checks[1].options is two.checks[1].options
    assert one.hash != two.hash


def test_ten_thousand_rows_load_in_a_moment(tmp_path: Path) -> None:
    workspace(tmp_path, 10_000)
    started = perf_counter()
    assert read(tmp_path).task("INV-9999").inputs == {"text": "text 9999"}
    assert perf_counter() - started < 5  # about 0.1 s; the bound is for a busy machine


def test_expected_may_stand_in_the_row(tmp_path: Path) -> None:
    head = SET.replace("expect: [customer, total]\n", "").replace(
        "checks: {key: [{json.expected: {tolerance: {total: 0.01}}}]}\n", ""
    )
    row = {"id": "A-1", "text": "t", "expected": {"customer": "x"}, "title": "Own title", "reference": "ref"}
    write(
        tmp_path, tasks__invoices_yaml=head.replace('id: "INV-{row:03}"\n', ""), tasks__invoices_jsonl=json.dumps(row)
    )
    task = read(tmp_path).task("A-1")
    assert task.checks[-1] == Check("json.expected", False, {"values": {"customer": "x"}})
    assert (task.title, task.reference) == ("Own title", "ref")


def test_a_column_or_a_default_gives_ids(tmp_path: Path) -> None:
    write(tmp_path, tasks__invoices_jsonl=rows(1))
    write(tmp_path, tasks__invoices_yaml=SET.replace('"INV-{row:03}"', "{column: customer}"))
    assert read(tmp_path).ids == ("c1",)
    write(tmp_path, tasks__invoices_yaml=SET.replace('id: "INV-{row:03}"\n', ""))
    assert read(tmp_path).ids == ("INVOICES-001",)


def test_a_text_is_expected_as_a_whole(tmp_path: Path) -> None:
    head = "set: tone\ngoal: Answer yes or no\nrows: invoices.csv\ninputs: {question: q}\nexpect: answer\n"
    write(tmp_path, tasks__invoices_yaml=head, tasks__invoices_csv="q,answer\nIs it?,yes\n")
    (task,) = read(tmp_path).tasks()
    assert (task.artifact.format, task.inputs) == ("text", {"question": "Is it?"})
    assert task.checks == (Check("text.expected", False, {"value": "yes"}),)


def test_csv_cells_get_the_types_of_the_schema(tmp_path: Path) -> None:
    write(tmp_path, tasks__invoices_yaml=SET.replace(".jsonl", ".csv"))
    write(tmp_path, tasks__invoices_csv=b'\xef\xbb\xbftext;customer;total\r\n"a;\nb";007;12.50\r\n')
    (task,) = read(tmp_path).tasks()
    assert task.inputs == {"text": "a;\nb"}
    assert task.checks[-1].options["values"] == {"customer": "007", "total": 12.5}
    write(tmp_path, tasks__invoices_csv="text,customer,total\na,b,1\nc,d,x\n")
    assert "tasks/invoices.csv:3: total: 'x' is not of type number" in refused(tmp_path).message


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("", ["string", "null"], None),
        ("3", "integer", 3),
        ("3.50", "number", 3.5),
        ("TRUE", "boolean", True),
        ("3", None, "3"),
    ],
)
def test_coerce(text: str, kind: object, value: object) -> None:
    assert coerce(text, kind) == value


def test_files_and_constants_as_inputs(tmp_path: Path) -> None:
    head = SET.replace("[text]", "{letter: text, rules: {file: data/bill.txt}}")
    row = {"text": {"file": "data/a.txt"}, "customer": "c", "total": 1}
    workspace(tmp_path, tasks__invoices_yaml=head, tasks__invoices_jsonl=json.dumps(row), data__a_txt="A letter")
    (task,) = read(tmp_path).tasks()
    assert task.inputs == {"letter": "A letter", "rules": "Bill of Acme"}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[text]", "[text, total]", "tasks/invoices.yaml:11: inputs.total: the column 'total' is expected"),
        ("[text]", "{a: customer}", "the column 'customer' is expected and cannot be told"),
        ("[text]", "[expected]", "is expected and cannot be told"),
        ("Invoice {id}", "Invoice of {customer}", "{customer} is not an input"),
        ("INV-{row:03}", "{customer}", "is expected and cannot be in an id"),
        ("INV-{row:03}", "{nope}", "not all rows have the column 'nope'"),
        ("INV-{row:03}", "SAME", "the id SAME stands twice, first in line 1"),
        ("INV-{row:03}", "{row}", "is not a task id"),
        ("[text]", "[txt]", "tasks/invoices.jsonl:1: has no 'txt'"),
        ("rows: invoices.jsonl", "rows: none.jsonl", "tasks/invoices.yaml:10: rows: no such file"),
        ("rows: invoices.jsonl", "rows: ../../x.jsonl", "outside of the workspace"),
        ("inputs: [text]", "inputs: {a: {file: tasks/invoices.jsonl}}", "holds the answers"),
        ("tolerance: {total", "tolerance: {x..y", "tasks/invoices.yaml:13"),
        ("expect:", "expects:", "unknown key 'expects'; did you mean 'expect'?"),
    ],
)
def test_heads_that_do_not_hold(tmp_path: Path, old: str, new: str, says: str) -> None:
    workspace(tmp_path, tasks__invoices_yaml=SET.replace(old, new))
    assert says in refused(tmp_path).message


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ('{"text": "a"}\n{"text": \n', ":2: not JSON"),
        ("[1]\n", ":1: is one JSON list"),
        ('{"a": NaN}', ":1: not JSON: NaN is not JSON"),
        ("\n\n3\n", ":3: not JSON: must be an object"),
        ("", "has no rows"),
        (b'{"text": "\xff"}', ":1: not JSON: not UTF-8 text"),
        ('{"a":' * 5000, ":1: not JSON: nested too deep"),
        ('{"text": "a", "customer": "b"}\n', ":1: has no 'total'"),
        ('{"text": null, "customer": "b", "total": 1}\n', ":1: must be a text"),
    ],
)
def test_rows_that_do_not_hold(tmp_path: Path, data: str | bytes, says: str) -> None:
    workspace(tmp_path, tasks__invoices_jsonl=data)
    assert f"tasks/invoices.jsonl{says}" in refused(tmp_path).message.replace(
        "tasks/invoices.jsonl: has", "tasks/invoices.jsonlhas"
    )


CASES = """\
set: functions
goal: Write the function.
rows: functions.jsonl
inputs: [text]
checks: {key: [{python.cases: {fixture: fixtures/lib.py}}]}
"""


def functions(root: Path, row: dict[str, object], head: str = CASES) -> TaskSet:
    line = json.dumps({"id": "F-1", "text": "f", **row})
    write(root, tasks__functions_yaml=head, tasks__functions_jsonl=line, fixtures__lib_py="x = 1")
    return read_set(root / "tasks/functions.yaml", Place(root))


def test_tests_and_results_of_queries_come_from_the_row(tmp_path: Path) -> None:
    tests = [{"args": [1], "expected": 2}]
    (check,) = functions(tmp_path, {"entry": "f", "tests": tests, "reference": "ref"}).task("F-1").checks
    assert check == Check("python.cases", False, {"fixture": "fixtures/lib.py", "entry": "f", "tests": tests})
    head = CASES.replace("python.cases", "sql.result")
    expected = {"columns": ["a"], "rows": [[1]]}
    task = functions(tmp_path, {"expected": expected}, head).task("F-1")
    assert task.checks == (Check("sql.result", False, {"fixture": "fixtures/lib.py", "expected": expected}),)
    assert task.reference is None


def test_a_task_is_another_when_its_fixture_is(tmp_path: Path) -> None:
    row: dict[str, object] = {"entry": "f", "tests": [{"args": [], "expected": 1}]}
    before = functions(tmp_path, row).task("F-1").hash
    assert functions(tmp_path, row).task("F-1").hash == before
    (tmp_path / "fixtures/lib.py").write_text("x = 2")
    assert read_set(tmp_path / "tasks/functions.yaml", Place(tmp_path)).task("F-1").hash != before


@pytest.mark.parametrize(
    ("row", "head", "message"),
    [
        ({"entry": "f"}, CASES, "functions.jsonl:1: has no 'tests'"),
        ({"entry": "f", "tests": []}, CASES, "must be a list of 1 to 500 tests"),
        ({"entry": "f", "tests": [{"expected": 1}]}, CASES.replace("[text]", "[text, tests]"), "cannot be told"),
        ({"entry": "f", "tests": [{"expected": 1}]}, CASES.replace("lib.py", "none.py"), "does not exist"),
        ({"entry": "f", "tests": [{"expected": 1}]}, CASES.replace("{key:", "{public:"), "cannot be public"),
    ],
)
def test_what_a_set_with_tests_cannot_be(tmp_path: Path, row: dict[str, object], head: str, message: str) -> None:
    with pytest.raises(SpecificationError, match=message):
        functions(tmp_path, row, head)
