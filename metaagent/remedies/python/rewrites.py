"""``python.rewrites``: what was learned about a house's Python, as plain code in the answer. Pure.

Settings: ``library`` (``name``; ``members``: public name -> module) and ``rules`` (wrapper.py; and of kind
``replace``: ``find``, ``give``, see replace.py). First the answer is cleaned as the shipped fixers do it, so
that the rules see code. It abstains where no rule is about the task or the answer is no function.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from metaagent.records import Brief
from metaagent.remedies.python import imports, indentation, name, trailing
from metaagent.remedies.python.library import repaired, with_members
from metaagent.remedies.python.replace import replaced
from metaagent.remedies.python.tree import answer_function, bound, is_python, parse, rename, with_imports
from metaagent.remedies.python.words import applies, ranges, words
from metaagent.remedies.python.wrapper import MODULES, PATTERNS, parameters, wrapper
from metaagent.remedies.text import fence

_CLEANERS: Final = (fence.fix, trailing.fix, indentation.fix, trailing.fix, name.fix)

Rule = Mapping[str, Any]


def fix(reply: str, brief: Brief, settings: Mapping[str, Any]) -> str | None:
    if not is_python(brief):
        return None
    library = settings.get("library") or {}
    found = words(brief)
    rules = [rule for rule in settings.get("rules", ()) if applies(rule, found)]
    made = rewritten(cleaned(reply, brief, library), brief, rules, library)
    return made if made != reply else None


def cleaned(reply: str, brief: Brief, library: Mapping[str, Any]) -> str:
    """The code of a reply: fences, prose, test code, a wrong name and wrong imports mended."""
    text = reply
    for cleaner in _CLEANERS:
        text = cleaner(text, brief, {}) or text
    text = repaired(text, library.get("name", ""), library.get("members", {}))
    return imports.fix(text, brief, {}) or text


def rewritten(text: str, brief: Brief, rules: Sequence[Rule], library: Mapping[str, Any]) -> str:
    """Cleaned code with the rules applied, in their order."""
    inside = replaced(text, [rule for rule in rules if rule["kind"] == "replace"])
    tree = parse(inside)
    function = None if tree is None else answer_function(tree, brief)
    if tree is None or function is None or not isinstance(function, ast.FunctionDef):
        return text
    around = [rule for rule in rules if rule["kind"] != "replace"]
    inner = _free(f"_{function.name}", _bound(inside))
    code = wrapper(function, inner, around, ranges(brief, parameters(function))) if around else None
    if code is None:
        return text if inside == text else _imported(inside, inside, library)
    renamed = rename(inside, function.name, inner)
    if renamed is None or parse(renamed) is None:
        return text
    return f"{_imported(renamed, code, library).rstrip()}\n\n\n{code}"


def _imported(text: str, code: str, library: Mapping[str, Any]) -> str:
    """With imports of what the code names and the text does not have."""
    have, members = _bound(text), library.get("members", {})
    text = with_members(text, [name for name in _named(code) if name not in have], members)
    lines = [MODULES[name] for name in _named(code) if name in MODULES and name not in have and name not in members]
    tree = parse(text) if lines else None
    return text if tree is None else with_imports(text, tree, lines)


@lru_cache(maxsize=512)
def _bound(text: str) -> frozenset[str]:
    tree = parse(text)
    return frozenset() if tree is None else frozenset(bound(tree))


@lru_cache(maxsize=512)
def _named(code: str) -> tuple[str, ...]:
    tree = parse(code)
    names = () if tree is None else (node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    return tuple(dict.fromkeys(names))


def _free(name: str, taken: frozenset[str]) -> str:
    while name in taken:
        name = f"_{name}"
    return name


def readable(rules: Iterable[Rule]) -> tuple[str, ...]:
    """What the rules do, a line each."""
    return tuple(_line(rule) for rule in rules)


def _line(rule: Rule) -> str:
    match rule["kind"]:
        case "guard":
            moment = {"call": "before the call", "failure": "after an error or where nothing came back"}
            said = f"{moment[rule.get('on', 'call')]}, a parameter `value` of which {rule['if']}: {rule['do']}"
        case "error":
            said = f"in place of an error of its own: {rule['do']}"
        case "failure":
            said = f"in place of an error of its own, or of nothing: {rule['do']}"
        case "whole":
            said = f"return {rule['give']}, whatever the answer does"
        case "text":
            said = f"in a text that is returned, {rule['find']} ({PATTERNS[rule['find']][0]}) becomes {rule['give']}"
        case "replace":
            said = f"{rule['find']} becomes {rule['give']}"
        case _:
            said = f"a result that is {rule['if']} becomes {rule['give']}"
    when = rule.get("when") or {}
    said += f"; in tasks that say {' or '.join(when['any'])}" if when.get("any") else ""
    return said + (f"; not in those that say {' or '.join(when['none'])}" if when.get("none") else "")
