from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.errors import SpecificationError
from metaagent.records import Check, Limits, Priority, Strategy
from metaagent.tasks.sheet import parse_sheet
from metaagent.tasks.specification import Place, read_specification, task_of
from metaagent.tasks.write import write_specification, yaml_text
from tests.tasks.workspace import SINGLE, workspace, write


def read(root: Path, text: str):  # type: ignore[no-untyped-def]
    write(root, tasks__one_yaml=text)
    return read_specification(root / "tasks/one.yaml", Place(root, Limits(attempts=3, tokens=1000)))


def refused(root: Path, text: str) -> SpecificationError:
    with pytest.raises(SpecificationError) as caught:
        read(root, text)
    assert caught.value.mend
    return caught.value


def test_a_whole_specification(tmp_path: Path) -> None:
    workspace(tmp_path)
    task = read(tmp_path, SINGLE)
    assert (task.id, task.title, task.goal) == (
        "TASK-012",
        "Vendor of the scanned bill",
        "Extract the vendor as JSON.\n",
    )
    assert task.inputs == {"text": "Bill of Acme"}
    assert task.limits == Limits(attempts=5, tokens=1000)
    assert (task.priority, task.due, task.depends) == (Priority.HIGH, date(2026, 12, 1), ("TASK-001",))
    assert [(check.validator, check.public) for check in task.checks] == [
        ("json.parse", True),
        ("json.schema", True),
        ("json.format", True),
        ("json.expected", False),
    ]
    assert task.artifact.format == "json"
    assert task.source == "tasks/one.yaml"


def test_the_least_specification(tmp_path: Path) -> None:
    task = read(tmp_path, "goal: Write a poem\nstrategy: reasoning\n")
    assert (task.id, task.title, task.artifact.format, task.checks) == ("one", "Write a poem", "text", ())
    assert task.strategy is Strategy.REASONING


def test_public_checks_of_json_are_implied(tmp_path: Path) -> None:
    schema = {"type": "object"}
    task = read(tmp_path, "goal: g\nartifact: {schema: {type: object}}\n")
    assert task.checks == (Check("json.parse", True), Check("json.schema", True, {"schema": schema}))
    assert read(tmp_path, "goal: g\nartifact: {format: json}\n").checks == (Check("json.parse", True),)
    assert read(tmp_path, "goal: g\nartifact: {format: json}\nchecks: {public: []}\n").checks == ()


def test_short_forms(tmp_path: Path) -> None:
    write(tmp_path, checks__tone_py="def check(a, t): pass")
    text = """\
goal: g
checks:
  public: [{text.contains: [a]}, {text.forbids: [b]}, {user: checks/tone.py}, {user: checks/tone.py:tone}]
  key: [{text.expected: c}]
"""
    assert [dict(check.options) for check in read(tmp_path, text).checks] == [
        {"all": ["a"]},
        {"any": ["b"]},
        {"file": "checks/tone.py"},
        {"file": "checks/tone.py", "function": "tone"},
        {"value": "c"},
    ]


def test_words_mean_what_they_say(tmp_path: Path) -> None:
    words = "{a: NO, b: 2026-01-05, c: 12:30, d: 1e3, e: 012, f: true, g: }"
    text = f"goal: g\nchecks: {{key: [{{json.expected: {{values: {words}}}}}]}}"
    values = read(tmp_path, text).checks[-1].options["values"]
    assert values == {"a": "NO", "b": "2026-01-05", "c": "12:30", "d": 1000.0, "e": "012", "f": True, "g": None}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("gaol: x\n", 1, "unknown key 'gaol'; did you mean 'goal'?"),
        ("goal: x\nartifact:\n  scheme: {}\n", 3, "unknown key 'scheme'; did you mean 'schema'?"),
        ("title: x\n", 1, "goal: is missing"),
        ("goal: ' '\n", 1, "goal: is empty"),
        ("goal: x\nlimits: {attempts: 0}\n", 2, "limits.attempts"),
        ("goal: x\npriority: urgent\n", 2, "priority"),
        ("goal: x\ndue: soon\n", 2, "due"),
        ("goal: x\ndepends: [a b]\n", 2, "is not a task id"),
        ("id: 12\ngoal: x\n", 1, "id"),
        ("goal: x\ndomain: Data Json\n", 2, "domain"),
        ("goal: x\nchecks:\n  public:\n    - json.shema\n", 4, "did you mean 'json.schema'"),
        (
            "goal: x\nchecks:\n  public:\n    - json.expected: {values: {a: 1}}\n",
            4,
            "holds the answer and cannot be public",
        ),
        ("goal: x\nchecks:\n  key:\n    - json.expected:\n        vals: {a: 1}\n", 5, "unknown option 'vals'"),
        ("goal: x\nchecks: {public: [{a: 1, b: 2}]}\n", 2, "a check is a name"),
        ("goal: x\nchecks: {public: [{json.format: 3}]}\n", 2, "must be a mapping"),
        ("goal: x\nartifact:\n  schema: {type: strin}\n", 3, "is not a JSON Schema"),
        ("goal: x\nchecks: {public: [{user: checks/no.py}]}\n", 2, "does not exist"),
        ("goal: x\nchecks: {public: [{user: tone.py}]}\n", 2, "not a Python file in checks/"),
        ("goal: x\ngoal: y\n", 2, "stands twice"),
        ("goal: x\ninputs: {a: {file: none.txt}}\n", 2, "no such file"),
        ("goal: x\ninputs: {a: {file: ../x}}\n", 2, "outside of the workspace"),
        ("goal: x\ninputs: {a: }\n", 2, "must be a text or {file: PATH}"),
        ("goal: [x\n", 2, "not valid YAML"),
        ("goal: &a x\ntitle: *a\n", 2, "aliases"),
        ("- goal\n", 1, "must be a mapping"),
        ("goal: \x01\n", 0, "not valid YAML"),
        ("[" * 5000, 0, "not valid YAML"),
    ],
)
def test_errors_name_file_line_field_and_mend(tmp_path: Path, text: str, line: int, says: str) -> None:
    error = refused(tmp_path, text)
    assert error.message.startswith(f"tasks/one.yaml:{line}: " if line else "tasks/one.yaml")
    assert says in error.message


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    write(tmp_path, tasks__one_yaml=b"goal: x\ntitle: \xff\n")
    with pytest.raises(SpecificationError, match=r"tasks/one.yaml:2: not UTF-8 text"):
        read_specification(tmp_path / "tasks/one.yaml", Place(tmp_path))


@pytest.mark.parametrize(
    "path", [".metaagent/config.yaml", "/etc/hostname", "link", "tasks/one.yaml", "../x", "a\x00b"]
)
def test_inputs_stay_inside_and_away_from_answers(tmp_path: Path, path: str) -> None:
    root = write(tmp_path / "w", _metaagent__config_yaml="x")
    (tmp_path / "x").write_text("outside")
    (root / ".metaagent").mkdir()
    (root / ".metaagent/config.yaml").write_text("x")
    (root / "link").symlink_to(tmp_path / "x")
    error = refused(root, yaml_text({"goal": "x", "inputs": {"a": {"file": path}}}))
    assert "inputs.a" in error.message


def test_the_hash_is_of_what_is_judged(tmp_path: Path) -> None:
    workspace(tmp_path, checks__tone_py="def check(a, t): pass")
    text = SINGLE.replace("json.parse,", "json.parse, {user: checks/tone.py},")
    first = read(tmp_path, text).hash
    assert read(tmp_path, text.replace("priority: high", "priority: low")).hash == first
    for change in (("Extract", "Get"), ("Acme GmbH}", "Acme}"), ("json.parse,", "")):
        assert read(tmp_path, text.replace(*change)).hash != first
    (tmp_path / "data/bill.txt").write_text("Another bill")
    second = read(tmp_path, text).hash
    write(tmp_path, checks__tone_py="def check(a, t): return ['x']")
    assert len({first, second, read(tmp_path, text).hash}) == 3


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), plain, max_size=4))
def test_what_is_written_as_yaml_reads_back(values: dict[str, object]) -> None:
    assert parse_sheet(yaml_text(values), Path("x"), "x").values == values


def test_lone_surrogates_survive() -> None:
    values = {"goal": "a\ud800b", "\udfff": ["\u2028", "\ufeff", "x\r\ny", " \n "]}
    assert parse_sheet(yaml_text(values), Path("x"), "x").values == values
    assert yaml_text(values).encode()


@given(st.text())
def test_any_text_is_a_task_or_a_specification_error(text: str) -> None:
    try:
        task_of(parse_sheet(text, Path("one.yaml"), "one.yaml"), Place(Path()))
    except SpecificationError as error:
        assert error.message.startswith("one.yaml")


def test_a_specification_is_written_once_and_only_if_it_holds(tmp_path: Path) -> None:
    task = write_specification(tmp_path, "TASK-7", {"title": "T", "goal": "a\nb: [", "inputs": {"x": "1e5"}})
    assert read_specification(tmp_path / "tasks/TASK-7.yaml", Place(tmp_path)) == task
    assert (task.id, task.goal, task.inputs) == ("TASK-7", "a\nb: [", {"x": "1e5"})
    with pytest.raises(Exception, match="is there already"):
        write_specification(tmp_path, "TASK-7", {"goal": "other"})
    with pytest.raises(SpecificationError):
        write_specification(tmp_path, "TASK-8", {"gaol": "x"})
    assert [file.name for file in (tmp_path / "tasks").iterdir()] == ["TASK-7.yaml"]
