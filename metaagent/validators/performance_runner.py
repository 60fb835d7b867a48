"""Measures one function of an answer at several sizes, each call in a process of its own.

Started by path in a process of its own; of ours it imports ``python_runner`` alone, which lies beside it. The kernel
tells what a child took (``wait4``); what an answer says of itself does not count, and it has neither the channel nor
the nonce of this process. A child that only reads the same arguments runs before each call; what it took is taken off.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from contextlib import suppress

sys.path.insert(0, os.getcwd())  # noqa: PTH109
from python_runner import Channel, Values  # type: ignore[import-not-found]

sys.path.pop(0)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SHORT = 0.2
"""A call that took less seconds is tried twice more, and the best counts."""
MAX_SAID = 65_536
RESULT = 3
BOOT = """
import json, sys
order = json.loads(sys.stdin.buffer.read())
for name in ("python_runner", "performance_child"):
    module = sys.modules[name] = type(sys)(name)
    exec(compile(order.pop(name), name + ".py", "exec"), module.__dict__)
module.main(order)
"""
COMMAND = [sys.executable, "-s", "-P", "-S", "-B", "-c", BOOT]


def started(order: bytes) -> tuple[int, int]:
    """The process of one call, with the order as its input, and the end to read its word from."""
    (source, feed), (result, target), nowhere = os.pipe(), os.pipe(), os.open("/dev/null", os.O_RDWR)
    pid = os.fork()
    if pid == 0:
        try:
            for descriptor, number in ((target, 200), (source, 0), (nowhere, 1), (nowhere, 2), (200, RESULT)):
                os.dup2(descriptor, number)
            os.closerange(RESULT + 1, 256)
            os.execv(COMMAND[0], COMMAND)
        finally:
            os._exit(126)
    for descriptor in (source, target, nowhere):
        os.close(descriptor)
    with suppress(BrokenPipeError), os.fdopen(feed, "wb") as stream:
        stream.write(order)
    return pid, result


def ended(pid: int, result: int, seconds: float) -> dict[str, Any]:
    """What the process said, and what it took. It is ended when its time by the wall is over."""
    deadline, said = time.monotonic() + seconds, b""
    while (left := deadline - time.monotonic()) > 0 and select.select([result], [], [], left)[0]:
        data = os.read(result, MAX_SAID)
        said += data
        if not data or len(said) > MAX_SAID:
            break
    os.close(result)
    late = time.monotonic() >= deadline
    if late:
        with suppress(PermissionError):  # where no signal may be sent its own limit ends it
            os.kill(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    found = {"seconds": usage.ru_utime + usage.ru_stime, "bytes": usage.ru_maxrss * 1024}
    try:
        return {**found, "late": True} if late else {**dict(json.loads(said)), **found}
    except (ValueError, TypeError):
        code = os.waitstatus_to_exitcode(status)
        how = f"was ended by signal {-code}" if code < 0 else f"ended itself with status {code}"
        return {**found, "ended": f"the process {how}"}


def measured(order: dict[str, Any], size: int, text: str) -> dict[str, Any]:
    """The call at one size: ``seconds`` and ``bytes`` beyond those of reading the arguments, or how it failed."""
    limit = 3 * order["seconds"] + 3
    best: dict[str, Any] = {"size": size}
    for _ in range(3):
        taken = []
        for call in (False, True):
            one = ended(*started(json.dumps({**order, "args": text, "call": call}).encode()), limit + 10 * (not call))
            if "done" not in one:
                return {"size": size, **one}
            taken.append(one)
        for name in ("seconds", "bytes"):
            more = max(0, taken[1][name] - taken[0][name])
            best[name] = min(more, best.get(name, more))
        if best["seconds"] > SHORT:
            break
    return best


def arguments(order: dict[str, Any]) -> list[str]:
    """The arguments of each size, as JSON. They are made before the answer is read."""
    sys.path.insert(0, os.path.abspath("make"))  # noqa: PTH100
    make = __import__(order["generator"]).make
    values = Values(None, None)
    found = []
    for size in order["sizes"]:
        args = make(size)
        if not isinstance(args, (list, tuple)):
            raise TypeError(f"make({size}) must return the list of arguments, not {type(args).__name__}")
        found.append(json.dumps([values.encoded(one) for one in args]))
        if '{"$": "?"' in found[-1]:
            raise TypeError(f"make({size}) returns what cannot be written down")
    return found


def main() -> None:
    order = json.loads(sys.stdin.buffer.read())
    channel = Channel(order.pop("nonce"))
    sys.path.insert(0, os.path.abspath("lib"))  # noqa: PTH100
    channel.say({"ready": True})
    try:
        for name in ("python_runner", "performance_child"):
            with open(f"{name}.py") as stream:  # noqa: PTH123
                order[name] = stream.read()
        texts = arguments(order)
    except BaseException as error:  # noqa: BLE001 - a generator that does not hold is told, and no answer's fault
        channel.say({"mistake": f"{type(error).__name__}: {error}"[:1000]})
        os._exit(0)
    for size, text in zip(order["sizes"], texts, strict=True):
        found = measured(order, size, text)
        channel.say(found)
        if len(found) > len(("size", "seconds", "bytes")):
            break
    os._exit(0)


if __name__ == "__main__":
    main()
