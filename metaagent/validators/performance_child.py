"""One call of an answer's function, or all of the same without the call, in a fresh process that is measured from
outside. ``performance_runner.py`` starts it and gives it this text: no file that an earlier call may have changed."""

from __future__ import annotations

import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RESULT = 3
MAX_SAID = 60_000


def main(order: dict[str, Any]) -> None:
    from python_runner import Clock, Values, loaded, raised  # type: ignore[import-not-found]

    leave, write = os._exit, os.write
    sys.path.insert(0, os.path.abspath("lib"))  # noqa: PTH100
    clock = Clock(max(5.0, order["seconds"]), lambda: leave(0))
    args = Values(None, None).decoded(json.loads(order["args"]))
    function = loaded(order, clock)
    if isinstance(function, dict):
        said: dict[str, Any] = {"load": function}
    else:
        said = {"done": True}
        try:
            if order["call"]:
                function(*args)
        except BaseException as error:  # noqa: BLE001 - whatever the function raises is its outcome
            said = raised(error)
    write(RESULT, json.dumps(said).encode()[:MAX_SAID])
    leave(0)
