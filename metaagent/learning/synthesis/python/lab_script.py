"""What runs in the sandbox for the search: it is the artifact of a check whose cases are the questions.

It knows expected values, which are those of mine tasks only, and says which programs reach them. It stands alone: it is
read as text and imports nothing of ours.
"""

import copy
import datetime
import decimal
import fractions
import importlib
import json
import math
import re
import signal
from typing import Any

MOST = 3900
NOTHING = object()


class Late(BaseException):
    pass


def _ring(*_: Any) -> Any:
    raise Late


COMMON: dict[str, Any] = {}


def work(order: Any) -> Any:
    signal.signal(signal.SIGVTALRM, _ring)
    if order["ask"] == "common":
        COMMON.update(order)
        return "kept"
    return discover({**COMMON, **order}) if order["ask"] == "discover" else trial(order)


def names_of(library: Any) -> Any:
    names = {
        "date": datetime.date,
        "datetime": datetime.datetime,
        "timedelta": datetime.timedelta,
        "Decimal": decimal.Decimal,
        "Fraction": fractions.Fraction,
        "math": math,
        "re": re,
    }
    for name, module in (library or {}).get("members", {}).items():
        try:
            names[name] = getattr(importlib.import_module(module), name)
        except Exception:  # noqa: BLE001 - whatever a candidate does is its outcome
            continue
    return names


def within(seconds: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
    """What comes of a call: ("returns", value), ("raises", error) or ("late", None)."""
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        try:
            return "returns", function(*args, **kwargs)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except Late:
        return "late", None
    except BaseException as error:  # noqa: BLE001 - the same
        return "raises", error


def loaded(source: Any, entry: Any) -> Any:
    module = type(json)("candidate")
    said, _ = within(0.5, exec, compile(source, "candidate", "exec", dont_inherit=True), module.__dict__)
    function = module.__dict__.get(entry) if said == "returns" else None
    return function if callable(function) else None


def outcome(source: Any, entry: Any, test: Any) -> Any:
    try:
        function = loaded(source, entry)
    except Exception:  # noqa: BLE001 - whatever a candidate does is its outcome
        function = None
    if function is None:
        return "broken", None
    return within(0.3, function, *copy.deepcopy(test["args"]), **copy.deepcopy(test["kwargs"]))


def same(one: Any, other: Any) -> Any:
    if isinstance(other, (bool, str)) or other is None:
        return type(one) is type(other) and one == other
    if isinstance(other, (int, float)):
        if isinstance(one, bool) or not isinstance(one, (int, float)):
            return False
        return one == other or ((isinstance(one, float) or isinstance(other, float)) and math.isclose(one, other))
    if isinstance(other, (list, tuple)):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(other, dict):
        return isinstance(one, dict) and one.keys() == other.keys() and all(same(one[key], other[key]) for key in other)
    return type(one) is type(other) and one == other


def raised_as(error: Any, wanted: Any) -> Any:
    kind = type(error)
    root = kind.__module__.split(".")[0]
    shown = kind.__name__ if root == "builtins" else f"{root}.{kind.__name__}"
    return shown == wanted["type"] and wanted.get("message") in (None, str(error))


def right(said: Any, value: Any, test: Any) -> Any:
    if test["raises"] is not None:
        return said == "raises" and raised_as(value, test["raises"])
    return said == "returns" and same(value, test["expected"])


def alike(said: Any, value: Any, test: Any) -> Any:
    """Whether an outcome is at least of the kind that is expected."""
    if test["raises"] is not None:
        return said == "raises" and raised_as(value, {"type": test["raises"]["type"]})
    if said != "returns":
        return False
    return kind_of(value) == kind_of(test["expected"])


def kind_of(value: Any) -> Any:
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def marks(said: Any, value: Any, before: Any, test: Any) -> Any:
    if said == before[0] and (
        same(value, before[1]) if said == "returns" else (type(value), str(value)) == (type(before[1]), str(before[1]))
    ):
        return "u" if not right(said, value, test) else "U"
    if right(said, value, test):
        return "m"
    return "t" if alike(said, value, test) else "x"


def trial(order: Any) -> Any:
    """For each source and test: u, U unchanged (wrong, right); m right; t wrong but of the right kind; x wrong."""
    before = [outcome(order["sources"][0], order["entry"], test) for test in order["tests"]]
    rows = [
        "".join(
            "U" if right(said, value, test) else "u" for (said, value), test in zip(before, order["tests"], strict=True)
        )
    ]
    for source in order["sources"][1:]:
        row = ""
        try:
            function = loaded(source, order["entry"])
        except Exception:  # noqa: BLE001 - whatever a candidate does is its outcome
            function = None
        for one, test in zip(before, order["tests"], strict=True):
            if function is None:
                said, value = "broken", None
            else:
                said, value = within(0.3, function, *copy.deepcopy(test["args"]), **copy.deepcopy(test["kwargs"]))
            row += marks(said, value, one, test)
        rows.append(row)
    return " ".join(rows)


COMPILED: dict[Any, Any] = {}


def program(code: Any, parameters: Any, names: Any) -> Any:
    key = (code, parameters)
    if key not in COMPILED:
        COMPILED[key] = eval(f"lambda {parameters}: {code}", names)
    return COMPILED[key]


def tried(function: Any, *args: Any) -> Any:
    try:
        return function(*args)
    except Exception:  # noqa: BLE001 - whatever a candidate does is its outcome
        return NOTHING


class Space:
    """Programs of one step, and of two, over a value and the arguments."""

    def __init__(self, order: Any, names: Any, given: Any) -> None:
        self.given = given
        self.first = [program(code, "_, arg1, arg2, arg3, " + order["named"], names) for code in order["first"]]
        self.second = [program(code, "_", names) for code in order["second"]]
        self.free, self.plain = order["free"], order["plain"]

    def values(self, value: Any) -> Any:
        """Code of a program -> what it makes of the value; two steps only from values that differ, or that the library
        makes as the language does: a library's own way is likelier to be meant for other values too."""
        made: dict[str, Any] = {}
        seen: dict[Any, Any] = {}
        for number, function in enumerate(self.first):
            got = tried(function, value, *self.given)
            if got is not NOTHING:
                made[str(number)] = got
                shown = (type(got), tried(repr, got), number < self.plain)
                if shown[1] is not NOTHING and len(shown[1]) < 500 and shown not in seen:
                    seen[shown] = (number, got)
        for number, got in list(seen.values())[:100]:
            for other, function in enumerate(self.second):
                last = tried(function, got)
                if last is not NOTHING:
                    made[f"{number}.{other}"] = last
        return made

    def one(self, code: Any, value: Any) -> Any:
        first, _, second = code.partition(".")
        made = tried(self.first[int(first)], value, *self.given)
        return tried(self.second[int(second)], made) if second and made is not NOTHING else made

    def matches(self, value: Any, expected: Any) -> Any:
        return [code for code, got in self.values(value).items() if tried(same, got, expected) is True]


class Missing:
    """Stands for an argument that is not there: nothing can be done with it."""

    def _refuse(self, *_: Any) -> Any:
        raise TypeError

    __repr__ = __str__ = __bool__ = __eq__ = __hash__ = __format__ = _refuse


def discover(order: Any) -> Any:
    """Which programs turn what the source gives for the test into what is expected."""
    test, names = order["test"], names_of(order["library"])
    said, value = outcome(order["source"], order["entry"], test)
    if right(said, value, test):
        return json.dumps({"right": True})
    arguments = dict(zip(order["parameters"], test["args"], strict=False))
    arguments.update(test["kwargs"])
    listed = [*arguments.values(), Missing(), Missing(), Missing()][:3]
    given = (*listed, *(arguments.get(name, Missing()) for name in order["names"]))
    found = {"said": said, "if": [], "programs": [], "guards": [], "texts": []}
    guards = [] if order["guards"] is None else order["guards"]
    found["guards"] = [
        number for number, guard in enumerate(guards) if guarded(guard, arguments, order["ranges"], names, test)
    ][:60]
    if test["raises"] is None:
        space = Space(order, names, given)
        if said != "returns":
            codes = [
                code for code in space.matches(Missing(), test["expected"]) if int(code.split(".")[0]) in space.free
            ]
        else:
            found["if"] = [
                number
                for number, code in enumerate(order["conditions"])
                if tried(program(code, "result", names), value) is True
            ]
            codes = space.matches(value, test["expected"])
            codes += inside(space, value, test["expected"])
            found["texts"] = texts(space, order["patterns"], value, test["expected"], names)[:60]
        found["programs"] = codes
    said = json.dumps(found)
    while len(json.dumps(said)) > MOST and found["programs"]:
        found["programs"] = found["programs"][: len(found["programs"]) * 3 // 4]
        said = json.dumps(found)
    return said


def guarded(guard: Any, arguments: Any, ranges: Any, names: Any, test: Any) -> Any:
    for name, value in arguments.items():
        low, high = (json.loads(one) for one in ranges[name]) if name in ranges else (None, None)
        if guard["ranged"] and low is None:
            continue
        if tried(program(guard["if"], "value, low, high", names), value, low, high) is True:
            made = tried(program(guard["give"], "name, value", names), name, value)
            if made is NOTHING:
                return False
            if guard["raises"]:
                return (
                    test["raises"] is not None and isinstance(made, BaseException) and raised_as(made, test["raises"])
                )
            return test["raises"] is None and same(made, test["expected"])
    return False


def inside(space: Any, value: Any, expected: Any) -> Any:
    """Programs that fit every item of a list or tuple, or every value or key of a dict."""
    if isinstance(value, dict) and isinstance(expected, dict) and value and len(value) == len(expected):
        pairs = list(zip(value.items(), expected.items(), strict=True))
        if value.keys() == expected.keys():
            return every(space, [(value[key], expected[key]) for key in value], "v")
        if all(same(one[1], other[1]) for one, other in pairs):
            return every(space, [(one[0], other[0]) for one, other in pairs], "k")
        return []
    if not isinstance(value, (list, tuple)) or not isinstance(expected, (list, tuple)):
        return []
    if not value or len(value) != len(expected):
        return []
    return every(space, list(zip(value, expected, strict=True)), "t" if isinstance(expected, tuple) else "l")


def every(space: Any, pairs: Any, mark: Any) -> Any:
    wrong = [pair for pair in pairs if not same(*pair)]
    if not wrong:
        return []
    codes = space.matches(*wrong[0])
    for one, other in pairs:
        codes = [code for code in codes if tried(same, space.one(code, one), other) is True]
    return [mark + code for code in sorted(codes, key=lambda code: (len(code), code))]


def texts(space: Any, patterns: Any, value: Any, expected: Any, names: Any) -> Any:
    found: list[str] = []
    if not isinstance(value, str) or not isinstance(expected, str):
        return found
    for number, (pattern, reading) in enumerate(patterns):
        hits = list(re.finditer(pattern, value))
        if not 0 < len(hits) <= 4:
            continue
        read = program(reading, "found", names)
        values, head = [tried(read, hit) for hit in hits], value[: hits[0].start()]
        if values[0] is NOTHING or not expected.startswith(head):
            continue
        for code, first in space.values(values[0]).items():
            if not isinstance(first, str) or not expected.startswith(head + first):
                continue
            made, at = "", 0
            for hit, each in zip(hits, values, strict=True):
                made, at = made + value[at : hit.start()] + str(space.one(code, each)), hit.end()
            if made + value[at:] == expected:
                found.append(f"{number}:{code}")
    return found
