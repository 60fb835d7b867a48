"""All printing. Results go to stdout, notices and errors to stderr; what comes from outside is made harmless first.

Tables are plain aligned columns when piped; on a terminal (or with ``CLICOLOR_FORCE``) they are drawn by rich, within
``COLUMNS`` and without colour under ``NO_COLOR``. Nothing heavy is imported when the output is piped.
"""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import PurePath
from typing import Any, TextIO

# Control characters, C1 (0x9b starts an escape on 8-bit terminals), directional overrides, separators, surrogates.
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]")
_HARMFUL_IN_JSON = re.compile(_HARMFUL.pattern.replace("\x00-\x1f", "\x00-\x09\x0b-\x1f"))
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\e"}


def printable(text: object, *, lines: bool = False) -> str:
    """Text that a terminal shows and does not obey. ``lines`` keeps line breaks and tabs as they are."""
    value = str(text)
    if value.isascii() and value.isprintable():
        return value

    def show(match: re.Match[str]) -> str:
        char = match.group()
        if lines and char in "\n\t":
            return char
        code = ord(char)
        return _SHORT.get(char) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")

    return _HARMFUL.sub(show, value.replace("\r\n", "\n") if lines else value)


@dataclass(frozen=True, slots=True)
class Column:
    """``right`` aligns numbers; ``paint`` maps a cell's text to a rich style, on a terminal only. A narrow
    terminal leaves out ``minor`` columns, the highest number first. A last column that is ``whole`` wants its width."""

    name: str
    right: bool = False
    paint: Mapping[str, str] = field(default_factory=dict)
    minor: int = 0
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under named columns. ``empty`` is a notice for stderr when there are no rows."""

    columns: Sequence[Column | str]
    rows: Sequence[Sequence[object]]
    empty: str = ""


Renderable = str | Table

_GAP = 2
_LAST, _MIDDLE = 20, 6
"""Columns that the last cell of a row, and those in between, keep on a narrow terminal."""


def cell(value: object) -> str:
    """One cell: nothing for None, local-free UTC times to the second, lists joined by commas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, Enum):
        return printable(value.value)
    if isinstance(value, (list, tuple)):
        return ", ".join(cell(item) for item in value)
    return printable(value)


def width(text: str) -> int:
    """Columns that a terminal needs for the text: wide East Asian characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def plain_table(table: Table) -> str:
    """Aligned columns two spaces apart: a header line, no box, no colour, nothing cut off."""
    columns = [_column(column) for column in table.columns]
    grid = [[column.name.upper() for column in columns], *([cell(value) for value in row] for row in table.rows)]
    widths = [max(width(row[i]) for row in grid) for i in range(len(columns))]
    return "".join(_plain_row(row, columns, widths) for row in grid)


def _column(column: Column | str) -> Column:
    return column if isinstance(column, Column) else Column(column)


def _plain_row(row: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    parts = []
    for text, column, size in zip(row, columns, widths, strict=True):
        space = " " * (size - width(text))
        parts.append(space + text if column.right else text + space)
    return "  ".join(parts).rstrip() + "\n"


def fancy(stream: TextIO) -> bool:
    """Whether the stream is drawn for a person: a terminal, or forced by CLICOLOR_FORCE."""
    if os.environ.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    return bool(getattr(stream, "isatty", lambda: False)()) and os.environ.get("TERM") != "dumb"


def colours(stream: TextIO) -> bool:
    """Whether colour may be used there: drawn for a person, and NO_COLOR is not set."""
    return fancy(stream) and not os.environ.get("NO_COLOR")


def write(text: str, stream: TextIO | None = None) -> None:
    print(text, end="" if text.endswith("\n") else "\n", file=stream or sys.stdout)


def show(*items: Renderable) -> None:
    """Print results on stdout: text as it is (make it ``printable`` first), tables by where they go."""
    for item in items:
        if isinstance(item, str):
            write(item)
        elif not item.rows:
            if item.empty:
                write(item.empty, sys.stderr)
        elif fancy(sys.stdout):
            _rich_table(item)
        else:
            write(plain_table(item))


def kept(columns: Sequence[Column], widths: Sequence[int], available: int) -> list[int]:
    """The indexes of the columns that a terminal shows: minor ones go until the rest has room."""
    shown = list(range(len(columns)))

    def wanted() -> int:
        last = widths[shown[-1]] if columns[shown[-1]].whole else min(widths[shown[-1]], _LAST)
        return sum(widths[index] for index in shown[:-1]) + last + _GAP * (len(shown) - 1)

    while wanted() > available:
        least = max(shown, key=lambda index: columns[index].minor)
        if not columns[least].minor:
            break
        shown.remove(least)
    return shown


def fit(widths: Sequence[int], available: int) -> list[int]:
    """Column widths that fit: the last gives way first, then the widest in between, then the last once more. The first,
    which names the row, stays whole."""
    fitted = list(widths)
    last = len(fitted) - 1

    def shrink(index: int, floor: int) -> None:
        over = sum(fitted) + _GAP * last - available
        fitted[index] -= max(0, min(over, fitted[index] - floor))

    shrink(last, _LAST)
    for index in sorted(range(1, last), key=lambda index: -widths[index]):
        shrink(index, _MIDDLE)
    if last:
        shrink(last, _MIDDLE)
    return fitted


def _rich_table(table: Table) -> None:
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console(
        file=sys.stdout, force_terminal=True, no_color=not colours(sys.stdout), highlight=False, markup=False
    )
    columns = [_column(column) for column in table.columns]
    grid = [[cell(value) for value in row] for row in table.rows]
    natural = [max(width(column.name), *(width(row[i]) for row in grid)) for i, column in enumerate(columns)]
    shown = kept(columns, natural, console.width)
    columns, natural = [columns[index] for index in shown], [natural[index] for index in shown]
    grid = [[row[index] for index in shown] for row in grid]
    drawn = RichTable(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for index, (column, size) in enumerate(zip(columns, fit(natural, console.width), strict=True)):
        last = index == len(columns) - 1
        drawn.add_column(
            column.name.upper(),
            justify="right" if column.right else "left",
            overflow="fold" if last else "ellipsis",
            no_wrap=not last,
            width=size,
        )
    for texts in grid:
        drawn.add_row(*(Text(text, style=columns[i].paint.get(text, "")) for i, text in enumerate(texts)))
    console.print(drawn)


def counted(count: int, one: str, many: str = "") -> str:
    """``1 task``, ``2 tasks``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def notice(text: str) -> None:
    """One line for a person, on stderr, so that a pipe holds only results."""
    write(text, sys.stderr)


def json_ready(value: Any) -> Any:
    """Plain JSON values: dataclasses by field, UTC times in ISO 8601 with milliseconds, enums by value."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: json_ready(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(json_ready(key)): json_ready(item) for key, item in value.items()}
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Iterable):
        return [json_ready(item) for item in value]
    raise TypeError(f"no JSON form for {type(value).__name__}")


def json_text(value: Any, *, indent: int | None = None) -> str:
    """JSON that is safe to look at: characters that a terminal would obey are written as escapes."""
    text = json.dumps(json_ready(value), ensure_ascii=False, indent=indent)
    if text.isascii() and "\x7f" not in text:
        return text
    return _HARMFUL_IN_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def show_json(schema: str, data: Any) -> None:
    """The one documented shape: ``{"schema": "metaagent/NOUN@1", "data": ...}``."""
    envelope = {"schema": schema, "data": data}
    write(json_text(envelope, indent=2 if sys.stdout.isatty() else None))


def show_line(data: Any) -> None:
    """One JSON value on one line, at once: for ``--jsonl`` streams."""
    write(json_text(data))
    sys.stdout.flush()


def bar(value: float, *, size: int = 20) -> str:
    """A terminal bar for a share between 0 and 1, in eighths of a character."""
    eighths = round(max(0.0, min(1.0, value)) * size * 8)
    full, rest = divmod(eighths, 8)
    return "█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")
