"""Many queries on one fixture in few sandbox runs: what a search asks, thousands of times, of copies of a database.

Results are kept by the query's text, so that a search that comes by the same text again pays nothing. What is expected
never goes in; the comparison is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from metaagent.sandbox.base import MIB, Limits, Sandbox
from metaagent.validators import sql_runner
from metaagent.validators.confined import ask
from metaagent.validators.protocol import CheckContext

_RUNNER: Final = Path(__file__).with_name("batch_runner.py")
_DATABASE: Final = "database.db"
_CHUNK: Final = 400
_SECONDS: Final = 20.0
"""Of one sandbox run; what is not run by then goes into the next."""
_EACH: Final = 1.0
MAX_ROWS: Final = 500


@dataclass(frozen=True, slots=True)
class Rows:
    """What a query gave. ``error`` is set where it gave nothing."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    error: str | None = None


@dataclass(slots=True)
class Batch:
    """Runs queries on ``database``, the bytes of a SQLite file. ``run`` counts what was really executed."""

    database: bytes
    sandbox: Sandbox
    name: str = "fixture"
    run: int = 0
    _known: dict[str, Rows] = field(default_factory=dict)

    def results(self, queries: Iterable[str]) -> list[Rows]:
        wanted = list(queries)
        todo = [query for query in dict.fromkeys(wanted) if query not in self._known]
        for start in range(0, len(todo), _CHUNK):
            self._execute(todo[start : start + _CHUNK])
        return [self._known[query] for query in wanted]

    def _execute(self, queries: list[str]) -> None:
        """One run after another until each query has a result; one that ends its run by itself has failed."""
        while queries:
            answered, whole = self._once(queries)
            for number, message in answered.items():
                self._known[queries[number]] = _rows(message)
            left = [query for number, query in enumerate(queries) if number not in answered]
            if left and (not whole or not answered):
                self._known[left[0]] = Rows(error="it ended the process")
                left = left[1:]
            queries = left

    def _once(self, queries: Sequence[str]) -> tuple[dict[int, dict[str, Any]], bool]:
        """The answers by the query's number, and whether the run came to its own end."""
        order = {
            "queries": list(queries),
            "database": _DATABASE,
            "fixture": self.name,
            "seconds": _EACH,
            "total_seconds": _SECONDS,
            "rows": MAX_ROWS,
            "bytes": MIB // 4,
            "memory": 128 * MIB,
        }
        limits = Limits(
            wall_seconds=_SECONDS + 30,
            cpu_seconds=int(_SECONDS) + 10,
            memory_bytes=512 * MIB,
            processes=4,
            output_bytes=64 * MIB,
        )
        files = {_DATABASE: self.database, "sql_runner.py": Path(sql_runner.__file__).read_bytes()}
        said = ask(CheckContext(sandbox=self.sandbox), _RUNNER, order, files, limits)
        self.run += len(said.messages)
        answers = {message["number"]: message for message in said.messages if _is_answer(message, len(queries))}
        return answers, said.outcome.ok


def _is_answer(message: dict[str, Any], count: int) -> bool:
    number = message.get("number")
    return isinstance(number, int) and 0 <= number < count


def _rows(message: dict[str, Any]) -> Rows:
    columns, rows = message.get("columns"), message.get("rows")
    if not isinstance(columns, list) or not isinstance(rows, list):
        return Rows(error=str(message.get("error") or message.get("too_much") or "no result"))
    cells = tuple(tuple(_plain(cell) for cell in row) for row in rows)
    return Rows(tuple(str(name) for name in columns), cells)


def _plain(cell: Any) -> Any:
    return str(cell) if isinstance(cell, (dict, list)) else cell
