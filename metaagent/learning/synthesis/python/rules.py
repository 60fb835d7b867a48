"""Candidate rules for Python answers, from what the lab found to fit: each reaches two expected values, two groups."""

from __future__ import annotations

import ast
import builtins
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from metaagent.learning.synthesis.python.house import House
from metaagent.learning.synthesis.python.vocabulary import Guard, Vocabulary
from metaagent.remedies.python.tree import parse
from metaagent.remedies.python.wrapper import CONDITIONS, PATTERNS

Rule = Mapping[str, Any]

FEWEST: Final = 2
"""Distinct expected values, and distinct groups of tasks, that a program must reach; anything less memorises."""
FEWEST_ALONE: Final = 4
"""Distinct expected values that a program must reach where all its tasks are of one group."""
FEWEST_CONSTANT: Final = 3
PER_SET: Final = 3
"""Programs kept of those that fit the very same tests."""
MOST: Final = 40
_CONDITIONS: Final = tuple(CONDITIONS)
_PATTERNS: Final = tuple(PATTERNS)
_NOTHING: Final = _CONDITIONS.index("nothing")
_ANY: Final = "a value"
_ROUNDING: Final = tuple(
    f"int(Decimal(str(A)).quantize(Decimal('1'), '{mode}'))"
    for mode in ("ROUND_HALF_UP", "ROUND_HALF_DOWN", "ROUND_UP")
)
_PLAIN: Final = ("math.floor(A)", "math.ceil(A)", "round(A)", "int(A)", *_ROUNDING)
_ERRORS: Final = ("ValueError", "TypeError", "KeyError", "IndexError", "Exception", "RuntimeError", "LookupError")


@dataclass(frozen=True, slots=True)
class Fit:
    """One wrong test of a mine task and what the lab found for it."""

    task: str
    group: str
    expected: str
    found: Mapping[str, Any]


def rules(fits: Sequence[Fit], words: Vocabulary, guards: Sequence[Guard], house: House) -> list[Rule]:
    """Those with the most tests first, the plainest of equals first; at most MOST."""
    made: list[tuple[int, int, Rule]] = []
    for kind in (_programs(fits, words, house), _texts(fits, words), _guards(fits, guards)):
        made += [(-len(places), index, rule) for index, (places, rule) in enumerate(_distinct(kind, fits, house))]
    ordered = [rule for _, _, rule in sorted(made, key=lambda one: one[:2])]
    return ordered[:MOST]


Supported = tuple[frozenset[int], Rule]


def _distinct(
    candidates: Iterable[tuple[frozenset[int], bool, Rule]], fits: Sequence[Fit], house: House
) -> Iterator[Supported]:
    """Those with support enough, and of those with the same support only the first few."""
    seen: Counter[tuple[frozenset[int], str, str]] = Counter()
    for places, constant, rule in candidates:
        key = (places, str(rule["kind"]), str(rule.get("on")))
        tests = FEWEST if not constant or gives(rule, house) else FEWEST_CONSTANT
        if _enough([fits[place] for place in places], constant, tests) and seen[key] < PER_SET:
            seen[key] += 1
            yield places, rule


def _enough(fits: Sequence[Fit], constant: bool, tests: int) -> bool:
    """Two groups, and so many expected values (tests for a constant); or two tasks of one group and many values."""
    values, groups, tasks = {fit.expected for fit in fits}, {fit.group for fit in fits}, {fit.task for fit in fits}
    if len(groups) >= FEWEST:
        return len(fits if constant else values) >= tests
    return len(tasks) >= FEWEST and len(values) >= FEWEST_ALONE and not constant


def gives(rule: Rule, house: House) -> frozenset[str]:
    """What it takes from the library: that two tests want the same of it is no chance; that two want 0 may be."""
    return taken(ast.parse(str(rule.get("give") or rule["do"])), house)


def taken(tree: ast.AST | None, house: House) -> frozenset[str]:
    """The library's names in a program."""
    found = ast.walk(tree) if tree is not None else ()
    return frozenset(node.id for node in found if isinstance(node, ast.Name) and node.id in house.members)


def _programs(fits: Sequence[Fit], words: Vocabulary, house: House) -> Iterator[tuple[frozenset[int], bool, Rule]]:
    places: dict[str, set[int]] = defaultdict(set)
    for index, fit in enumerate(fits):
        for code in fit.found.get("programs", ()):
            places[code].add(index)
    for code in sorted(places, key=lambda one: (-len(places[one]), one.count("."), len(one), _numbers(one))):
        free = "." not in code and code.isdecimal() and int(code) in words.free
        give = expression(code, words)
        constant = free and "arg" not in give and not any(name in give for name in words.named)
        if free and not constant:
            yield frozenset(places[code]), False, {"kind": "whole", "give": give}
            continue
        raised = frozenset(place for place in places[code] if fits[place].found["said"] == "raises")
        if free and raised:
            yield raised, True, {"kind": "error", "do": f"return {give}"}
        failed = frozenset(place for place in places[code] if _failed(fits[place]))
        if free and failed:
            yield failed, True, {"kind": "failure", "do": f"return {give}"}
        for condition, held in _conditions(fits, places[code]):
            if condition == _ANY and code[0] in "tlvk":
                continue
            rule: dict[str, Any] = {"kind": "result", "if": condition, "give": give}
            siblings = _siblings(give, house)
            if siblings and not constant:
                rule["except"] = siblings
            yield held, constant, rule


def _failed(fit: Fit) -> bool:
    return bool(fit.found["said"] == "raises" or _NOTHING in fit.found["if"])


def _numbers(code: str) -> tuple[int, ...]:
    return tuple(int(part) for part in code.lstrip("tlvk").split("."))


def _conditions(fits: Sequence[Fit], places: Iterable[int]) -> list[tuple[str, frozenset[int]]]:
    """The most special and the most general of the conditions that hold for the most of these tests."""
    held: dict[int, set[int]] = defaultdict(set)
    for place in places:
        for number in fits[place].found.get("if", ()):
            held[number].add(place)
    if not held:
        return []
    most = max(len(found) for found in held.values())
    best = [number for number in sorted(held) if len(held[number]) == most]
    chosen = dict.fromkeys((best[0], *best[1:2], best[-1]))
    return [(_CONDITIONS[number], frozenset(held[number])) for number in chosen]


def expression(code: str, words: Vocabulary) -> str:
    """The code of a program, over ``result`` or the items of it."""
    mark = code[0] if code[0] in "tlvk" else ""
    first, _, second = code.removeprefix(mark).partition(".")
    made = words.first[int(first)]
    if second:
        made = put(words.second[int(second)], _=made)
    match mark:
        case "t":
            return f"tuple({put(made, _='item')} for item in result)"
        case "l":
            return f"[{put(made, _='item')} for item in result]"
        case "v":
            return f"{{key: {put(made, _='item')} for key, item in result.items()}}"
        case "k":
            return f"{{{put(made, _='key')}: item for key, item in result.items()}}"
    return put(made, _="result")


def put(code: str, **names: str) -> str:
    tree = ast.parse(code, mode="eval")
    return ast.unparse(_Put(names).visit(tree))


class _Put(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        new = self._names.get(node.id)
        return node if new is None else ast.parse(new, mode="eval").body


def _siblings(give: str, house: House) -> list[str]:
    """The classes that say that a result is made already: those beside the class that the program makes."""
    tree = ast.parse(give, mode="eval").body
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name) or tree.func.id not in house.classes:
        return []
    return [name for name in house.classes[tree.func.id].siblings if not house.classes[name].error]


def _texts(fits: Sequence[Fit], words: Vocabulary) -> Iterator[tuple[frozenset[int], bool, Rule]]:
    places: dict[str, set[int]] = defaultdict(set)
    for index, fit in enumerate(fits):
        for code in fit.found.get("texts", ()):
            places[code].add(index)
    for code in sorted(places, key=lambda one: (-len(places[one]), len(one), one)):
        number, _, program = code.partition(":")
        give = put(expression(program, words), result="found")
        yield frozenset(places[code]), False, {"kind": "text", "find": _PATTERNS[int(number)], "give": give}


def _guards(fits: Sequence[Fit], guards: Sequence[Guard]) -> Iterator[tuple[frozenset[int], bool, Rule]]:
    places: dict[int, set[int]] = defaultdict(set)
    for index, fit in enumerate(fits):
        for number in fit.found.get("guards", ()):
            places[number].add(index)
    for number in sorted(places, key=lambda one: (-len(places[one]), one)):
        guard, found = guards[number], places[number]
        rule = {"kind": "guard", "if": guard.test, "do": guard.action}
        failed = frozenset(place for place in found if _failed(fits[place]))
        yield failed, not guard.raises, {**rule, "on": "failure"}
        yield frozenset(found), not guard.raises, {**rule, "on": "call"}


def replacements(sources: Mapping[str, str], house: House) -> list[tuple[Rule, tuple[str, ...]]]:
    """Parts of the failing sources (group -> code) that two groups share, each with what a library or rounding could
    put in its place; with the groups that it is in."""
    seen: dict[str, set[str]] = defaultdict(set)
    for group, source in sources.items():
        for code in _parts(source):
            seen[code].add(group)
    unary = [f"{made.name}(A)" for made in (*house.functions.values(), *(c.made for c in house.classes.values()))
             if made.least <= 1 <= made.most]  # fmt: skip
    parts = [f"A.{name}" for found in house.classes.values() for name in found.attributes]
    parts += [f"A.{one.name}()" for found in house.classes.values() for one in found.methods if one.least == 0]
    shared = [code for code in sorted(seen, key=lambda one: (-len(seen[one]), one)) if len(seen[code]) >= FEWEST]
    made = []
    for find in shared[:12]:
        gives = [*unary, *parts, *_plain(find)]
        made += [({"kind": "replace", "find": find, "give": give}, tuple(sorted(seen[find]))) for give in gives]
    return [(rule, groups) for rule, groups in made if rule["find"] != rule["give"]]


def _plain(find: str) -> tuple[str, ...]:
    name = find.partition("(")[0]
    if name in _ERRORS:
        return tuple(f"{error}(A)" for error in _ERRORS if error != name)
    return _PLAIN if name in ("round", "int") or find.startswith("math.") else ()


def _parts(source: str) -> Iterator[str]:
    tree = parse(source)
    for node in ast.walk(tree) if tree is not None else ():
        match node:
            case ast.Call(func=ast.Name(id=name), args=[_], keywords=[]) if hasattr(builtins, name) or name in _ERRORS:
                if name not in (
                    "print",
                    "len",
                    "range",
                    "enumerate",
                    "isinstance",
                    "sum",
                    "dict",
                    "list",
                    "set",
                    "super",
                ):
                    yield f"{name}(A)"
            case ast.Call(func=ast.Attribute(attr=name, value=value), args=[], keywords=[]):
                yield f"{value.id}.{name}()" if _module(value) and isinstance(value, ast.Name) else f"A.{name}()"
            case ast.Call(func=ast.Attribute(attr=name, value=ast.Name() as value), args=[one], keywords=[]):
                if _module(value):
                    yield f"{value.id}.{name}(A)"
                elif isinstance(one, ast.Constant):
                    yield f"A.{name}({one.value!r})"
            case ast.Attribute(attr=name, value=value, ctx=ast.Load()) if not _module(value):
                yield f"A.{name}"


def _module(value: ast.expr) -> bool:
    return isinstance(value, ast.Name) and value.id in ("math", "datetime", "re", "decimal", "os", "string")
