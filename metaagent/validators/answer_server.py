"""Holds one answer, behind walls of its own, and does with it what tests elsewhere ask for, by two pipes.

Started by path in a process of its own; of ours it imports ``python_runner`` alone, which lies beside it. No test and
no expected value is in these walls: requests hold arguments, and what is said here is taken as values, never as a
verdict. ``answer_proxy.py`` is the other end. Lines of JSON, each with the number of its request:

    {"n", "do": "load"|"kind"|"get"|"call"|"op", ...}      a request
    {"n", "returns": value} {"n", "raises": ...} {"n", "late": true} ...     its answer
    {"n", "callback": id, "args", "kwargs"}                the answer calls a function of the test; the same in reply
"""

from __future__ import annotations

import io
import json
import operator
import os
import sys

sys.path.insert(0, os.getcwd())  # noqa: PTH109
from python_runner import ANSWER, MAX_MESSAGE, Clock, Late, Values, raised  # type: ignore[import-not-found]

sys.path.pop(0)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MAX_LINE = 4_000_000
MAX_SHOWN = 100_000
MAX_HANDLES = 100_000
MUTABLE = (list, dict, set)
OPERATIONS: dict[str, Any] = {
    "len": len,
    "bool": bool,
    "str": str,
    "repr": repr,
    "iter": iter,
    "next": next,
    "hash": hash,
    "int": int,
    "float": float,
    "abs": abs,
    "neg": operator.neg,
    "eq": operator.eq,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "getitem": operator.getitem,
    "setitem": operator.setitem,
    "delitem": operator.delitem,
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": operator.truediv,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "pow": operator.pow,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "enter": lambda one: type(one).__enter__(one),
    "exit": lambda one: type(one).__exit__(one, None, None, None),
}


class Wire(Values):  # type: ignore[misc]
    """Values as JSON; what is none stays here, and the tests get a handle for it."""

    def __init__(self, library: Any | None, name: str, server: Server) -> None:
        super().__init__(library, name)
        self.objects: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self._makers["handle"] = self.objects.__getitem__
        self._makers["name"] = lambda name: getattr(server.module, name)
        self._makers["callback"] = server.callback

    def _object(self, value: Any, kind: type, depth: int) -> Any:
        found = super()._object(value, kind, depth)
        return self.handle(value) if found["$"] == "?" else found

    def handle(self, value: Any) -> dict[str, Any]:
        number = self._numbers.get(id(value))
        if number is None:
            if len(self.objects) >= MAX_HANDLES:
                raise MemoryError("too many objects")
            number = self._numbers[id(value)] = len(self.objects)
            self.objects[number] = value
        classes = [one.__name__ for one in type(value).__mro__ if one.__module__ == "answer"]
        return {"$": "handle", "args": [number, type(value).__name__, classes]}


class Server:
    def __init__(self, order: dict[str, Any]) -> None:
        source, target = order["link"]
        self._reader, self._target = os.fdopen(source, "rb"), target
        self._order, self._number, self._waits = order, 0, False
        self.module = type(sys)("answer")
        self.clock = Clock(order["seconds"], self.give_up)
        library = order["library"]
        self.wire = Wire(__import__(library) if library else None, library, self)

    def serve(self) -> None:
        while line := self._reader.readline():
            self._follow(json.loads(line))

    def _follow(self, request: dict[str, Any]) -> None:
        outer, self._number = self._number, request["n"]
        self._say(self._answer(request))
        self._number = outer

    def give_up(self) -> None:
        self._say({"late": True, "gone": True})
        os._exit(0)

    def _say(self, message: dict[str, Any]) -> None:
        line = json.dumps({"n": self._number, **message}).encode() + b"\n"
        if len(line) > MAX_LINE:
            line = json.dumps({"n": self._number, "returns": {"$": "?", "args": ["too large"]}}).encode() + b"\n"
        while line:
            line = line[os.write(self._target, line) :]

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        shown = sys.stdout = io.StringIO()
        try:
            with self.clock:
                said = self._do(request)
        except Late:
            if self._waits:  # a reply of the test would be taken for the next request
                self.give_up()
            said = {"late": True}
        except BaseException as error:  # noqa: BLE001 - whatever the answer raises is its outcome
            said = self._raised(error)
        text = shown.getvalue()[:MAX_SHOWN]
        return {**said, "shown": text} if text else said

    def _do(self, request: dict[str, Any]) -> dict[str, Any]:
        do = request["do"]
        if do == "load":
            return self._load()
        if do == "kind":
            return {"kind": self._kind(request["name"])}
        if do == "value":
            return {"returns": self.wire.encoded(self.module.__dict__[request["name"]])}
        of = self.wire.decoded(request["of"])
        if do == "get":
            return {"returns": self.wire.encoded(getattr(of, request["name"]))}
        if do == "set":
            setattr(of, request["name"], self.wire.decoded(request["value"]))
            return {"returns": None}
        if do == "op":
            args = [self.wire.decoded(one) for one in request["args"]]
            return {"returns": self.wire.encoded(OPERATIONS[request["name"]](of, *args))}
        return self._call(of, request)

    def _call(self, function: Callable[..., Any], request: dict[str, Any]) -> dict[str, Any]:
        given = [*request["args"], *request["kwargs"].values()]
        values = [self.wire.decoded(one) for one in given]
        count = len(request["args"])
        kwargs = dict(zip(request["kwargs"], values[count:], strict=True))
        try:
            found = function(*values[:count], **kwargs)
        finally:
            changed = [
                [at, now]
                for at, (value, before) in enumerate(zip(values, given, strict=True))
                if type(value) in MUTABLE and (now := self.wire.encoded(value)) != before
            ]
        same = [at for at, value in enumerate(values) if value is found and type(value) in MUTABLE]
        result = {"$": "argument", "args": same[:1]} if same else self.wire.encoded(found)
        return {"returns": result, **({"changed": changed} if changed else {})}

    def _load(self) -> dict[str, Any]:
        for name in ("answer", self._order["module"]):
            sys.modules[name] = self.module
        try:
            exec(compile(self._order["source"], ANSWER, "exec", dont_inherit=True), self.module.__dict__)
        except SyntaxError as error:
            return {"load": {"syntax": str(error.msg)[:MAX_MESSAGE], "line": error.lineno}}
        except Late:
            return {"load": {"late": True}}
        except BaseException as error:  # noqa: BLE001 - the same: it is the answer's own fault
            return {"load": raised(error)}
        return {"loaded": True}

    def _kind(self, name: str) -> str:
        if name not in self.module.__dict__:
            return "missing"
        return "called" if callable(self.module.__dict__[name]) else "data"

    def callback(self, number: int) -> Callable[..., Any]:
        """A function of the test, to be called by the answer."""

        def called(*args: Any, **kwargs: Any) -> Any:
            sent = [self.wire.encoded(one) for one in args]
            named = {name: self.wire.encoded(one) for name, one in kwargs.items()}
            self._waits = True
            self._say({"callback": number, "args": sent, "kwargs": named})
            while "do" in (said := json.loads(self._reader.readline())):  # that function uses the answer itself
                self._follow(said)
            self._waits = False
            if "returns" in said:
                return self.wire.decoded(said["returns"])
            kind = getattr(__import__("builtins"), said["raises"]["type"], Exception)
            raise kind(said["raises"]["message"])

        return called

    def _raised(self, error: BaseException) -> dict[str, Any]:
        said: dict[str, Any] = raised(error)
        own = self._order["library"]
        names = []
        for one in type(error).__mro__[:20]:
            root = one.__module__.split(".")[0]
            names.append(one.__name__ if root == "builtins" else f"{root}.{one.__name__}")
        said["names"] = [name for name in names if "." not in name or name.startswith(("answer.", f"{own}."))]
        try:
            said["args"] = [self.wire.encoded(one) for one in error.args]
            said["data"] = {str(name): self.wire.encoded(one) for name, one in list(vars(error).items())[:20]}
        except Exception:  # noqa: BLE001 - an error that hides its own parts goes without them
            said.update(args=[], data={})
        return said


def main() -> None:
    order = json.loads(sys.stdin.buffer.read())
    nowhere = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    sys.path.insert(0, os.path.abspath("lib"))  # noqa: PTH100
    leave = os._exit
    try:
        Server(order).serve()
    finally:
        leave(0)


if __name__ == "__main__":
    main()
