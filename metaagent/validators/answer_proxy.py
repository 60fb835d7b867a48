"""The answer, as tests see it: a module whose functions and classes are in another process, behind other walls.

Beside ``tests_runner.py``, in the tests' own process; ``answer_server.py`` is the other end. What comes from there is
read as plain values, as handles of objects that stay there, or as an exception; nothing of it runs here. Whatever would
let the answer decide a comparison is not asked of it: an object of the answer equals no value of the test, is not
ordered with one and holds no value but what it lists.
"""

from __future__ import annotations

import builtins
import json
import os
import select
import sys
import time

from python_runner import Values  # type: ignore[import-not-found]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn

MAX_LINE = 8_000_000
MAX_ITEMS = 100_000
EARLY = "the answer is used while the tests are read; use it in a test"
PLAIN_MAKERS = ("tuple", "set", "frozenset", "dict", "bytes", "float")
DOTTED = ("datetime.date", "datetime.datetime", "datetime.timedelta", "decimal.Decimal", "fractions.Fraction")
NOT_RAISED = (KeyboardInterrupt, GeneratorExit, BaseExceptionGroup)
"""Not for an answer to raise in the tests' process, whose runner takes them for its own."""


class AnswerError(BaseException):
    """The answer did not answer. ``finding`` is what the runner tells of it. No ``except Exception`` of a test takes it
    for an error that the answer raised."""

    def __init__(self, message: str, **finding: Any) -> None:
        super().__init__(message)
        self.finding = finding


class TestMistakeError(BaseException):
    """The test does what cannot be done with an answer in another process: no answer's fault."""

    __test__ = False


class Unreadable:
    """A value that was too large or too deep to be passed on. It equals nothing."""

    def __init__(self, *words: Any) -> None:
        self._words = words

    def __repr__(self) -> str:
        return f"<{' '.join(map(str, self._words))}>"


class Link:
    """Requests to the answer's process, and what came of them. There is one pair of pipes for each process that may be
    started: the next one is used when the last has ended."""

    def __init__(self, pairs: list[list[int]], seconds: float, library: Any | None, name: str) -> None:
        self._pairs, self._at, self._buffer = pairs, 0, bytearray()
        self._limit, self._number, self._loaded = 3 * seconds + 3, 0, False
        self.patience = 2
        self.trouble: BaseException | None = None
        """The first thing in a test that no ``except`` of it may hide."""
        self.wire = Wire(self, library, name)
        self.callbacks: list[Any] = []
        self.reading = True
        """While the tests are read no answer is asked: how many they are does not depend on it."""

    @property
    def generation(self) -> int:
        return self._at

    @property
    def exhausted(self) -> bool:
        return self._at >= len(self._pairs) or self.patience <= 0

    def ask(self, do: str, given: tuple[Any, ...] = (), **what: Any) -> Any:
        """The decoded result; raises what the answer raised, and AnswerError where there is no result. ``given`` are
        the values of the test that the answer may have changed, or give back."""
        if self.reading:
            self.mistake(EARLY)
        if self.exhausted:
            self.fail("not tried any more", left=True)
        if not self._loaded:
            self._load()
        return self._result(self._exchange({"do": do, **what}), given)

    def _load(self) -> None:
        said = self._exchange({"do": "load"})
        if isinstance(said.get("load"), dict) or "late" in said:
            self.patience = 0
            self.fail("cannot be loaded", load=said.get("load") or {"late": True})
        self._loaded = True

    def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        self._number = number = self._number + 1
        deadline = time.monotonic() + self._limit
        self._send({"n": number, **request}, deadline)
        while True:
            said = self._line(deadline)
            if said.get("n") != number:
                self._tampered()
            if "callback" not in said:
                break
            self._send({"n": number, **self._called_back(said)}, deadline)
        shown = said.get("shown")
        if isinstance(shown, str):
            sys.stdout.write(shown)
        if "late" in said:
            self.patience -= 1
            if said.get("gone"):
                self._next()
            if request["do"] != "load":
                self.fail("took too long", late=True)
        return said

    def _send(self, message: dict[str, Any], deadline: float) -> None:
        line = memoryview(json.dumps(message).encode() + b"\n")
        target = self._pairs[self._at][1]
        os.set_blocking(target, False)
        while line:
            if not select.select([], [target], [], max(0.0, deadline - time.monotonic()))[1]:
                self._silent()
            try:
                line = line[os.write(target, line) :]
            except BlockingIOError:
                continue
            except OSError:
                self._ended()

    def _line(self, deadline: float) -> dict[str, Any]:
        source = self._pairs[self._at][0]
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_LINE:
                self._tampered()
            if not select.select([source], [], [], max(0.0, deadline - time.monotonic()))[0]:
                self._silent()
            data = os.read(source, 262144)
            if not data:
                self._ended()
            self._buffer += data
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            self._tampered()
        return said

    def fail(self, message: str, **finding: Any) -> NoReturn:
        error = AnswerError(message, **finding)
        self.trouble = self.trouble or error
        raise error

    def mistake(self, message: str) -> NoReturn:
        error = TestMistakeError(message)
        self.trouble = self.trouble or error
        raise error

    def _next(self) -> None:
        for end in self._pairs[self._at]:
            os.close(end)
        self._at, self._loaded = self._at + 1, False
        self._buffer.clear()

    def _ended(self) -> NoReturn:
        ended = self._at
        self._next()
        self.fail("the process of the answer ended", ended=ended)

    def _silent(self) -> NoReturn:
        self.patience -= 1
        self._next()
        self.fail("took too long", late=True)

    def _tampered(self) -> NoReturn:
        self.patience = 0
        self.fail("the answer interfered with how it is judged", tampered=True)

    def _called_back(self, said: dict[str, Any]) -> dict[str, Any]:
        try:
            function = self.callbacks[said["callback"]]
            args = [self.wire.decoded(one) for one in said["args"]]
            kwargs = {name: self.wire.decoded(one) for name, one in said["kwargs"].items()}
        except Exception:  # noqa: BLE001 - whatever does not hold in what the answer sent
            self._tampered()
        try:
            return {"returns": self.wire.encoded(function(*args, **kwargs))}
        except Exception as error:  # noqa: BLE001 - what a test's function raises goes to the answer that called it
            return {"raises": {"type": type(error).__name__, "message": str(error)[:2000]}}

    def _result(self, said: dict[str, Any], given: tuple[Any, ...]) -> Any:
        try:
            if "kind" in said:
                return str(said["kind"])
            for at, now in said.get("changed", ()):
                _replace(given[at], self.wire.decoded(now))
            if "returns" in said:
                found = said["returns"]
                if isinstance(found, dict) and found.get("$") == "argument":
                    return given[found["args"][0]]
                return self.wire.decoded(found)
            error = self.wire.exception(said)
        except Exception:  # noqa: BLE001 - no value that an answer can honestly have said
            self._tampered()
        raise error from None

    def call(self, of: dict[str, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        sent, named = [self.wire.sent(one) for one in args], {name: self.wire.sent(one) for name, one in kwargs.items()}
        return self.ask("call", (*args, *kwargs.values()), of=of, args=sent, kwargs=named)

    def get(self, of: dict[str, Any], name: str) -> Any:
        return self.ask("get", of=of, name=name)

    def op(self, name: str, of: dict[str, Any], *args: Any) -> Any:
        return self.ask("op", name=name, of=of, args=[self.wire.sent(one) for one in args])


def _replace(given: Any, now: Any) -> None:
    """What the answer did to a list, dict or set that it was given."""
    if type(given) is not type(now) or type(given) not in (list, dict, set):
        raise TypeError
    if type(given) is list:
        given[:] = now
    else:
        given.clear()
        given.update(now)


class Wire(Values):  # type: ignore[misc]
    """Values from the answer's process, of a few named types, and the test's values for it."""

    def __init__(self, link: Link, library: Any | None, name: str) -> None:
        super().__init__(library, name)
        self._link, self._raisable = link, dict[tuple[str, ...], type[BaseException]]()
        self.names: dict[str, Name] = {}

    def _maker(self, name: str) -> Any:
        if name in PLAIN_MAKERS:
            return self._makers[name]
        if name in DOTTED:
            return super()._maker(name)
        if name == "handle":
            return self._handle
        if name == "?":
            return Unreadable
        root, _, rest = name.partition(".")
        found = getattr(self._library, rest, None) if root == self._name and self._library else None
        if not isinstance(found, type) or issubclass(found, BaseException) or not hasattr(found, "__match_args__"):
            raise ValueError(name)
        return found

    def _handle(self, number: int, kind: str, classes: list[str]) -> Handle:
        if type(number) is not int or type(kind) is not str:
            raise ValueError(number)
        return Handle(self._link, self._link.generation, number, kind, frozenset(classes))

    def sent(self, value: Any) -> Any:
        """A value of the test, for the answer. What cannot be passed on is a mistake of the test."""
        try:
            return self.encoded(value)
        except TypeError as error:
            self._link.mistake(str(error))

    def _object(self, value: Any, kind: type, depth: int) -> Any:
        if kind is Handle:
            return Handle.reference(value)
        if isinstance(value, Name):
            return value._reference()
        if kind is Unreadable:
            self._link.fail("the answer gave no value that can be read")
        found = super()._object(value, kind, depth)
        if found["$"] != "?":
            return found
        if not callable(value):
            raise TypeError(f"a test cannot pass a {kind.__name__} on to an answer in another process")
        self._link.callbacks.append(value)
        return {"$": "callback", "args": [len(self._link.callbacks) - 1]}

    def exception(self, said: dict[str, Any]) -> BaseException:
        told, names = said["raises"], tuple(map(str, said["names"]))
        kind = self._raisable.get(names) or self._raisable.setdefault(names, self._exception_class(names))
        args = [self.decoded(one) for one in said["args"]] or [str(told["message"])]
        error = kind.__new__(kind, *args)
        error.args = tuple(args)
        for name, value in said["data"].items():
            if not name.startswith("_"):
                setattr(error, name, self.decoded(value))
        error.__dict__["_told"] = {"raises": {"type": str(told["type"]), "message": str(told["message"])}}
        error.__dict__["_told"] |= {"line": said.get("line"), "outside": said.get("outside")}
        return error

    def _exception_class(self, names: tuple[str, ...]) -> type[BaseException]:
        own: tuple[type, ...] = tuple(self.name(name.partition(".")[2]) for name in names if name.startswith("answer."))
        known: list[type[BaseException]] = []
        for name in names:
            root, _, rest = name.partition(".")
            found = getattr(self._library, rest, None) if rest and root == self._name else getattr(builtins, name, None)
            if isinstance(found, type) and issubclass(found, BaseException) and not issubclass(found, NOT_RAISED):
                known.append(found)
        base = known[0] if known and known[0] is not BaseException else Exception
        if not own:
            return base
        bases = own if issubclass(own[0], base) else (*own, base)
        return type.__new__(Name, own[0].__name__, bases, {"_raised": True})  # type: ignore[return-value]

    def name(self, name: str) -> Name:
        """What the answer has under this name: a class to Python, so that it can stand in an ``except`` clause."""
        if name not in self.names:
            found = type.__new__(Name, name, (Exception,), {"__module__": "answer"})
            type.__setattr__(found, "_wire", self)
            self.names[name] = found
        return self.names[name]

    @property
    def link(self) -> Link:
        return self._link


class Name(type):
    """One name of the answer. Called, it calls what is there."""

    _wire: Wire

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        cls._present()
        return cls._wire.link.call(cls._reference(), args, kwargs)

    def _reference(cls) -> dict[str, Any]:
        return {"$": "name", "args": [cls.__name__]}

    def _present(cls) -> str:
        kind = cls._wire.link.ask("kind", name=cls.__name__)
        if kind == "missing":
            cls._wire.link.fail(f"{cls.__name__} is not defined", missing=cls.__name__)
        return str(kind)

    def _value(cls) -> Any:
        """The value of a name that is neither a function nor a class; the name itself for those."""
        if cls._wire.link.reading or cls._present() != "data":
            return cls
        return cls._wire.link.ask("value", name=cls.__name__)

    def __getattr__(cls, name: str) -> Any:
        if (name.startswith("__") and name.endswith("__")) or cls._wire.link.reading:
            raise AttributeError(f"{name}: {EARLY}")  # an AttributeError, for pytest looks at all that a file imports
        cls._present()
        return cls._wire.link.get(cls._reference(), name)

    def __instancecheck__(cls, one: Any) -> bool:
        if type(one) is Handle:
            return cls.__name__ in Handle.classes(one)
        return super().__instancecheck__(one)

    @property
    def __doc__(cls) -> Any:  # type: ignore[override]
        return None if cls._wire.link.reading else cls._wire.link.get(cls._reference(), "__doc__")

    def __eq__(cls, other: object) -> bool:
        if cls is other or "_raised" in cls.__dict__ or isinstance(other, Name):
            return cls is other
        value = cls._value()
        return value is not cls and bool(value == other)

    __hash__ = type.__hash__

    def __bool__(cls) -> bool:
        value = cls._value()
        return value is cls or bool(value)

    def __len__(cls) -> int:
        return len(cls._value())

    def __iter__(cls) -> Iterator[Any]:
        return iter(cls._value())

    def __getitem__(cls, key: Any) -> Any:
        return cls._value()[key]

    def __contains__(cls, item: Any) -> bool:
        return item in cls._value()


class Handle:
    """An object that stays in the answer's process."""

    __slots__ = ("_answer",)

    def __init__(self, link: Link, generation: int, number: int, kind: str, classes: frozenset[str]) -> None:
        object.__setattr__(self, "_answer", (link, generation, number, kind, classes))

    @staticmethod
    def classes(one: Handle) -> frozenset[str]:
        classes: frozenset[str] = one._answer[4]
        return classes

    @staticmethod
    def reference(one: Handle) -> dict[str, Any]:
        link, generation, number, *_ = one._answer
        if link.generation != generation:
            link.fail("the process that held this object has ended")
        return {"$": "handle", "args": [number]}

    def __getattr__(self, name: str) -> Any:
        return self._answer[0].get(Handle.reference(self), name)

    def __setattr__(self, name: str, value: Any) -> None:
        link = self._answer[0]
        link.ask("set", of=Handle.reference(self), name=name, value=link.wire.sent(value))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._answer[0].call(Handle.reference(self), args, kwargs)

    def __eq__(self, other: object) -> bool:
        if type(other) is not Handle:
            return False
        return self is other or self._answer[1:3] == other._answer[1:3] or _op(self, "eq", other) is True

    def __hash__(self) -> int:
        return int(_typed(self, "hash", int))

    def __bool__(self) -> bool:
        return bool(_typed(self, "bool", bool))

    def __len__(self) -> int:
        return int(_typed(self, "len", int))

    def __str__(self) -> str:
        return str(_typed(self, "str", str))

    def __repr__(self) -> str:
        return f"<{self._answer[3]} of the answer>"

    def __int__(self) -> int:
        return int(_typed(self, "int", int))

    def __float__(self) -> float:
        return float(_typed(self, "float", float))

    def __iter__(self) -> Iterator[Any]:
        items = _op(self, "iter")
        if type(items) is not Handle:
            yield from items
            return
        for _ in range(MAX_ITEMS):
            try:
                yield next(items)
            except StopIteration:
                return
        self._answer[0].fail(f"gave more than {MAX_ITEMS} items")

    def __next__(self) -> Any:
        return _op(self, "next")

    def __contains__(self, item: Any) -> bool:
        """By what it lists: an object that says of itself what it holds could say anything."""
        return any(one is item or one == item for one in self)

    def __getitem__(self, key: Any) -> Any:
        return _op(self, "getitem", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _op(self, "setitem", key, value)

    def __delitem__(self, key: Any) -> None:
        _op(self, "delitem", key)

    def __enter__(self) -> Any:
        return _op(self, "enter")

    def __exit__(self, *_: object) -> None:
        _op(self, "exit")


def _op(handle: Handle, name: str, *args: Any) -> Any:
    link = handle._answer[0]
    return link.op(name, Handle.reference(handle), *args)


def _typed(handle: Handle, name: str, kind: type) -> Any:
    found = _op(handle, name)
    if type(found) is not kind:
        handle._answer[0].fail(f"{name}() of an object of the answer is no {kind.__name__}")
    return found


def _ordered(name: str) -> Callable[[Handle, object], Any]:
    def compare(self: Handle, other: object) -> Any:
        return _op(self, name, other) is True if type(other) is Handle else NotImplemented

    return compare


def _calculated(name: str) -> Callable[..., Any]:
    """An operator gives an object of the answer again: a bare number could be made from what it is compared with."""

    def calculate(self: Handle, *other: object) -> Any:
        found = _op(self, name, *other)
        if type(found) is not Handle:
            self._answer[0].fail(f"the operator {name} of an object of the answer gave no such object; test a method")
        return found

    return calculate


for _name in ("lt", "le", "gt", "ge"):
    setattr(Handle, f"__{_name}__", _ordered(_name))
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "abs", "neg"):
    setattr(Handle, f"__{_name}__", _calculated(_name))


class Module(type(sys)):  # type: ignore[misc]
    """The answer as a module to import. What it holds is looked up when a test asks for it."""

    def __init__(self, name: str, link: Link) -> None:
        super().__init__(name)
        self.__dict__["_link"] = link

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        link = self.__dict__["_link"]
        found = link.wire.name(name)
        return found if link.reading else found._value()

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("__"):
            self.__dict__["_link"].mistake("a test cannot patch an answer in another process")
        super().__setattr__(name, value)
