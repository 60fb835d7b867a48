"""The words that programs are made of: the language's own conversions, and what a library and references offer.

Programs of one step (``first``) may use the value ``_``, the arguments by place and by a name that several tasks share;
a second step uses the value alone. Both are ordered from simple to odd, so that of equals the first is the plainest.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from metaagent.learning.synthesis.python.house import Callable, House
from metaagent.remedies.python.tree import functions, parse
from metaagent.remedies.python.wrapper import parameters

CONVERSIONS: Final = (
    *("tuple(_)", "list(_)", "set(_)", "frozenset(_)", "sorted(_)", "tuple(sorted(_))", "dict(_)", "str(_)", "int(_)"),
    *("float(_)", "bool(_)", "round(_)", "round(_, 2)", "Decimal(str(_))", "Fraction(str(_))", "math.floor(_)"),
    *("math.ceil(_)", "-_", "_ * 100", "_ / 100", "round(_ * 100)", "_ * 1000", "_ / 1000", "_ * 60", "_ / 60"),
    *(
        "int(_ * 100)",
        "Decimal(str(_)).quantize(Decimal('0.01'))",
        "f'{_:.2f}'",
        "f'{_:.1f}'",
        "f'{_:,}'",
        "f'{_:,.2f}'",
    ),
    *("_.upper()", "_.lower()", "_.title()", "_.capitalize()", "_.strip()", "_.replace(' ', '_')"),
    *("_.replace(' ', '-')", "_.replace('_', '-')", "_.replace('-', '_')", "_.replace('.', ',')", "_.replace(' ', '')"),
    *("_.isoformat()", "_.strftime('%d.%m.%Y')", "_.strftime('%d/%m/%Y')", "_.strftime('%m/%d/%Y')"),
    *("_.strftime('%d %b %Y')", "_.strftime('%d %B %Y')", "_.strftime('%B %d, %Y')", "_.strftime('%Y%m%d')"),
    *("_.strftime('%Y/%m/%d')", "_.date()", "date.fromisoformat(_)", "''.join(_)", "', '.join(_)", "len(_)"),
)
CONSTANTS: Final = ("None", "''", "0", "-1", "False", "True", "[]", "()", "{}")
MOST_CONSTANTS: Final = 40


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """``first`` begins with CONVERSIONS, the language's own; ``named`` are parameters that several tasks share;
    ``free`` the places of programs without the value."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    named: tuple[str, ...]
    free: frozenset[int]


def vocabulary(house: House, references: Sequence[str]) -> Vocabulary:
    trees = [tree for text in references if (tree := parse(text)) is not None]
    named = _shared(trees)
    constants = quoted(house, trees)
    arguments = ("arg1", "arg2", "arg3", *named)
    unary = list(CONVERSIONS)
    free = list(CONSTANTS)
    for name in house.constants:
        free.append(name)
    for made in _makers(house):
        unary += _calls(made, ("_",), (*constants.get(made.name, ()),))
        if made.least == 0:
            free.append(f"{made.name}()")
        if made.least <= 1 <= made.most:
            free += [f"{made.name}({one})" for one in (*constants.get(made.name, ()), *arguments)]
        if made.least <= 2 <= made.most:
            free += [f"{made.name}({one}, {other})" for one, other in product(arguments, arguments) if one != other]
        if made.least <= 3 <= made.most:
            free.append(f"{made.name}(arg1, arg2, arg3)")
    second = list(dict.fromkeys(unary + _parts(house)))
    mixed = [code for made in _makers(house) for code in _with_arguments(made, arguments)]
    mixed += [
        f"{owner}.{one.name}({', '.join(rest)})"
        for found in house.classes.values()
        for one in found.methods
        for owner, rest in _owned(one, arguments, found.made)
    ]
    first = list(dict.fromkeys([*second, *mixed, *free]))
    places = frozenset(number for number, code in enumerate(first) if not _reads_value(code))
    return Vocabulary(tuple(first), tuple(second), named, places)


def quoted(house: House, trees: Iterable[ast.Module]) -> dict[str, tuple[str, ...]]:
    """Constants that each maker of the library is called with: in references, in its docstring, in its class."""
    seen: dict[str, Counter[str]] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                for one in node.args:
                    if isinstance(one, ast.Constant) and isinstance(one.value, (str, int)):
                        seen.setdefault(node.func.id, Counter())[repr(one.value)] += 1
    found: dict[str, tuple[str, ...]] = {}
    for made in _makers(house):
        own = [code for code, _ in seen.get(made.name, Counter()).most_common()]
        constants = house.classes[made.name].constants if made.name in house.classes else ()
        found[made.name] = tuple(dict.fromkeys([*own, *constants, *map(repr, made.words)]))[:MOST_CONSTANTS]
    return found


def _makers(house: House) -> list[Callable]:
    classes = [found.made for found in house.classes.values() if not found.error]
    return [*classes, *house.functions.values()]


def _calls(made: Callable, values: Sequence[str], constants: Sequence[str]) -> list[str]:
    found = [f"{made.name}({value})" for value in values if made.least <= 1 <= made.most]
    if made.least <= 2 <= made.most:
        found += [f"{made.name}({value}, {one})" for value in values for one in constants]
    return found


def _parts(house: House) -> list[str]:
    return [
        code
        for found in house.classes.values()
        if not found.error
        for code in (
            *(f"_.{name}" for name in found.attributes),
            *(f"_.{one.name}()" for one in found.methods if one.least == 0),
        )
    ]


def _with_arguments(made: Callable, arguments: Sequence[str]) -> Iterator[str]:
    if made.least <= 2 <= made.most:
        for one in arguments:
            yield f"{made.name}(_, {one})"
            yield f"{made.name}({one}, _)"


def _owned(one: Callable, arguments: Sequence[str], made: Callable) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What a method may be called on and with: an object among the arguments, or one made from an argument."""
    owners = [*arguments[:3], "_", *(f"{made.name}({name})" for name in arguments[:2] if made.least <= 1 <= made.most)]
    for owner in owners:
        if one.least == 0 and owner != "_":
            yield owner, ()
        if one.least <= 1 <= one.most:
            yield from ((owner, (name,)) for name in arguments[:3] if name not in owner)


def _reads_value(code: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "_" for node in ast.walk(ast.parse(code)))


def _shared(trees: Iterable[ast.Module]) -> tuple[str, ...]:
    """Names that are parameters in two tasks at least and stand in no fixed place."""
    counted: Counter[str] = Counter()
    for tree in trees:
        counted.update({name for one in functions(tree)[-1:] for name in parameters(one)})
    return tuple(name for name, count in counted.most_common(6) if count >= 2)


@dataclass(frozen=True, slots=True)
class Guard:
    """A refusal that references or a library suggest: ``test`` over value, low and high; ``give`` over name and
    value."""

    test: str
    give: str
    raises: bool

    @property
    def ranged(self) -> bool:
        return "low" in self.test

    @property
    def action(self) -> str:
        return f"{'raise' if self.raises else 'return'} {self.give}"


SIZED: Final = "isinstance(value, ({0}, )) and not value"
NUMBER: Final = "isinstance(value, (int, float)) and not isinstance(value, bool) and "
TESTS: Final = (
    "isinstance(value, (list, tuple, dict, set)) and not value",
    "isinstance(value, str) and not value.strip()",
    "isinstance(value, (list, tuple, dict, set, str)) and not value",
    NUMBER + "value < 0",
    NUMBER + "value <= 0",
    NUMBER + "value == 0",
    NUMBER + "not low <= value <= high",
    "value is None",
)


def guards(house: House, references: Sequence[str], messages: Iterable[tuple[str, str]]) -> tuple[Guard, ...]:
    """Every test with every refusal. ``messages`` are (type, message) of exceptions that mine tasks expect, the
    parameter's name and value in them as ``{name}`` and ``{value}``."""
    trees = [tree for text in references if (tree := parse(text)) is not None]
    constants = quoted(house, trees)
    raised = [code for found in house.classes.values() if found.error for code in _errors(found.made, found.constants)]
    raised += [_worded(kind, message, house) for kind, message in dict.fromkeys(messages)]
    returned = [f"{name}({one})" for name in house.classes for one in constants.get(name, ()) if _takes(house, name)]
    made = [Guard(test, give, True) for give in dict.fromkeys(raised) if give for test in TESTS]
    made += [Guard(test, give, False) for give in (*returned, *CONSTANTS, *house.constants) for test in TESTS]
    return tuple(made)


def _takes(house: House, name: str) -> bool:
    made = house.classes[name].made
    return made.least <= 1 <= made.most and not house.classes[name].error


def _errors(made: Callable, constants: Sequence[str]) -> Iterator[str]:
    """An error class called with the parameter's name, its value, and one of its constants, in any places."""
    for count in range(made.least, min(made.most, 3) + 1):
        slots = ("name", "value", *constants, *map(repr, made.words[:6]))
        for chosen in product(slots, repeat=count):
            said = {"name", "value"} & set(chosen)
            if len(set(chosen)) == count and len(said) >= min(count, 2 if count > 2 else 1):
                yield f"{made.name}({', '.join(chosen)})"


def _worded(kind: str, message: str, house: House) -> str:
    name = kind.rpartition(".")[2]
    if "." in kind and (
        name not in house.classes or not house.classes[name].made.least <= 1 <= house.classes[name].made.most
    ):
        return ""
    text = repr(message)
    return f"{name}(f{text})" if "{" in message else f"{name}({text})"
