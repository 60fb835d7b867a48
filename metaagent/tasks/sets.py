"""A set: one specification for many rows, tasks/NAME.yaml beside tasks/NAME.jsonl.

    set: invoices
    id: "INV-{row:03}"            # or {column: number}; without it the rows' id, else INVOICES-001
    title: "Invoice {id}"         # {row}, {id}, {set} and input columns
    goal: Extract the invoice as JSON.
    artifact: {schema: {...}}
    rows: invoices.jsonl          # beside this file; JSON lines or CSV
    inputs: [text]                # columns, or {name: column}, or {name: {file: PATH}} for all rows
    expect: [customer, total]     # columns, or {field: column}, or one column; without it the rows' "expected"
    checks: {key: [{json.expected: {tolerance: {total: 0.01}}}]}

A row may also have group, family, title and reference. The head is checked once, rows by hand: ten thousand load in a
fraction of a second, and become tasks when they are asked for. An expected column cannot be an input or in a title.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaagent.errors import SpecificationError, StorageError
from metaagent.records import ArtifactForm, Check, Limits, Task
from metaagent.tasks.examples import with_examples
from metaagent.tasks.identity import TASK_ID, canonical, content_hash
from metaagent.tasks.inputs import inside, read_input
from metaagent.tasks.pattern import Pattern
from metaagent.tasks.rows import Row, form_of, read_rows
from metaagent.tasks.sheet import Sheet, read_sheet
from metaagent.tasks.specification import Checks, Place, artifact_form, limits, prepare, validated
from metaagent.validators.paths import child

if TYPE_CHECKING:
    from metaagent.tasks.models import SetModel


@dataclass(frozen=True)
class TaskSet:
    """A set that was read. ``rows`` maps each task's id to its row."""

    name: str
    sheet: Sheet
    place: Place
    model: SetModel
    artifact: ArtifactForm
    checks: Checks
    limits: Limits
    columns: Mapping[str, Any]
    expect: Mapping[str, str] | str | None
    shown_rows: str
    rows: Mapping[str, Row]
    coerced: bool

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self.rows)

    def tasks(self) -> Iterator[Task]:
        return (self.task(task_id) for task_id in self.rows)

    def task(self, task_id: str) -> Task:
        """The row as a task; KeyError where the set has no such id."""
        row = self.rows[task_id]
        inputs = self._inputs(row)
        checks, reference = self._checks(row)
        values, model = row.values, self.model
        checks = with_examples(checks, (model.goal, *inputs.values()), wanted=model.checks.examples)
        title = values.get("title") or self._title.fill({**inputs, **self._names(task_id)})
        return Task(
            id=task_id,
            title=str(title),
            goal=model.goal,
            domain=model.domain,
            priority=model.priority,
            due=model.due,
            depends=model.depends,
            inputs=inputs,
            artifact=self.artifact,
            checks=checks,
            limits=self.limits,
            strategy=model.strategy,
            set=self.name,
            group=_text(values.get("group", model.group)),
            family=_text(values.get("family", model.family)),
            reference=_text(values.get("reference")) or reference,
            source=f"{self.shown_rows}:{row.line}",
            hash=content_hash(model.goal, inputs, self.artifact, checks, self.checks.files),
        )

    @cached_property
    def _title(self) -> Pattern:
        return Pattern(self.model.title or f"{self.name} {{id}}")

    def _names(self, task_id: str) -> dict[str, Any]:
        return {"id": task_id, "set": self.name, "row": self.rows[task_id].number}

    def _inputs(self, row: Row) -> dict[str, str]:
        forbidden = (self.sheet.path, self.sheet.path.parent / self.model.rows)
        try:
            return {
                name: read_input(row.values[column] if isinstance(column, str) else column, self.place.root, forbidden)
                for name, column in self.columns.items()
            }
        except SpecificationError as error:
            raise SpecificationError(f"{self.shown_rows}:{row.line}: {error.message}", mend=error.mend) from None

    def _checks(self, row: Row) -> tuple[tuple[Check, ...], str | None]:
        key = [_from_row(check, row) for check in self.checks.key]
        if any(check.validator in _ROW_OPTIONS for check in key):
            return (*self.checks.public, *key), None
        expected = self._expected(row)
        if expected is None:
            return self.checks.all, None
        option = "value" if isinstance(expected, str) else "values"
        key = [_filled(check, option, expected) for check in self.checks.key]
        if key == list(self.checks.key):
            name = "text.expected" if option == "value" else "json.expected"
            key.append(Check(name, False, {option: expected}))
        return (*self.checks.public, *key), self._reference(expected)

    def _expected(self, row: Row) -> dict[str, Any] | str | None:
        if self.expect is None:
            return row.values.get("expected")
        if isinstance(self.expect, str):
            return str(row.values[self.expect])
        fields = self.expect.items()
        return {child("", field): self._value(field, row.values[column], row) for field, column in fields}

    def _value(self, field: str, value: Any, row: Row) -> Any:
        if not self.coerced:
            return value
        schema = ((self.artifact.schema or {}).get("properties") or {}).get(field) or {}
        try:
            return coerce(value, schema.get("type"))
        except ValueError as error:
            where = f"{self.shown_rows}:{row.line}"
            raise SpecificationError(f"{where}: {field}: {error}", mend=f"edit {where}") from None

    def _reference(self, expected: dict[str, Any] | str) -> str | None:
        """The expected values as an artifact, where they are all of it."""
        if isinstance(expected, str):
            return expected
        properties = (self.artifact.schema or {}).get("properties")
        whole = isinstance(properties, Mapping) and set(properties) == set(expected)
        return json.dumps(expected, ensure_ascii=False) if whole else None


def read_set(path: Path, place: Place) -> TaskSet:
    return set_of(read_sheet(path, place.shown(path)), place)


def set_of(sheet: Sheet, place: Place) -> TaskSet:
    from metaagent.tasks.models import SetModel

    shown, data = _rows(sheet, validated(sheet, SetModel), place)
    return set_from(sheet, place, data, shown)


def set_from(sheet: Sheet, place: Place, data: bytes, shown_rows: str) -> TaskSet:
    """The set of a head and the content of its rows file."""
    from metaagent.tasks.models import SetModel

    model = validated(sheet, SetModel)
    artifact = artifact_form(model.artifact, model.checks)
    columns, expect = _columns(sheet, model), _expect(model)
    if artifact.format == "text" and expect is not None and not isinstance(expect, str):
        artifact = replace(artifact, format="json")
    rows = read_rows(data, shown_rows)
    task_set = TaskSet(
        name=model.set,
        sheet=sheet,
        place=place,
        model=model,
        artifact=artifact,
        checks=Checks.read(sheet, model.checks, artifact, place),
        limits=limits(model.limits, place.limits),
        columns=columns,
        expect=expect,
        shown_rows=shown_rows,
        rows=_identified(sheet, model, rows, shown_rows),
        coerced=form_of(shown_rows, data) == "csv",
    )
    _refuse_answers(task_set)
    _refuse_gaps(task_set)
    _prepare(task_set)
    return task_set


def _columns(sheet: Sheet, model: SetModel) -> dict[str, Any]:
    if isinstance(model.inputs, list):
        return {name: name for name in model.inputs}
    for name, column in model.inputs.items():
        if not isinstance(column, str) and not (isinstance(column, dict) and set(column) == {"file"}):
            raise sheet.error("must be a column or {file: PATH}", ("inputs", name))
    return model.inputs


def _expect(model: SetModel) -> Mapping[str, str] | str | None:
    return {name: name for name in model.expect} if isinstance(model.expect, list) else model.expect


def _rows(sheet: Sheet, model: SetModel, place: Place) -> tuple[str, bytes]:
    try:
        relative = (sheet.path.parent.resolve() / model.rows).as_posix()
        path = inside(relative, place.root)
        shown = path.relative_to(place.root.resolve()).as_posix()
        data = path.read_bytes()
    except SpecificationError as error:
        raise sheet.error(error.message, ("rows",), mend=error.mend) from None
    except (FileNotFoundError, IsADirectoryError):
        raise sheet.error(f"no such file: {model.rows}", ("rows",), mend=f"create it beside {sheet.shown}") from None
    except OSError as error:
        raise StorageError(f"cannot read {model.rows}: {error.strerror}") from error
    return shown, data


def _identified(sheet: Sheet, model: SetModel, rows: list[Row], shown: str) -> dict[str, Row]:
    make = _id_maker(sheet, model, rows)
    identified: dict[str, Row] = {}
    for row in rows:
        task_id = make(row)
        if not TASK_ID.fullmatch(task_id):
            raise SpecificationError(f"{shown}:{row.line}: {task_id!r} is not a task id", mend=f"edit {shown}")
        if task_id in identified:
            message = f"{shown}:{row.line}: the id {task_id} stands twice, first in line {identified[task_id].line}"
            raise SpecificationError(message, mend=f"edit {shown}")
        identified[task_id] = row
    return identified


def _id_maker(sheet: Sheet, model: SetModel, rows: list[Row]) -> Callable[[Row], str]:
    if model.id is None and all("id" in row.values for row in rows):
        return lambda row: str(row.values["id"])
    if model.id is not None and not isinstance(model.id, str):
        column = model.id.column
        lacking = next((row for row in rows if column not in row.values), None)
        if lacking is not None:
            raise sheet.error(f"row {lacking.line} has no column {column!r}", ("id", "column"))
        return lambda row: str(row.values[column])
    pattern = Pattern(model.id or f"{re.sub('[^A-Z0-9.-]+', '-', model.set.upper())}-{{row:03}}")
    for name in pattern.names - {"row", "set"}:
        if any(name not in row.values for row in rows):
            raise sheet.error(f"not all rows have the column {name!r}", ("id",))
    return lambda row: pattern.fill({**row.values, "row": row.number, "set": model.set})


def _refuse_answers(task_set: TaskSet) -> None:
    """An expected value has no way into a prompt: not as an input, not by the title."""
    expect, sheet = task_set.expect, task_set.sheet
    answers = set() if expect is None else {expect} if isinstance(expect, str) else set(expect.values())
    answers |= {"expected", "reference"}.union(*(_wanted(check) - {"entry"} for check in task_set.checks.key))
    for name, column in task_set.columns.items():
        if isinstance(column, str) and column in answers:
            raise sheet.error(f"the column {column!r} is expected and cannot be told", ("inputs", name))
    pattern = task_set._title
    for name in pattern.names - {"id", "row", "set"} - set(task_set.columns):
        raise sheet.error(f"{{{name}}} is not an input; known: id, row, set, {', '.join(task_set.columns)}", ("title",))
    if isinstance(task_set.model.id, str):
        told = Pattern(task_set.model.id).names & answers
        if told:
            raise sheet.error(f"{{{min(told)}}} is expected and cannot be in an id", ("id",))


def _refuse_gaps(task_set: TaskSet) -> None:
    needed = [column for column in task_set.columns.values() if isinstance(column, str)]
    expect = task_set.expect
    needed += [] if expect is None else [expect] if isinstance(expect, str) else expect.values()
    needed += sorted(name for check in task_set.checks.key for name in _wanted(check))
    for row in task_set.rows.values():
        for column in needed:
            if column not in row.values:
                message = f"{task_set.shown_rows}:{row.line}: has no {column!r}"
                raise SpecificationError(message, mend=f"add it to line {row.line} of {task_set.shown_rows}")
        if expect is None and not isinstance(row.values.get("expected", ""), (dict, str)):
            where = f"{task_set.shown_rows}:{row.line}"
            raise SpecificationError(f"{where}: 'expected' must be an object or a text", mend=f"edit {where}")


def _prepare(task_set: TaskSet) -> None:
    """Compile the checks of the first row for all of them, and those of the head that a row fills in."""
    checks, _ = task_set._checks(next(iter(task_set.rows.values())))
    places = [*task_set.checks.places, *([("rows",)] * (len(checks) - len(task_set.checks.places)))]
    for check, location in zip(checks, places, strict=True):
        prepare(task_set.sheet, check, location)


_ROW_OPTIONS: Mapping[str, tuple[str, ...]] = {"sql.result": ("expected",), "python.cases": ("entry", "tests")}
"""Options that are columns of the same name, where the specification does not set them."""


def _wanted(check: Check) -> set[str]:
    """The columns that a check takes its options from."""
    return {name for name in _ROW_OPTIONS.get(check.validator, ()) if name not in check.options}


def _from_row(check: Check, row: Row) -> Check:
    wanted = {name: row.values[name] for name in _wanted(check)}
    return replace(check, options={**check.options, **wanted}) if wanted else check


def _filled(check: Check, option: str, expected: Any) -> Check:
    wanted = "json.expected" if option == "values" else "text.expected"
    if check.validator != wanted or option in check.options:
        return check
    return replace(check, options={**check.options, option: expected})


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else canonical(value)


def coerce(text: str, kind: Any) -> Any:
    """A CSV cell as the JSON type that the schema names; an empty cell is null where the schema allows it."""
    kinds = [kind] if isinstance(kind, str) else list(kind or ())
    if text == "" and "null" in kinds:
        return None
    if "string" in kinds or not kinds:
        return text
    if "boolean" in kinds and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if re.fullmatch(r"-?\d{1,400}", text) and ("integer" in kinds or "number" in kinds):
        return int(text)
    if "number" in kinds and re.fullmatch(r"-?\d{1,400}\.\d{1,400}", text):
        return float(text)
    raise ValueError(f"{text[:40]!r} is not of type {' or '.join(kinds)}")
