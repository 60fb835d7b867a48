"""What a fixture holds: its tables, and for each column the values that tell what it is for. Read behind walls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from metaagent.learning.synthesis.sql.batch import Batch
from metaagent.remedies.sql.schema import Schema, read_schema
from metaagent.remedies.sql.tree import named

FEW: Final = 12
_SAMPLE: Final = 200


@dataclass(frozen=True, slots=True)
class Profile:
    """``common`` are the values by frequency, at most a sample; ``few``: they are all that there are."""

    common: tuple[Any, ...] = ()
    few: bool = False
    nulls: bool = False

    @property
    def numeric(self) -> bool:
        return bool(self.common) and all(type(one) in (int, float) for one in self.common)

    @property
    def flag(self) -> bool:
        return self.few and set(self.common) <= {0, 1} and bool(self.common)


@dataclass(frozen=True, slots=True)
class Data:
    schema: Schema
    text: str
    profiles: Mapping[tuple[str, str], Profile] = field(default_factory=dict)

    def of(self, table: str, column: str) -> Profile:
        return self.profiles.get((table, column), Profile())

    def is_key(self, table: str, column: str) -> bool:
        found = self.schema.tables[table]
        return column == found.key or any(key.column == column for key in found.parents)


def read_data(batch: Batch) -> Data:
    """The schema as the database tells it, and a profile of every column. A view is a table whose key nobody knows."""
    made = batch.results(["SELECT sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"])[0]
    text = ";\n".join([*(str(row[0]) for row in made.rows), *_views(batch)])
    schema = read_schema(text)
    columns = [(table.name, name) for table in schema.tables.values() for name in table.names]
    queries = [
        f"SELECT {name}, COUNT(*) FROM {table} GROUP BY {name} ORDER BY 2 DESC LIMIT {_SAMPLE}"
        for table, name in ((named(table), named(name)) for table, name in columns)
    ]
    profiles = {}
    for place, result in zip(columns, batch.results(queries), strict=True):
        values = tuple(row[0] for row in result.rows)
        known = tuple(one for one in values if one is not None)
        profiles[place] = Profile(known, len(values) <= FEW, None in values)
    return Data(schema, text, profiles)


def _views(batch: Batch) -> list[str]:
    """Each view that can be read, written as the table that it looks like."""
    names = [str(row[0]) for row in batch.results(["SELECT name FROM sqlite_master WHERE type = 'view'"])[0].rows]
    looks = batch.results([f"SELECT * FROM {named(name)} LIMIT 0" for name in names]) if names else []
    return [
        f"CREATE TABLE {named(name)} ({', '.join(map(named, look.columns))})"
        for name, look in zip(names, looks, strict=True)
        if look.error is None and look.columns
    ]
