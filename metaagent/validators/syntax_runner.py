"""Compiles one Python source, behind walls, and says what the compiler said. Nothing of the source runs."""

from __future__ import annotations

import json
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def compiled(source: str) -> dict[str, Any]:
    try:
        compile(source, "answer.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        return {"syntax": error.msg, "line": error.lineno}
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return {"syntax": f"{type(error).__name__}: {error}", "line": None}
    return {"fine": True}


def main() -> None:
    order = json.loads(sys.stdin.buffer.read())
    for message in ({"ready": True}, compiled(order["source"])):
        sys.stdout.write(f"\n{order['nonce']} {json.dumps(message)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
