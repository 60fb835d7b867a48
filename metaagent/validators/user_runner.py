"""Runs one user check in a process of its own: the order as JSON on stdin, the answer as JSON on what was stdout.

Started by path with ``python -I``: it imports nothing of ours, and prints of the check go to stderr.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any


def answer(order: dict[str, Any]) -> dict[str, Any]:
    source = order["source"].encode(errors="surrogateescape")
    scope: dict[str, Any] = {"__name__": "user_check", "__file__": order["file"]}
    try:
        exec(compile(source, order["file"], "exec"), scope)
        function = scope.get(order["function"])
        if not callable(function):
            return {"error": f"{order['file']} has no function {order['function']}(artifact, task)"}
        findings = function(order["artifact"], order["task"])
        return {"findings": list(findings) if isinstance(findings, (tuple, set)) else findings}
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told and not learned from
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error}"
        return {"error": f"{said} ({os.path.basename(where.filename)}:{where.lineno})"}  # noqa: PTH119


def main() -> None:
    order = json.loads(sys.stdin.buffer.read())
    channel = os.dup(1)
    os.dup2(2, 1)
    said = answer(order)
    try:
        data = json.dumps(said)
    except (TypeError, ValueError, RecursionError):
        data = json.dumps({"error": "it returned what is not JSON; it must return a list of findings, or None"})
    sys.stdout.flush()
    with os.fdopen(channel, "wb") as stream:
        stream.write(data.encode())


if __name__ == "__main__":
    main()
