"""``sql.result``, a key check: one SELECT, run on a copy of a SQLite database, gives the expected columns and rows.

    fixture: fixtures/shop.db             a trusted file of the workspace
    expected: {columns: [town, members],  names in their order; without them only their number counts
               rows: [[Rome, 3]],
               ordered: false}            true: the order of the rows counts
    tolerance: 1.0e-9                     relative, for numbers that are not both integers
    seconds: 5                            for the query

In a set, ``expected`` comes from the row. Units are the columns and the rows (50 at most). The artifact is the
statement and nothing else. It runs in the sandbox; only its result comes out, and what is expected never goes in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from metaagent.records import Check, ErrorKind, Finding
from metaagent.sandbox.base import MIB, Limits
from metaagent.validators.confined import ask, fixture
from metaagent.validators.jsontext import storable
from metaagent.validators.options import flag, number, only
from metaagent.validators.protocol import (
    Artifact,
    CannotJudgeError,
    CheckContext,
    Options,
    OptionsError,
    Prepared,
    Result,
)
from metaagent.validators.sql_compare import TOLERANCE, Table, compare

MAX_QUERY: Final = 50_000
MAX_ROWS: Final = 10_000
MAX_BYTES: Final = 2 * MIB
_RUNNER = Path(__file__).with_name("sql_runner.py")
_DATABASE: Final = "database.db"
_COMMENTS = re.compile(r"(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)+", re.DOTALL)
_WORD = re.compile(r"\w+")
_SELECTS: Final = frozenset({"SELECT", "WITH", "VALUES"})
_OTHERS: Final = frozenset(
    (
        *("ATTACH", "DETACH", "PRAGMA", "INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "DROP", "ALTER", "BEGIN"),
        *("COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "VACUUM", "REINDEX", "ANALYZE", "EXPLAIN", "END"),
    )
)
_NAMES = re.compile(r"no such (column|table|function)|ambiguous column name")
_ARGUMENTS = re.compile(r"wrong number of arguments to function")
_TOO_BIG = re.compile(r"out of memory|string or blob too big|too many|too large|parser stack overflow")


@dataclass(frozen=True, slots=True)
class _Query:
    fixture: str
    expected: Table
    seconds: float

    @property
    def units(self) -> int:
        return self.expected.units

    def judge(self, artifact: Artifact, check: Check, context: CheckContext) -> Result:  # noqa: ARG002
        files = fixture(context, self.fixture)
        if set(files) != {self.fixture}:
            raise CannotJudgeError(f"the fixture {self.fixture} is a folder, not a SQLite database")
        problem = _form(artifact.text)
        if problem is not None:
            return Result(0, (problem,))
        limits = Limits(
            wall_seconds=self.seconds + 10,
            cpu_seconds=int(self.seconds) + 5,
            memory_bytes=512 * MIB,
            processes=4,
            output_bytes=8 * MIB,
        )
        order = {
            "query": artifact.text,
            "database": _DATABASE,
            "fixture": self.fixture,
            "seconds": self.seconds,
            "rows": MAX_ROWS,
            "bytes": MAX_BYTES,
            "memory": 128 * MIB,
        }
        said = ask(context, _RUNNER, order, {_DATABASE: files[self.fixture]}, limits)
        if len(said.messages) != 1:
            kind, message = said.end
            return Result(0, (Finding(kind, message),))
        return self._result(said.messages[0])

    def _result(self, message: Mapping[str, Any]) -> Result:
        if "too_much" in message:
            what = {"rows": f"more than {MAX_ROWS} rows", "bytes": f"more than {MAX_BYTES} bytes"}
            text = what.get(str(message["too_much"]), "too much memory")
            return Result(0, (Finding(ErrorKind.RESOURCE, f"the result takes {text}"),))
        if "error" in message:
            return Result(0, (_failure(message),))
        columns, rows = message.get("columns"), message.get("rows")
        if not isinstance(columns, list) or not isinstance(rows, list) or not _is_table(columns, rows):
            return Result(0, (Finding(ErrorKind.EXCEPTION, "the process gave no result"),))
        return Result(*compare(self.expected, columns, rows))


def _is_table(columns: list[Any], rows: list[Any]) -> bool:
    named = all(isinstance(name, str) for name in columns)
    return named and all(isinstance(row, list) and len(row) == len(columns) for row in rows)


def _form(text: str) -> Finding | None:
    """Why a text is not one SELECT to try: the frequent ways in which a reply is something else."""
    if len(text) > MAX_QUERY:
        return Finding(ErrorKind.RESOURCE, f"{len(text)} characters; a query may have {MAX_QUERY}")
    if any(line.lstrip().startswith("```") for line in text.splitlines()):
        return Finding(ErrorKind.FORMAT, "not one SQL statement: it stands in a code fence")
    if "\0" in text or storable(text) is not text:
        return Finding(ErrorKind.FORMAT, "not one SQL statement: it holds characters that no text has")
    comments = _COMMENTS.match(text)
    start = comments.end() if comments else 0
    while text.startswith("(", start):
        start += 1
    word = _WORD.match(text, start)
    if not text[start:].strip(" ;\n\t"):
        return Finding(ErrorKind.FORMAT, "not one SQL statement: the reply is empty")
    first = word[0] if word else text[start : start + 1]
    if first.upper() in _SELECTS:
        return None
    if first.upper() in _OTHERS:
        return Finding(ErrorKind.FORMAT, f"not a SELECT: it begins with {first.upper()}")
    return Finding(ErrorKind.FORMAT, "not one SQL statement: text stands before it", "line 1", None, repr(first[:40]))


def _failure(message: Mapping[str, Any]) -> Finding:
    """The finding for an error that SQLite told."""
    text = storable(str(message["error"])[:400])
    if message.get("late"):
        return Finding(ErrorKind.TIMEOUT, "the query took too long")
    if message.get("refused"):
        return Finding(ErrorKind.FORMAT, storable(f"only reading is allowed, and it wants {message['refused']}"[:200]))
    if "one statement at a time" in text:
        return Finding(ErrorKind.FORMAT, "not one SQL statement: something follows it")
    if _NAMES.search(text):
        return Finding(ErrorKind.NAME, text)
    if _ARGUMENTS.search(text):
        return Finding(ErrorKind.SIGNATURE, text)
    if _TOO_BIG.search(text):
        return Finding(ErrorKind.RESOURCE, text)
    return Finding(ErrorKind.EXCEPTION if message.get("compiled") else ErrorKind.SYNTAX, text)


def prepare(options: Options) -> Prepared:
    only(options, ("fixture", "expected", "tolerance", "seconds"))
    path, expected = options.get("fixture"), options.get("expected")
    if not isinstance(path, str) or not path:
        raise OptionsError("must name a SQLite file of the workspace, like fixtures/shop.db", "fixture")
    if not isinstance(expected, Mapping) or "rows" not in expected:
        raise OptionsError("must be like {columns: [town], rows: [[Rome]], ordered: false}", "expected")
    only(expected, ("columns", "rows", "ordered"))
    seconds = number(options.get("seconds", 5), "seconds")
    if not 0 < seconds <= 60:
        raise OptionsError("must be above 0 and at most 60", "seconds")
    return _Query(path, _table(expected, number(options.get("tolerance", TOLERANCE), "tolerance")), seconds)


def expected_table(options: Options) -> Table:
    """The table that a check with these options compares with. Raises OptionsError where they hold none."""
    expected = options.get("expected")
    if not isinstance(expected, Mapping) or "rows" not in expected:
        raise OptionsError("must be like {columns: [town], rows: [[Rome]], ordered: false}", "expected")
    return _table(expected, number(options.get("tolerance", TOLERANCE), "tolerance"))


def _table(expected: Mapping[str, Any], tolerance: float) -> Table:
    columns, rows = expected.get("columns"), expected["rows"]
    named = isinstance(columns, list) and bool(columns) and all(isinstance(name, str) for name in columns)
    if columns is not None and not named:
        raise OptionsError("must be a list of names, or absent", "expected.columns")
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise OptionsError("must be a list of rows, each a list", "expected.rows")
    widths = {len(row) for row in rows} | ({len(columns)} if columns is not None else set())
    if len(widths) != 1 or 0 in widths:
        raise OptionsError("must all have as many cells as there are columns", "expected.rows")
    scalars = all(cell is None or type(cell) in (str, int, float) for row in rows for cell in row)
    if not scalars:
        raise OptionsError("cells are texts, numbers or null", "expected.rows")
    names = None if columns is None else tuple(columns)
    return Table(names, tuple(rows), flag(expected, "ordered"), tolerance, widths.pop())
