"""The tables that a prompt tells of: read from the CREATE TABLE statements in a text. Pure, kept by the text.

Names are lower case. Foreign keys are those that the statements declare; a column ``x_id`` that declares none is taken
for one where a table ``x`` or ``xs`` has the key ``id``.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from metaagent.records import Brief

if TYPE_CHECKING:
    from sqlglot import exp

_CREATE: Final = re.compile(r"\bCREATE\s+TABLE\b", re.IGNORECASE)
_MAX_TABLES: Final = 200
_LONGEST: Final = 50_000
"""Characters of one statement: the end of one that never closes is looked for no further."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str = ""
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """``column`` of its table holds the ``target`` of a row of ``table``."""

    column: str
    table: str
    target: str


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    key: str | None = None
    parents: tuple[ForeignKey, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True)
class Step:
    """One join: ``left.left_column = right.right_column``; ``up`` from a row to the one row that it belongs to."""

    left: str
    left_column: str
    right: str
    right_column: str
    up: bool


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """By identity: ``read_schema`` keeps them, so that what is worked out for one can be kept beside it."""

    tables: Mapping[str, Table] = field(default_factory=dict)

    def owners(self, column: str) -> list[str]:
        return [name for name, table in self.tables.items() if table.column(column) is not None]

    def steps(self, table: str) -> Iterator[Step]:
        """The joins that lead away from a table, those to its parents first."""
        for key in self.tables[table].parents:
            yield Step(table, key.column, key.table, key.target, up=True)
        for name, other in self.tables.items():
            for key in other.parents:
                if key.table == table and name != table:
                    yield Step(table, key.target, name, key.column, up=False)

    def path(self, start: str, goal: str, *, up_only: bool = False) -> list[Step] | None:
        """The cheapest chain of joins; a step to a parent costs less than one that multiplies rows."""
        best: dict[str, tuple[float, list[Step]]] = {start: (0, [])}
        queue = deque([start])
        while queue:
            here = queue.popleft()
            cost, way = best[here]
            for step in self.steps(here):
                if up_only and not step.up:
                    continue
                total = cost + (1 if step.up else 2.5)
                if step.right in self.tables and total < best.get(step.right, (99.0, []))[0]:
                    best[step.right] = (total, [*way, step])
                    queue.append(step.right)
        return best[goal][1] if goal in best else None

    def below(self, table: str) -> set[str]:
        """The table and all whose rows belong, by one key or several, to a row of it."""
        found = {table}
        grown = True
        while grown:
            more = {
                name
                for name, other in self.tables.items()
                if name not in found and any(key.table in found for key in other.parents)
            }
            grown = bool(more)
            found |= more
        return found


def cost(steps: list[Step]) -> float:
    return sum(1 if step.up else 2.5 for step in steps)


def schema_of(brief: Brief, settings: Mapping[str, Any]) -> Schema:
    """The schema that the settings hold (CREATE TABLE statements), else the one in the task's own text."""
    given = settings.get("schema")
    if isinstance(given, str):
        return read_schema(given)
    return read_schema("\n".join([brief.goal, *brief.inputs.values()]) if brief.inputs else brief.goal)


@lru_cache(maxsize=64)
def read_schema(text: str) -> Schema:
    """All tables that the text makes; statements that cannot be read are left out."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    tables: dict[str, Table] = {}
    for statement in _statements(text):
        try:
            tree = sqlglot.parse_one(statement, read="sqlite")
        except (SqlglotError, RecursionError):
            continue
        if isinstance(tree, exp.Create) and isinstance(tree.this, exp.Schema):
            table = _table(tree.this)
            tables[table.name] = table
    return Schema({name: _with_guessed_keys(table, tables) for name, table in tables.items()})


def _statements(text: str) -> Iterator[str]:
    for start in islice(_CREATE.finditer(text), _MAX_TABLES):
        depth, rest = 0, text[start.start() : start.start() + _LONGEST]
        for place in re.finditer(r"'(?:[^']|'')*'|--[^\n]*|[()]", rest):
            depth += {"(": 1, ")": -1}.get(place[0], 0)
            if place[0] == ")" and depth == 0:
                yield rest[: place.end()]
                break


def _table(schema: exp.Schema) -> Table:
    from sqlglot import exp

    columns, parents, key = [], [], None
    for part in schema.expressions:
        if isinstance(part, exp.ColumnDef):
            kinds = [constraint.kind for constraint in part.args.get("constraints") or ()]
            is_key = any(isinstance(kind, exp.PrimaryKeyColumnConstraint) for kind in kinds)
            required = is_key or any(
                isinstance(kind, exp.NotNullColumnConstraint) and not kind.args.get("allow_null") for kind in kinds
            )
            name = part.name.lower()
            key = name if is_key else key
            columns.append(Column(name, part.kind.sql("sqlite").upper() if part.kind else "", not required))
            parents += [_reference(name, kind) for kind in kinds if isinstance(kind, exp.Reference)]
        elif isinstance(part, exp.Identifier):  # SQLite takes columns without a type
            columns.append(Column(part.name.lower()))
        elif isinstance(part, exp.PrimaryKey) and len(part.expressions) == 1:
            key = part.expressions[0].name.lower()
        else:
            parents += _declared(part)
    known = tuple(one for one in parents if one is not None)
    return Table(schema.this.name.lower(), tuple(columns), key, known)


def _declared(part: exp.Expr) -> list[ForeignKey | None]:
    from sqlglot import exp

    found = []
    for foreign in part.find_all(exp.ForeignKey):
        reference = foreign.args.get("reference")
        if reference is not None and len(foreign.expressions) == 1:
            found.append(_reference(foreign.expressions[0].name.lower(), reference))
    return found


def _reference(column: str, reference: exp.Expr) -> ForeignKey | None:
    from sqlglot import exp

    target = reference.this
    if isinstance(target, exp.Schema):
        names = [one.name.lower() for one in target.expressions]
        return ForeignKey(column, target.this.name.lower(), names[0] if names else "id")
    return ForeignKey(column, target.name.lower(), "id") if isinstance(target, exp.Table) else None


def _with_guessed_keys(table: Table, tables: Mapping[str, Table]) -> Table:
    declared = {key.column for key in table.parents}
    kept = [key for key in table.parents if key.table in tables]
    for name in table.names:
        if name in declared or not name.endswith("_id"):
            continue
        stem = name.removesuffix("_id")
        for other in (stem, stem + "s", stem + "es", stem.removesuffix("y") + "ies"):
            if other in tables and other != table.name and tables[other].column("id") is not None:
                kept.append(ForeignKey(name, other, "id"))
                break
    targets = [ForeignKey(key.column, key.table, _target(key, tables[key.table])) for key in kept]
    return Table(table.name, table.columns, table.key, tuple(targets))


def _target(key: ForeignKey, parent: Table) -> str:
    return key.target if parent.column(key.target) is not None else parent.key or key.target
