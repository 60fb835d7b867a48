"""A file of rows, JSON lines or CSV: read fast, every bad line named by its number."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaagent.errors import SpecificationError
from metaagent.tasks.sheet import decode

MAX_CELL = 10_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One record, counted from 1, and the line that it starts on."""

    number: int
    line: int
    values: dict[str, Any]


def read_rows(data: bytes, shown: str, *, form: str | None = None) -> list[Row]:
    """``form`` is jsonl or csv; by the name's end, then by the first character, where it is not given."""
    form = form or form_of(shown, data)
    rows = list(_csv_rows(decode(data, shown), shown) if form == "csv" else _json_rows(data, shown))
    if not rows:
        raise SpecificationError(f"{shown}: has no rows", mend=f"add rows to {shown}")
    return rows


def form_of(shown: str, data: bytes) -> str:
    suffix = Path(shown).suffix.lower()
    if suffix in (".csv", ".tsv"):
        return "csv"
    if suffix in (".jsonl", ".ndjson", ".json"):
        return "jsonl"
    return "jsonl" if data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{" else "csv"


def _json_rows(data: bytes, shown: str) -> Iterator[Row]:
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data.lstrip()[:1] == b"[":
        raise SpecificationError(f"{shown}:1: is one JSON list, not JSON lines", mend="write one object a line")
    count = 0
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            values = load_object(line.decode())
        except (ValueError, RecursionError) as error:
            raise _bad(shown, number, f"not JSON: {_said(error)}") from None
        count += 1
        yield Row(count, number, values)


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_constant)


def load_object(text: str) -> dict[str, Any]:
    """A JSON object without NaN; ValueError or RecursionError for anything else."""
    values = _DECODER.decode(text)
    if type(values) is not dict:
        raise ValueError('must be an object, like {"title": "..."}')
    return values


def _said(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8 text"
    return "nested too deep" if isinstance(error, RecursionError) else str(error)[:80]


def _bad(shown: str, line: int, message: str) -> SpecificationError:
    return SpecificationError(f"{shown}:{line}: {message}", mend=f"edit {shown} line {line}")


def _csv_rows(text: str, shown: str) -> Iterator[Row]:
    if "\x00" in text:
        raise _bad(shown, text.count("\n", 0, text.index("\x00")) + 1, "holds a NUL character: not a CSV file")
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, shown), strict=True)
    header: list[str] | None = None
    before = count = 0
    try:
        for cells in reader:
            line, before = before + 1, reader.line_num
            if header is None:
                header = _header(cells, shown, line)
            elif any(cells):
                count += 1
                yield _csv_row(header, cells, shown, Row(count, line, {}))
    except csv.Error as error:
        raise _bad(shown, before + 1, f"not CSV: {error}") from None


def _delimiter(text: str, shown: str) -> str:
    if shown.lower().endswith(".tsv"):
        return "\t"
    head = text.split("\n", 1)[0]
    return max(",;\t", key=head.count)


def _header(cells: list[str], shown: str, line: int) -> list[str]:
    names = [cell.strip() for cell in cells]
    if "" in names:
        raise _bad(shown, line, f"column {names.index('') + 1} has no name")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise _bad(shown, line, f"the column {twice!r} stands twice")
    return names


def _csv_row(header: list[str], cells: list[str], shown: str, row: Row) -> Row:
    if len(cells) != len(header):
        raise _bad(
            shown, row.line, f"has {len(cells)} cells, the header {len(header)}; quote cells that hold a separator"
        )
    return Row(row.number, row.line, dict(zip(header, cells, strict=True)))
