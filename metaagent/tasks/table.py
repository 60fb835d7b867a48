"""A user's own table with known answers -> a set of tasks.

``metaagent task import bills.csv --goal "..." --input text --expect vendor --expect total --tolerance total=0.01``
writes tasks/bills.yaml and tasks/bills.jsonl. The schema of the answer is inferred from the expected columns: types
from their values, and an enumeration where a few texts keep coming back (that list is told to agents; whose row has
which is not).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from metaagent.errors import SpecificationError, StorageError, UsageError
from metaagent.records import Limits
from metaagent.tasks.identity import TASK_ID
from metaagent.tasks.inference import infer, typed
from metaagent.tasks.intake import NewTask
from metaagent.tasks.rows import Row, form_of, read_rows
from metaagent.validators.options import nearest
from metaagent.validators.paths import child

_RESERVED = frozenset({"id", "title", "expected", "reference", "group", "family"})
_NUMBER = ("integer", "number")


@dataclass(frozen=True, slots=True)
class TableImport:
    """What an import makes: two files (``write``) and the tasks for the board. Nothing is written before ``write``."""

    name: str
    specification: Path
    rows: Path
    schema: Mapping[str, Any]
    tasks: tuple[NewTask, ...]
    files: Mapping[Path, bytes]

    def write(self) -> None:
        from metaagent.tasks.write import write_new

        write_new(self.files)


def import_table(
    source: str,
    *,
    root: Path,
    goal: str,
    inputs: Sequence[str],
    expects: Sequence[str],
    name: str | None = None,
    domain: str | None = None,
    id_column: str | None = None,
    group: str | None = None,
    family: str | None = None,
    tolerances: Iterable[str] = (),
    taken: Collection[str] = (),
    write: bool = True,
) -> TableImport:
    """Import ``source``, a file's path or ``-`` for standard input, as CSV or JSON lines.

    ``expects`` are columns, or ``FIELD=COLUMN``; ``tolerances`` are ``COLUMN=NUMBER``; ``taken`` are ids in use.
    SpecificationError names the line and the mend; UsageError a column that is not there or a file that already is.
    """
    data, shown = _data(source)
    rows = read_rows(data, shown)
    fields = _fields(expects)
    if not goal.strip():
        raise UsageError("the goal is empty", mend='say what is to be done: --goal "Extract ... as JSON"')
    used = [*inputs, *fields.values(), *(one for one in (id_column, group, family) if one)]
    _refuse_columns(rows, shown, inputs, fields, used)
    values = _expected(rows, shown, fields, as_text=form_of(shown, data) == "csv")
    head = _Head(_name(name, source), goal, domain, tuple(inputs), id_column, group, family)
    schema = _schema(values)
    made = _made(root, shown, head, rows, values, schema, _tolerances(tolerances, fields, schema))
    _refuse_taken(made, taken)
    _read_back(root, made)
    if write:
        made.write()
    return made


@dataclass(frozen=True, slots=True)
class _Head:
    name: str
    goal: str
    domain: str | None
    inputs: tuple[str, ...]
    id_column: str | None
    group: str | None
    family: str | None


def _data(source: str) -> tuple[bytes, str]:
    if source == "-":
        return sys.stdin.buffer.read(), "standard input"
    try:
        return Path(source).read_bytes(), source
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{source}: no such file", mend="name a CSV or JSON lines file") from None
    except IsADirectoryError:
        raise UsageError(f"{source} is a folder", mend="name a CSV or JSON lines file") from None
    except OSError as error:
        raise StorageError(f"cannot read {source}: {error.strerror}") from error


def _name(name: str | None, source: str) -> str:
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name or ("table" if source == "-" else Path(source).stem)).strip("-._")
    if not slug or not slug[0].isalpha():
        slug = f"set-{slug}" if slug else "table"
    return slug.lower() if name is None else slug


def _fields(expects: Sequence[str]) -> dict[str, str]:
    """Field of the answer -> column."""
    fields: dict[str, str] = {}
    for text in expects:
        field, _, column = text.partition("=")
        if field in fields:
            raise UsageError(f"--expect {field} stands twice", mend="name each column once")
        fields[field] = column or field
    if not fields:
        raise UsageError("no column is expected", mend="name the columns with the known answers: --expect COLUMN")
    return fields


def _refuse_columns(
    rows: list[Row], shown: str, inputs: Sequence[str], fields: Mapping[str, str], used: Sequence[str]
) -> None:
    known = list(dict.fromkeys(name for row in rows[:100] for name in row.values))
    for column in used:
        if column not in known:
            raise UsageError(f"{shown} has no column {column!r}{nearest(column, known)}", mend="name a column it has")
    if not inputs:
        raise UsageError("no column is an input", mend="name what the agent gets to read: --input COLUMN")
    for column in inputs:
        if column in fields.values():
            raise UsageError(f"the column {column!r} is both input and expected", mend="an answer cannot be told")
    for row in rows:
        if all(_cell(row, column) == "" for column in inputs):
            raise SpecificationError(
                f"{shown}:{row.line}: all inputs are empty", mend=f"fill or delete line {row.line}"
            )


def _expected(rows: list[Row], shown: str, fields: Mapping[str, str], *, as_text: bool) -> dict[str, list[Any]]:
    """The expected values by field, typed; empty ones are refused: an empty answer key would pass no answer."""
    empty = [
        (row.line, column)
        for row in rows
        for column in fields.values()
        if row.values.get(column) is None or (isinstance(row.values[column], str) and not row.values[column].strip())
    ]
    if empty:
        line, column = empty[0]
        more = f" (and {len(empty) - 1} more)" if len(empty) > 1 else ""
        message = f"{shown}:{line}: the expected {column!r} is empty{more}"
        raise SpecificationError(message, mend="fill in the answer, delete the row, or leave out --expect " + column)
    columns = {field: [row.values[column] for row in rows] for field, column in fields.items()}
    return {field: typed(values) if as_text else values for field, values in columns.items()}


def _schema(values: Mapping[str, list[Any]]) -> dict[str, Any]:
    properties = {field: infer(column) for field, column in values.items()}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _tolerances(texts: Iterable[str], fields: Mapping[str, str], schema: Mapping[str, Any]) -> dict[str, float]:
    by_column = {column: field for field, column in fields.items()}
    found: dict[str, float] = {}
    for text in texts:
        column, _, number = text.rpartition("=")
        field = by_column.get(column, column)
        if field not in fields:
            raise UsageError(
                f"--tolerance {text}: {column!r} is not expected{nearest(column, fields)}", mend="COL=0.01"
            )
        if not re.fullmatch(r"\d+(\.\d+)?([eE]-?\d+)?", number):
            raise UsageError(f"--tolerance {text}: {number!r} is not a number", mend=f"--tolerance {column}=0.01")
        if schema["properties"][field].get("type") not in _NUMBER:
            raise UsageError(f"--tolerance {text}: {column!r} does not hold numbers", mend="leave it out")
        found[child("", field)] = float(number)
    return found


def _made(
    root: Path,
    shown: str,
    head: _Head,
    rows: list[Row],
    values: Mapping[str, list[Any]],
    schema: dict[str, Any],
    tolerance: dict[str, float],
) -> TableImport:
    from metaagent.tasks.write import yaml_text

    columns = {column: f"{column}_" if column in _RESERVED else column for column in head.inputs}
    ids = _ids(head, rows, shown)
    lines = [_line(head, row, ids[index], columns, values, index) for index, row in enumerate(rows)]
    specification, path = root / "tasks" / f"{head.name}.yaml", root / "tasks" / f"{head.name}.jsonl"
    text = yaml_text(_specification(head, columns, schema, tolerance))
    tasks = tuple(NewTask(f"{head.name} {task_id}", task_id) for task_id in ids)
    files = {path: "".join(lines).encode(), specification: text.encode()}
    return TableImport(head.name, specification, path, schema, tasks, files)


def _specification(
    head: _Head, columns: Mapping[str, str], schema: dict[str, Any], tolerance: dict[str, float]
) -> dict[str, Any]:
    plain = all(name == column for name, column in columns.items())
    return {
        "set": head.name,
        "title": f"{head.name} {{id}}",
        "goal": head.goal.strip() + "\n",
        **({"domain": head.domain} if head.domain else {}),
        "artifact": {"format": "json", "schema": schema},
        "rows": f"{head.name}.jsonl",
        "inputs": list(columns) if plain else dict(columns),
        **({"checks": {"key": [{"json.expected": {"tolerance": tolerance}}]}} if tolerance else {}),
    }


def _ids(head: _Head, rows: list[Row], shown: str) -> list[str]:
    if head.id_column is not None:
        return _column_ids(head, head.id_column, rows, shown)
    width = max(3, len(str(len(rows))))
    return [f"{head.name.upper()}-{number:0{width}}" for number in range(1, len(rows) + 1)]


def _column_ids(head: _Head, column: str, rows: list[Row], shown: str) -> list[str]:
    """The column's values; those that are no task ids, like plain numbers, get the set's name before them."""
    ids: dict[str, int] = {}
    for row in rows:
        text = str(row.values.get(column, "")).strip()
        task_id = text if TASK_ID.fullmatch(text) else f"{head.name.upper()}-{text}"
        where = f"{shown}:{row.line}"
        if not TASK_ID.fullmatch(task_id) or not text:
            raise SpecificationError(f"{where}: {column}: {text!r} cannot be in a task id", mend="leave out --id")
        if task_id in ids:
            raise SpecificationError(
                f"{where}: {column}: {text!r} stands in line {ids[task_id]} too", mend="leave out --id"
            )
        ids[task_id] = row.line
    return list(ids)


def _line(
    head: _Head, row: Row, task_id: str, columns: Mapping[str, str], values: Mapping[str, list[Any]], index: int
) -> str:
    inputs = {key: _cell(row, column) for column, key in columns.items()}
    record = {
        "id": task_id,
        **inputs,
        "expected": {child("", field): column[index] for field, column in values.items()},
        "group": str(row.values.get(head.group, "")) if head.group else content_group(inputs.values()),
        **({"family": str(row.values.get(head.family, ""))} if head.family else {}),
    }
    return json.dumps(record, ensure_ascii=not _storable(record)) + "\n"


def _storable(record: Mapping[str, Any]) -> bool:
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _cell(row: Row, column: str) -> Any:
    value = row.values.get(column)
    return "" if value is None or (isinstance(value, str) and not value.strip()) else value


def content_group(inputs: Iterable[Any]) -> str:
    """One name for texts that differ in digits, case and spaces alone: near-duplicates, which must not be split."""
    text = " ".join(" ".join(str(value).casefold().split()) for value in inputs)
    return sha256(re.sub(r"\d+", "0", text).encode(errors="replace")).hexdigest()[:12]


def _refuse_taken(made: TableImport, taken: Collection[str]) -> None:
    clash = next((task.id for task in made.tasks if task.id in taken), None)
    if clash is not None:
        raise UsageError(f"there is a task {clash} already", mend="give another --name, or an --id COLUMN")


def _read_back(root: Path, made: TableImport) -> None:
    """What will be written is read as a set first, so that an import that succeeds makes tasks that load."""
    from metaagent.tasks.sets import set_from
    from metaagent.tasks.sheet import parse_sheet
    from metaagent.tasks.specification import Place

    shown = f"tasks/{made.specification.name}"
    sheet = parse_sheet(made.files[made.specification].decode(), made.specification, shown)
    task_set = set_from(sheet, Place(root, Limits()), made.files[made.rows], f"tasks/{made.rows.name}")
    for _ in task_set.tasks():
        pass
