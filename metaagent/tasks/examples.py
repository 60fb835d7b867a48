"""The examples in a task's own text, as cases of a public check. Pure.

    >>> halve(4)                      | call     | result |      | n | result |
    2                                 | -------- | ------ |      | - | ------ |
                                      | halve(4) | 2      |      | 4 | 2      |

A table may also have the columns input and output: what stands in input goes between the brackets of the call. A
result may be an error, as a traceback or as ``ValueError`` or ``ValueError: text``. Only calls of the task's function
with values that are written out count; what cannot be read so is left to the reader, and is no error.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from metaagent.records import Check
from metaagent.validators.python_runner import Values

MAX_EXAMPLES: Final = 50
NAME: Final = "python.examples"
_CASES: Final = "python.cases"
_TAKEN: Final = ("fixture", "seconds")
"""Options of the key check that hold for the examples too."""
_ERROR = re.compile(r"(?:raises\s+)?(?P<name>[A-Z]\w*(?:Error|Exception|Interrupt|Iteration|Exit))(?:: (?P<text>.+))?")
_CELLS = re.compile(r"(?<!\\)\|")
_QUOTED = re.compile(r"""(?:'[^']*'|"[^"]*"|\\\||[^|])*""")
"""A cell in which a bar may stand between quotes."""
_RULE = re.compile(r":?-+:?")
_MAKERS: Final[Mapping[str, Callable[..., Any]]] = {
    "set": set,
    "frozenset": frozenset,
    "float": float,
    "dict": dict,
    "tuple": tuple,
    "bytes": bytes,
    "date": date,
    "datetime.date": date,
    "datetime": datetime,
    "datetime.datetime": datetime,
    "timedelta": timedelta,
    "datetime.timedelta": timedelta,
    "Decimal": Decimal,
    "decimal.Decimal": Decimal,
    "Fraction": Fraction,
    "fractions.Fraction": Fraction,
}

Case = dict[str, Any]


class UnclearError(Exception):
    """What stands there is no value that is written out."""


def with_examples(checks: tuple[Check, ...], texts: Iterable[str], *, wanted: bool = True) -> tuple[Check, ...]:
    """The checks, and after the public ones the examples of the texts, where a function is judged by its cases."""
    cases = next((check for check in checks if check.validator == _CASES), None)
    if cases is None or not wanted or any(check.validator == NAME for check in checks):
        return checks
    entry = cases.options.get("entry")
    found = examples(texts, entry) if isinstance(entry, str) and entry.isidentifier() else []
    if not found:
        return checks
    taken = {name: cases.options[name] for name in _TAKEN if name in cases.options}
    check = Check(NAME, True, {"entry": entry, "tests": found, **taken})
    public = tuple(one for one in checks if one.public)
    return (*public, check, *(one for one in checks if not one.public))


def examples(texts: Iterable[str], entry: str) -> list[Case]:
    """The cases that the texts show for the function of that name, each once, as ``python.cases`` has them."""
    found: list[Case] = []
    for text in texts:
        for case in (*_sessions(text, entry), *_tables(text, entry)):
            if case not in found:
                found.append(case)
    return found[:MAX_EXAMPLES]


def _sessions(text: str, entry: str) -> Iterator[Case]:
    """``>>> call`` and the lines below it, as the interpreter shows them."""
    lines = [line.strip() for line in text.splitlines()]
    for at, line in enumerate(lines):
        if not line.startswith(">>>"):
            continue
        end = at + 1
        while end < len(lines) and lines[end].startswith("..."):
            end += 1
        source = "\n".join([line[3:].strip(), *(one[3:] for one in lines[at + 1 : end])])
        shown = _shown(lines[end:])
        yield from _case(source, "\n".join(shown) if shown else "None", entry)


def _shown(lines: Sequence[str]) -> list[str]:
    """The result below a call, up to an empty line, the next call or the end of the docstring; of a traceback its last
    line."""
    shown: list[str] = []
    for line in lines:
        if not line or line.startswith((">>>", '"""', "'''", "```")):
            break
        shown.append(line)
    return shown[-1:] if shown and shown[0].startswith("Traceback (") else shown


def _tables(text: str, entry: str) -> Iterator[Case]:
    head: list[str] | None = None
    for line in text.splitlines():
        cells = _row(line, len(head) if head else None)
        if cells is None:
            head = None
        elif head is None:
            head = [cell.lower() if cell.lower() in _COLUMNS else cell for cell in cells]
        elif len(cells) == len(head) and not all(_RULE.fullmatch(cell) for cell in cells):
            row = dict(zip(head, cells, strict=True))
            result = next((row.pop(name) for name in _RESULTS if name in row), None)
            call = _call(row, entry, text)
            if result is not None and call is not None:
                yield from _case(call, result, entry)


_RESULTS: Final = ("result", "output", "returns")
_COLUMNS: Final = frozenset({"call", "input", *_RESULTS})


def _row(line: str, width: int | None) -> list[str] | None:
    line = line.strip()
    if len(line) < 2 or line[0] != "|" or line[-1] != "|":
        return None
    cells = _CELLS.split(line[1:-1])
    if width is not None and len(cells) != width:
        cells = [match[0] for match in _QUOTED.finditer(line, 1, len(line) - 1) if line[match.start() - 1] == "|"]
    return [cell.strip().strip("`").replace("\\|", "|") for cell in cells]


def _call(row: Mapping[str, str], entry: str, text: str) -> str | None:
    if "call" in row:
        return row["call"]
    if "input" in row:
        return f"{entry}({row['input']})"
    header = re.search(rf"def {entry}\(([^)]*)\)", text)
    names = [re.split(r"[:=]", part)[0].strip() for part in header[1].split(",")] if header else []
    if not names or set(names) != set(row):
        return None
    return f"{entry}({', '.join(row[name] for name in names)})"


def _case(source: str, shown: str, entry: str) -> Iterator[Case]:
    try:
        call = _parsed(source)
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != entry:
            return
        args = [_encoded(_value(node)) for node in call.args]
        kwargs = {_keyword(one): _encoded(_value(one.value)) for one in call.keywords}
        yield {"args": args, **({"kwargs": kwargs} if kwargs else {}), **_outcome(shown)}
    except UnclearError:
        return


def _outcome(shown: str) -> Case:
    error = _ERROR.fullmatch(shown)
    if error is not None and isinstance(getattr(builtins, error["name"], None), type):
        text = {} if error["text"] is None else {"message": error["text"]}
        return {"raises": {"type": error["name"], **text}}
    return {"expected": _encoded(_value(_parsed(shown)))}


def _parsed(source: str) -> ast.expr:
    if "doctest:" in source:
        raise UnclearError
    try:
        return ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UnclearError from None


def _keyword(one: ast.keyword) -> str:
    if one.arg is None:
        raise UnclearError
    return one.arg


def _value(node: ast.expr) -> Any:
    """The value that is written out, without running anything but the constructors of ``_MAKERS``."""
    try:
        match node:
            case ast.Constant() if not isinstance(node.value, complex) and node.value is not Ellipsis:
                return node.value
            case ast.List():
                return [_value(item) for item in node.elts]
            case ast.Tuple():
                return tuple(_value(item) for item in node.elts)
            case ast.Set():
                return {_value(item) for item in node.elts}
            case ast.Dict() if None not in node.keys:
                pairs = zip(node.keys, node.values, strict=True)
                return {_value(key): _value(item) for key, item in pairs if key is not None}
            case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
                return _signed(node)
            case ast.Call():
                named = {_keyword(one): _value(one.value) for one in node.keywords}
                return _maker(node.func)(*[_value(item) for item in node.args], **named)
    except (TypeError, ValueError, ArithmeticError, RecursionError):
        raise UnclearError from None
    raise UnclearError


def _signed(node: ast.UnaryOp) -> Any:
    number = _value(node.operand)
    if type(number) not in (int, float):
        raise UnclearError
    return -number if isinstance(node.op, ast.USub) else number


def _maker(node: ast.expr) -> Callable[..., Any]:
    found = _MAKERS.get(ast.unparse(node)) if isinstance(node, (ast.Name, ast.Attribute)) else None
    if found is None:
        raise UnclearError
    return found


def _encoded(value: Any) -> Any:
    return Values(None, "").encoded(value)
