"""Runs one SELECT on a copy of a SQLite database, behind walls: the order as JSON on stdin, the result on stdout.

Started by path in a process of its own; it imports nothing of ours. The copy is opened immutable, an authorizer allows
reading and nothing else, a progress handler ends what takes too long, and rows and bytes are bounded.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STEPS = 2_000
ALLOWED = {
    sqlite3.SQLITE_SELECT: "SELECT",
    sqlite3.SQLITE_READ: "READ",
    sqlite3.SQLITE_FUNCTION: "FUNCTION",
    sqlite3.SQLITE_RECURSIVE: "RECURSIVE",
}
DENIED = {"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "sqlite_log", "randomblob", "zeroblob"}
NAMES = {
    getattr(sqlite3, name): name.removeprefix("SQLITE_").replace("_", " ")
    for name in (
        *("SQLITE_ATTACH", "SQLITE_DETACH", "SQLITE_PRAGMA", "SQLITE_INSERT", "SQLITE_UPDATE", "SQLITE_DELETE"),
        *("SQLITE_CREATE_TABLE", "SQLITE_CREATE_TEMP_TABLE", "SQLITE_CREATE_VIEW", "SQLITE_CREATE_TEMP_VIEW"),
        *("SQLITE_CREATE_INDEX", "SQLITE_CREATE_TRIGGER", "SQLITE_CREATE_VTABLE", "SQLITE_DROP_TABLE"),
        *("SQLITE_ALTER_TABLE", "SQLITE_TRANSACTION", "SQLITE_SAVEPOINT", "SQLITE_REINDEX", "SQLITE_ANALYZE"),
    )
}


class Guard:
    """Reading only. ``refused`` is the first thing that the statement wanted and may not have."""

    def __init__(self) -> None:
        self.refused: str | None = None

    def __call__(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        if action in ALLOWED and not (action == sqlite3.SQLITE_FUNCTION and str(second).lower() in DENIED):
            return sqlite3.SQLITE_OK
        if self.refused is None:
            if first == "sqlite_master":
                self.refused = "a virtual table"
            else:
                function = action == sqlite3.SQLITE_FUNCTION
                self.refused = f"the function {second}" if function else NAMES.get(action, str(action))
        return sqlite3.SQLITE_DENY


def opened(order: dict[str, Any], guard: Guard) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{order['database']}?mode=ro&immutable=1", uri=True, isolation_level=None)
    connection.execute(f"PRAGMA hard_heap_limit = {order['memory']}").fetchall()
    connection.execute("SELECT count(*) FROM sqlite_master").fetchall()  # it is a database, and whole
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, order["bytes"])
    connection.text_factory = lambda text: text.decode(errors="replace")
    connection.set_authorizer(guard)
    return connection


def answer(connection: sqlite3.Connection, guard: Guard, order: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + order["seconds"]
    late = False

    def tick() -> int:
        nonlocal late
        late = late or time.monotonic() > deadline
        return int(late)

    connection.set_progress_handler(tick, STEPS)
    compiled = False
    try:
        connection.execute(f"EXPLAIN {order['query']}").close()
        compiled = True
        return result(connection.execute(order["query"]), order)
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
        failed = {"error": str(error), "type": type(error).__name__, "compiled": compiled}
        return {**failed, "late": late, "refused": guard.refused}
    except MemoryError:
        return {"too_much": "memory"}


def result(cursor: sqlite3.Cursor, order: dict[str, Any]) -> dict[str, Any]:
    if cursor.description is None:
        return {"error": "it is no statement", "type": "", "compiled": False, "late": False, "refused": None}
    rows: list[list[Any]] = []
    size = 0
    for row in cursor:
        if len(rows) >= order["rows"]:
            return {"too_much": "rows"}
        rows.append([value(cell) for cell in row])
        size += sum(len(cell) if type(cell) in (str, bytes) else 8 for cell in row)
        if size > order["bytes"]:
            return {"too_much": "bytes"}
    return {"columns": [column[0] for column in cursor.description], "rows": rows}


def value(cell: Any) -> Any:
    """The cell as JSON; what JSON has not is an object, which equals no expected cell."""
    if type(cell) is bytes:
        return {"$": "blob", "hex": cell[:1000].hex()}
    if type(cell) is float and (cell != cell or cell in (float("inf"), float("-inf"))):
        return {"$": repr(cell)}
    return cell


def main() -> None:
    order = json.loads(sys.stdin.buffer.read())

    def say(message: dict[str, Any]) -> None:
        sys.stdout.write(f"\n{order['nonce']} {json.dumps(message)}\n")
        sys.stdout.flush()

    guard = Guard()
    try:
        connection = opened(order, guard)
    except sqlite3.Error as error:
        say({"broken": f"the fixture {order['fixture']} cannot be read: {error}"})
        return
    say({"ready": True})
    say(answer(connection, guard, order))


if __name__ == "__main__":
    main()
