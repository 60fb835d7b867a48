"""Runs many SELECTs on one copy of a SQLite database, behind walls: an order as JSON on stdin, a line for each result.

Started by path in a process of its own, beside ``sql_runner.py``, whose guard and bounds hold for each query. It stops
when its time is over: what has no line then was not run.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from importlib import import_module
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def main() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    sql_runner = import_module("sql_runner")  # by name: its folder is on the path only now
    order: dict[str, Any] = json.loads(sys.stdin.buffer.read())

    def say(message: dict[str, Any]) -> None:
        sys.stdout.write(f"\n{order['nonce']} {json.dumps(message)}\n")

    guard = sql_runner.Guard()
    try:
        connection = sql_runner.opened(order, guard)
    except sqlite3.Error as error:
        say({"broken": f"the fixture {order['fixture']} cannot be read: {error}"})
        return
    say({"ready": True})
    end = time.monotonic() + order["total_seconds"]
    for number, query in enumerate(order["queries"]):
        if time.monotonic() > end:
            break
        guard.refused = None
        say({"number": number, **sql_runner.answer(connection, guard, {**order, "query": query})})
        if number % 20 == 0:
            sys.stdout.flush()  # so that a run that is ended has told nearly all
    sys.stdout.flush()


if __name__ == "__main__":
    main()
