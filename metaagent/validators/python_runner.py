"""Calls one function with the arguments of each case, behind walls: the order as JSON on stdin, messages on stdout.

Started by path in a process of its own; it imports nothing of ours. It knows no expected result: what it says is what
came back, and the comparison is made elsewhere. The answer's own prints go nowhere. See ``python_values.py`` for how
values are written.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

ANSWER = "answer.py"
MAX_TEXT = 100_000
MAX_MESSAGE = 2_000
MAX_DEPTH = 60
MAX_BITS = 14_000
"""Python writes no more than 4300 digits."""
STUBBORN = 20
PLAIN = (bool, int, str, type(None))
LIBRARIES = ("datetime", "decimal", "fractions")
DICTS = ("Counter", "defaultdict", "OrderedDict")


class Late(BaseException):
    """The time of a case is over."""


class Channel:
    """Where messages go: a descriptor of its own, while 0, 1 and 2 lead nowhere from now on."""

    def __init__(self, nonce: str) -> None:
        self._nonce = nonce
        self._number = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 100 + os.urandom(1)[0] % 100)
        self._write, self._encode, self._pid = os.write, json.JSONEncoder().encode, os.getpid()
        nowhere = os.open("/dev/null", os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nowhere, standard)
        os.close(nowhere)

    def say(self, message: dict[str, Any]) -> None:
        if os.getpid() != self._pid:  # a copy of us that the answer made by a fork
            return
        line = f"\n{self._nonce} {self._encode(message)}\n".encode()
        while line:
            line = line[self._write(self._number, line) :]


class Clock:
    """Bounds one call: processor time, and three times as long by the wall. What swallows Late meets it again."""

    def __init__(self, seconds: float, give_up: Callable[[], None]) -> None:
        self._seconds, self._give_up = seconds, give_up
        self._timer, self._armed, self._rings = signal.setitimer, False, 0
        for number in (signal.SIGALRM, signal.SIGPROF):
            signal.signal(number, self._ring)

    def __enter__(self) -> None:
        self._armed, self._rings = True, 0
        self._timer(signal.ITIMER_PROF, self._seconds, 0.05)
        self._timer(signal.ITIMER_REAL, 3 * self._seconds + 1, 0.05)

    def __exit__(self, *_: object) -> None:
        self._armed = False
        self._timer(signal.ITIMER_PROF, 0)
        self._timer(signal.ITIMER_REAL, 0)

    def _ring(self, *_: object) -> None:
        if self._armed:
            self._rings += 1
            if self._rings > STUBBORN:
                self._give_up()
            raise Late


class Values:
    """Python values to JSON and back, with the classes of one library."""

    def __init__(self, library: Any | None, name: str) -> None:
        self._library, self._name = library, name
        self._makers: dict[str, Any] = {"tuple": tuple, "set": set, "frozenset": frozenset, "dict": dict}
        self._makers |= {"bytes": bytes.fromhex, "float": float}

    def decoded(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.decoded(item) for item in value]
        if isinstance(value, dict) and "$" in value:
            return self._maker(value["$"])(*[self.decoded(item) for item in value["args"]])
        if isinstance(value, dict):
            return {key: self.decoded(item) for key, item in value.items()}
        return value

    def _maker(self, name: str) -> Any:
        if name not in self._makers:
            root, _, rest = name.partition(".")
            found = self._library if root == self._name else __import__(root) if root in LIBRARIES else None
            for part in rest.split("."):
                found = getattr(found, part)
            self._makers[name] = found
        return self._makers[name]

    def encoded(self, value: Any, depth: int = 0) -> Any:
        kind = type(value)
        if kind in PLAIN:
            return value if kind is not int or value.bit_length() < MAX_BITS else {"$": "?", "args": ["int too large"]}
        if kind is float:
            return value if value - value == 0 else {"$": "float", "args": [repr(value)]}
        if depth > MAX_DEPTH:
            return {"$": "?", "args": ["nested too deep"]}
        if kind is list:
            return [self.encoded(item, depth + 1) for item in value]
        if kind is dict or self._from(kind, "collections", DICTS):
            if all(type(key) is str and key != "$" for key in value):
                return {key: self.encoded(item, depth + 1) for key, item in value.items()}
            pairs = [[self.encoded(key, depth + 1), self.encoded(item, depth + 1)] for key, item in value.items()]
            return {"$": "dict", "args": [pairs]}
        return self._object(value, kind, depth)

    def _object(self, value: Any, kind: type, depth: int) -> Any:
        name = kind.__name__
        if kind in (tuple, set, frozenset):
            return {"$": name, "args": [[self.encoded(item, depth + 1) for item in value]]}
        if kind is bytes:
            return {"$": name, "args": [value.hex()]}
        if self._from(kind, "datetime", ("date",)):
            return {"$": "datetime.date", "args": [value.year, value.month, value.day]}
        if self._from(kind, "datetime", ("datetime",)) and value.tzinfo is None:
            parts = [value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond]
            return {"$": "datetime.datetime", "args": parts}
        if self._from(kind, "datetime", ("timedelta",)):
            return {"$": "datetime.timedelta", "args": [value.days, value.seconds, value.microseconds]}
        if self._from(kind, "decimal", ("Decimal",)) or self._from(kind, "fractions", ("Fraction",)):
            return {"$": f"{kind.__module__}.{name}", "args": [str(value)]}
        if self._library is not None and getattr(self._library, name, None) is kind:
            fields = getattr(kind, "__match_args__", None)
            if type(fields) is tuple:
                return {
                    "$": f"{self._name}.{name}",
                    "args": [self.encoded(getattr(value, f), depth + 1) for f in fields],
                }
        return {"$": "?", "args": [name, repr(value)[:300]]}

    @staticmethod
    def _from(kind: type, module: str, names: tuple[str, ...]) -> bool:
        """Whether it is the very class of that module, not one that only calls itself so."""
        return kind.__name__ in names and getattr(sys.modules.get(module), kind.__name__, None) is kind


def raised(error: BaseException) -> dict[str, Any]:
    kind, step, line, own = type(error), error.__traceback__, None, 0
    while step is not None:
        if step.tb_frame.f_code.co_filename == ANSWER:
            line, own = step.tb_lineno, own + 1
        step = step.tb_next
    try:
        message = str(error)[:MAX_MESSAGE]
    except Exception:  # noqa: BLE001 - a message that cannot be made
        message = ""
    root, name = kind.__module__.split(".")[0], kind.__name__
    known = getattr(sys.modules.get(root), name, None) is kind
    shown = name if known and root == "builtins" else f"{root if known else 'answer'}.{name}"
    return {"raises": {"type": shown, "message": message}, "line": line, "outside": own == 0}


def called(function: Any, case: tuple[list[Any], dict[str, Any]], clock: Clock, values: Values) -> dict[str, Any]:
    try:
        with clock:
            result = {"returns": values.encoded(function(*case[0], **case[1]))}
            if len(json.dumps(result)) > MAX_TEXT:
                return {"returns": {"$": "?", "args": ["too large"]}}
            return result
    except Late:
        return {"late": True}
    except BaseException as error:  # noqa: BLE001 - whatever the function raises is its outcome
        return raised(error)


def loaded(order: dict[str, Any], clock: Clock) -> Any:
    """The answer's function, or a dict that says why there is none."""
    module = type(sys)("answer")
    sys.modules["answer"] = module
    try:
        with clock:
            exec(compile(order["source"], ANSWER, "exec", dont_inherit=True), module.__dict__)
    except Late:
        return {"late": True}
    except SyntaxError as error:
        return {"syntax": str(error.msg)[:MAX_MESSAGE], "line": error.lineno}
    except BaseException as error:  # noqa: BLE001 - the same: it is the answer's own fault
        return raised(error)
    function = module.__dict__.get(order["entry"])
    if not callable(function):
        names = [name for name, value in module.__dict__.items() if callable(value) and not name.startswith("_")]
        return {"missing": True, "defined": names[:20]}
    return function


def main() -> None:
    order = json.loads(sys.stdin.buffer.read())
    leave, name = os._exit, order["library"]
    channel = Channel(order["nonce"])
    try:
        sys.path.insert(0, os.path.abspath("lib"))  # noqa: PTH100
        values = Values(__import__(name) if name else None, name)
        cases = [(values.decoded(case["args"]), values.decoded(case["kwargs"])) for case in order["cases"]]
    except Exception as error:  # noqa: BLE001 - a fixture or a case that does not hold is told, and no answer's fault
        channel.say({"broken": f"the fixture or a case does not hold: {type(error).__name__}: {error}"[:MAX_MESSAGE]})
        leave(0)
    channel.say({"ready": True})
    at, patience = order["first"] - 1, order["patience"]

    def give_up() -> None:
        channel.say({"case": at, "late": True})
        leave(0)

    clock = Clock(order["seconds"], give_up)
    function = loaded(order, clock)
    if isinstance(function, dict):
        channel.say({"load": function})
        leave(0)
    for at, case in enumerate(cases, order["first"]):
        result = called(function, case, clock, values)
        channel.say({"case": at, **result})
        patience -= "late" in result
        if patience <= 0:
            break
    leave(0)


if __name__ == "__main__":
    main()
