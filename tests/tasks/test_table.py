from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaagent.errors import UsageError
from metaagent.records import Outcome
from metaagent.tasks.index import SpecIndex
from metaagent.tasks.inference import infer, typed
from metaagent.tasks.table import TableImport, content_group, import_table
from metaagent.validators import judge, outcome

HEADER = "text,vendor,total,status,reference\n"


def table(root: Path, content: str | bytes, name: str = "bills.csv", **changes: Any) -> TableImport:
    (root / name).write_bytes(content.encode() if isinstance(content, str) else content)
    options = {"goal": "Extract the bill", "inputs": ["text"], "expects": ["vendor"], **changes}
    return import_table(str(root / name), root=root, **options)


def refused(root: Path, content: str | bytes, name: str = "bills.csv", **changes: Any) -> str:
    with pytest.raises(UsageError) as caught:
        table(root, content, name, **changes)
    assert caught.value.mend
    assert not list((root / "tasks").glob("*")) or "is there already" in caught.value.message
    return caught.value.message


def test_a_table_becomes_tasks_that_their_reference_passes(tmp_path: Path) -> None:
    lines = [f'"Bill {n},\nof Äcme",V{n},{n}.50,{("open", "paid")[n % 2]},R{n}\n' for n in range(12)]
    made = table(
        tmp_path,
        b"\xef\xbb\xbf" + (HEADER + "".join(lines)).encode(),
        inputs=["text", "reference"],
        expects=["vendor", "amount=total", "status"],
        tolerances=["total=0.01"],
        domain="data.json.extract",
    )
    assert [task.id for task in made.tasks][:2] == ["BILLS-001", "BILLS-002"]
    tasks = list(SpecIndex(tmp_path).tasks())
    assert len(tasks) == 12
    assert tasks[3].inputs == {"text": "Bill 3,\nof Äcme", "reference": "R3"}
    properties = (tasks[0].artifact.schema or {})["properties"]
    assert properties == {
        "vendor": {"type": "string"},
        "amount": {"type": "number"},
        "status": {"type": "string", "enum": ["open", "paid"]},
    }
    assert tasks[0].checks[-1].options["tolerance"] == {"amount": 0.01}
    assert len({task.group for task in tasks}) == 1
    for task in tasks:
        assert task.reference is not None
        assert outcome(task.checks, judge(task.reference, task.checks)) is Outcome.PASS


def test_nothing_is_overwritten_and_nothing_written_on_a_dry_run(tmp_path: Path) -> None:
    content = "text,vendor\na,b\n"
    table(tmp_path, content, write=False)
    assert not (tmp_path / "tasks").exists()
    table(tmp_path, content)
    before = (tmp_path / "tasks/bills.yaml").read_bytes()
    assert "is there already" in refused(tmp_path, "text,vendor\nc,d\n")
    assert (tmp_path / "tasks/bills.yaml").read_bytes() == before
    (tmp_path / "tasks/half.yaml").write_text("goal: mine")
    with pytest.raises(UsageError):
        table(tmp_path, content, "half.csv")
    assert not (tmp_path / "tasks/half.jsonl").exists()


def test_json_lines_keep_their_types(tmp_path: Path) -> None:
    rows = [{"text": f"t{n}", "vendor": {"name": "x", "tags": ["a"]}, "total": n, "paid": True} for n in range(3)]
    content = "".join(json.dumps(row) + "\n" for row in rows)
    made = table(tmp_path, content, "b.jsonl", expects=["vendor", "total", "paid"])
    kinds = {name: schema["type"] for name, schema in made.schema["properties"].items()}
    assert kinds == {"vendor": "object", "total": "integer", "paid": "boolean"}


def test_ids_from_a_column(tmp_path: Path) -> None:
    made = table(tmp_path, "n,text,vendor\n7,a,b\nX-8,c,d\n", id_column="n")
    assert [task.id for task in made.tasks] == ["BILLS-7", "X-8"]
    assert "'7' stands in line 2 too" in refused_in(tmp_path, "n,text,vendor\n7,a,b\n7,c,d\n", id_column="n")


def refused_in(root: Path, content: str, **changes: Any) -> str:
    inner = root / "inner"
    inner.mkdir()
    return refused(inner, content, **changes)


@pytest.mark.parametrize(
    ("content", "changes", "says"),
    [
        ("text,vendor\na,b\nc,\n", {}, "bills.csv:3: the expected 'vendor' is empty"),
        ("text,vendor\na,  \nc,\n", {}, "bills.csv:2: the expected 'vendor' is empty (and 1 more)"),
        ("text,vendor\na,b,c\n", {}, "bills.csv:2: has 3 cells, the header 2"),
        ('text,vendor\na,b\n"c,d\n', {}, "bills.csv:3: not CSV"),
        ("text,vendor\na,b\x00\n", {}, "bills.csv:2: holds a NUL"),
        (b"text,vendor\na,\xe9\n", {}, "bills.csv:2: not UTF-8 text"),
        ("text,text\na,b\n", {}, "bills.csv:1: the column 'text' stands twice"),
        ("text,\na,b\n", {}, "bills.csv:1: column 2 has no name"),
        ("text,vendor\n", {}, "bills.csv: has no rows"),
        ("", {}, "has no rows"),
        ("text,vendor\n,b\n", {}, "bills.csv:2: all inputs are empty"),
        ("text,vendor\na,b\n", {"expects": ["vendr"]}, "has no column 'vendr'; did you mean 'vendor'?"),
        ("text,vendor\na,b\n", {"inputs": ["vendor"]}, "is both input and expected"),
        ("text,vendor\na,b\n", {"expects": []}, "no column is expected"),
        ("text,vendor\na,b\n", {"inputs": []}, "no column is an input"),
        ("text,vendor\na,b\n", {"goal": " "}, "the goal is empty"),
        ("text,vendor\na,b\n", {"tolerances": ["vendor=0.1"]}, "does not hold numbers"),
        ("text,vendor\na,1\n", {"tolerances": ["vendor=x"]}, "is not a number"),
        ("text,vendor\na,1\n", {"tolerances": ["total=1"]}, "'total' is not expected"),
        ("text,vendor\na,1\n", {"taken": {"BILLS-001"}}, "there is a task BILLS-001 already"),
    ],
)
def test_tables_that_do_not_hold(tmp_path: Path, content: str | bytes, changes: dict[str, Any], says: str) -> None:
    assert says in refused(tmp_path, content, **changes)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"text": "a", "vendor": null}', "b.jsonl:2: the expected 'vendor' is empty"),
        ('{"text": "a", "vendor": " "}', "b.jsonl:2: the expected 'vendor' is empty"),
        ('{"text": "a"}', "b.jsonl:2: the expected 'vendor' is empty"),
        ('{"text": "a" "vendor"}', "b.jsonl:2: not JSON"),
    ],
)
def test_bad_json_lines(tmp_path: Path, line: str, says: str) -> None:
    assert says in refused(tmp_path, '{"text": "a", "vendor": "b"}\n' + line, "b.jsonl")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        import_table(str(tmp_path / "x.csv"), root=tmp_path, goal="g", inputs=["a"], expects=["b"])


def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(b'{"q": "a", "a": "b"}\n')

    monkeypatch.setattr("sys.stdin", Stdin())
    made = import_table("-", root=tmp_path, goal="g", inputs=["q"], expects=["a"])
    assert (made.name, made.tasks[0].id) == ("table", "TABLE-001")


def test_types_and_choices_are_inferred() -> None:
    assert typed(["1", " 2 "]) == [1, 2]
    assert typed(["1", "2.5"]) == [1.0, 2.5]
    assert typed(["true", "FALSE"]) == [True, False]
    for texts in (["007"], ["1,250"], ["1", "x"], ["9" * 30], ["+1"]):
        assert typed(texts) == texts
    assert infer(["a", "b"] * 3) == {"type": "string", "enum": ["a", "b"]}
    for values in (["a"] * 9, ["a", "b"], list("abcdef") * 2):
        assert infer(values) == {"type": "string"}, "one text, or few of each, would tell the answer"
    assert infer([1, 2.5]) == {"type": "number"}
    assert infer([1, "a"]) == {"type": ["integer", "string"]}
    assert infer([]) == {"type": []}


def test_near_duplicates_share_a_group() -> None:
    assert content_group(["Bill 17 of ACME"]) == content_group(["bill  4 of acme"])
    assert content_group(["Bill of ACME"]) != content_group(["Bill of Bcme"])


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=6))
def test_any_table_makes_tasks_or_a_usage_error(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]
) -> None:
    root = tmp_path_factory.mktemp("table")
    text = io.StringIO()
    csv.writer(text).writerows([("text", "vendor"), *pairs])
    try:
        table(root, text.getvalue())
    except UsageError:
        return
    for task in SpecIndex(root).tasks():
        assert task.reference is not None
        assert outcome(task.checks, judge(task.reference, task.checks)) is Outcome.PASS
