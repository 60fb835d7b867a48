"""What the settings of a remedy may be: every kind and every fixer of ours, in one place. Pure.

A protocol that did not come out of learning here is held against this before anything of it is stored or applied. A
test of a setting, a ``Flaw``, gives what is wrong with a value, as the end of a sentence that begins with the setting's
name; an empty text where nothing is.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from metaagent.records import Check, Remedy, Rung
from metaagent.remedies.apply import NOTES
from metaagent.remedies.fixers import BUILT_IN
from metaagent.remedies.json.fields.form import program_flaw
from metaagent.remedies.python.wrapper import CONDITIONS, PATTERNS

Flaw = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Form:
    """The settings that a kind of remedy knows, beside ``trigger``; of those in ``needed`` it has one at least."""

    settings: Mapping[str, Flaw]
    needed: tuple[str, ...] = ()


MOST_RUNGS: Final = 11
"""The first try and ten retries: what `--retries` and the configuration allow at most."""
MOST_POOLED: Final = 5000
"""Solved tasks in the pool of an exemplar: it holds each mine task once, and each is compared with every task."""
MOST_SHOWN: Final = 32
"""Solved tasks before one task; the cap on tokens allows a handful."""
MOST_WORDS: Final = 200
"""Phrases of a trigger, in each of its lists."""
LONGEST_NAME: Final = 200
"""Characters of a name, a phrase or a word to stop at."""
MOST_STEPS: Final = 64
"""Steps or rules of one fixer; learning makes a handful."""
LONGEST_CODE: Final = 2_000
"""Characters of SQL or Python in a step or a rule: parsed anew for each reply."""
LONGEST_SCHEMA: Final = 200_000
LONGEST_OPTIONS: Final = 20_000
"""Characters of a check's options, as JSON."""

CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f]"
)
"""What is not seen and yet obeyed, or ends a line: control characters, line separators, directional overrides, lone
surrogates, tags."""
_NAME: Final = re.compile(rf"\w[\w.+-]{{0,{LONGEST_NAME - 1}}}")
_DOMAIN: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_MODEL: Final = re.compile(rf"[A-Za-z0-9](?!.*\.\.)[A-Za-z0-9._:/@+-]{{0,{LONGEST_NAME - 1}}}")
_LISTED: Final = re.compile(r"(?:- |  )[^\s#].*")
"""A line below the first one of a library's reference (learning/proposers/library.py)."""


def domain_flaw(value: Any) -> str:
    """As tasks name it; empty is any domain."""
    fitting = isinstance(value, str) and len(value) <= LONGEST_NAME and (not value or _DOMAIN.fullmatch(value))
    return "" if fitting else "must be words of a-z, 0-9, _ and - with points between"


def model_flaw(value: Any) -> str:
    return "" if isinstance(value, str) and _MODEL.fullmatch(value) else "must be a model's name"


def rule_flaw(value: Any) -> str:
    """A rule is one line. A library's reference is a list: a line, and below it lines that are items of it."""
    if not isinstance(value, str) or not value.strip():
        return "must be a text"
    first, *others = value.split("\n")
    if CONTROL.search("".join([first, *others])) or not all(map(_LISTED.fullmatch, others)):
        return "must be one line without control characters"
    return ""


def check_settings(remedy: Remedy) -> None:
    """Raises ValueError that names the remedy, the setting that does not hold, and what it must be."""
    if not _NAME.fullmatch(remedy.name):
        raise ValueError(f"the name of a {remedy.kind} must be a word, not {remedy.name[:40]!r}")
    about = f"{remedy.kind} {remedy.name}"
    if wrong := _trigger_flaw(remedy.settings.get("trigger")):
        raise ValueError(f"{about}: trigger {wrong}")
    own = {name: value for name, value in remedy.settings.items() if name != "trigger"}
    if remedy.kind == "check":
        _check_options(about, Check(remedy.name, True, own))
    elif (form := _form(remedy)) is not None:
        _check_form(about, own, form)


def _form(remedy: Remedy) -> Form | None:
    """What such a remedy may hold; None for a fixer of somebody's own package, which alone knows it."""
    if remedy.kind == "fixer":
        return _FIXERS.get(remedy.name, _PLAIN) if remedy.name in BUILT_IN else None
    if remedy.kind not in _KINDS:
        raise ValueError(f"it holds the {remedy.kind[:40]!r} {remedy.name!r}, which this version cannot do")
    return _NOTES if (remedy.kind, remedy.name) == ("option", NOTES) else _KINDS[remedy.kind]


def _check_form(about: str, settings: Mapping[str, Any], form: Form) -> None:
    for name, value in settings.items():
        if name not in form.settings:
            raise ValueError(f"{about} has no setting {name[:40]!r}; known: {', '.join(form.settings)}")
        if wrong := form.settings[name](value):
            raise ValueError(f"{about}: {name} {wrong}")
    if form.needed and not any(name in settings for name in form.needed):
        raise ValueError(f"{about} needs {' or '.join(form.needed)}")


def _check_options(about: str, check: Check) -> None:
    """A public check of a registered validator, with options that it takes. Schemas with references may take a time
    that doubles with each of them."""
    from metaagent.validators.accept import compiled
    from metaagent.validators.base import KEY_ONLY, get  # read only where a protocol has checks

    if check.validator in KEY_ONLY:
        raise ValueError(f"{about}: its options are the answer, so it cannot be a public check")
    if len(json.dumps(check.options)) > LONGEST_OPTIONS:
        raise ValueError(f"{about}: its options must be at most {LONGEST_OPTIONS} characters of JSON")
    try:
        get(check.validator)(check.options)
    except ValueError as error:
        raise ValueError(f"{about}: {error}") from error
    if check.validator == "json.schema" and compiled(check.options["schema"]) is None:
        raise ValueError(f"{about}: a schema of a protocol has no references, and none of the rarer keywords")


# Tests of single values


def _must(wanted: str, holds: Callable[[Any], bool]) -> Flaw:
    return lambda value: "" if holds(value) else f"must be {wanted}"


def _is_number(value: Any, low: float, high: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def _number(low: float, high: float) -> Flaw:
    """NaN is within no bounds."""
    return _must(f"a number from {low:g} to {high:g}", lambda value: _is_number(value, low, high))


def _whole(low: int, high: int) -> Flaw:
    return _must(
        f"a whole number from {low} to {high}", lambda value: isinstance(value, int) and _is_number(value, low, high)
    )


def _is_text(value: Any, most: int = LONGEST_NAME) -> bool:
    return isinstance(value, str) and 0 < len(value) <= most


def _is_texts(value: Any, count: int = MOST_WORDS, most: int = LONGEST_NAME) -> bool:
    return isinstance(value, list) and len(value) <= count and all(_is_text(one, most) for one in value)


def _texts(count: int, most: int = LONGEST_NAME) -> Flaw:
    return _must(f"a list of at most {count} texts of at most {most} characters", lambda v: _is_texts(v, count, most))


def _one_of(known: Collection[str]) -> Flaw:
    return _must(f"one of {', '.join(known)}", lambda value: isinstance(value, str) and value in known)


def _is_names(value: Any) -> bool:
    """Names of Python, each with the module that it comes from."""
    return isinstance(value, dict) and all(
        _dotted(name) and isinstance(module, str) and _dotted(module) for name, module in value.items()
    )


def _dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


_TEXT: Final = _must("a text", lambda value: isinstance(value, str) and bool(value))
_FLAG: Final = _must("true or false", lambda value: isinstance(value, bool))
_MODULE: Final = _must("a module's name", lambda value: isinstance(value, str) and _dotted(value))
_MODULES: Final = _must("a list of modules' names", lambda value: _is_texts(value, 5000) and all(map(_dotted, value)))
_MEMBERS: Final = _must("a mapping of names to modules", _is_names)


def _trigger_flaw(value: Any) -> str:
    """remedies/trigger.py says what a trigger is."""
    if value is None or value == {}:
        return ""
    fitting = isinstance(value, dict) and value.keys() <= {"any", "all", "none"} and all(map(_is_texts, value.values()))
    return "" if fitting else f"must have any, all or none, each a list of at most {MOST_WORDS} short texts"


def _pool_flaw(value: Any) -> str:
    if not isinstance(value, list) or len(value) > MOST_POOLED:
        return f"must be a list of at most {MOST_POOLED} solved tasks"
    return "" if all(map(_is_solved, value)) else "must hold a task, inputs and an artifact, all texts, in each entry"


def _is_solved(one: Any) -> bool:
    if not isinstance(one, dict) or not isinstance(one.get("inputs"), dict):
        return False
    plain = all(_is_text(name) and isinstance(text, str) for name, text in one["inputs"].items())
    optional = all(isinstance(one.get(name) or "", str) for name in ("group", "goal"))
    return plain and optional and _is_text(one.get("task")) and isinstance(one.get("artifact"), str)


def _rungs_flaw(value: Any) -> str:
    known = [str(rung) for rung in Rung]
    fitting = isinstance(value, list) and 0 < len(value) <= MOST_RUNGS and all(one in known for one in value)
    return "" if fitting else f"must be a list of at most {MOST_RUNGS} rungs, each one of {', '.join(known)}"


# Settings of fixers that hold what was learned


STEPS: Final[Mapping[str, tuple[str, ...]]] = {
    "keep": ("table", "where"),
    "value": ("table", "column", "is"),
    "scale": ("columns", "by"),
    "round": ("digits",),
    "measure": ("name", "table", "is"),
    "date": ("name", "is"),
    "shift": ("column", "by", "codes"),
    "year": ("months",),
    "month": ("day",),
    "span": ("from", "to"),
    "share": ("by", "digits", "sign"),
    "form": ("columns", "is"),
    "missing": ("is",),
    "ties": ("by",),
    "key": (),
}
"""What a step of ``sql.views`` cannot do without, by what it does."""
_NUMBERS: Final = {"months": (1, 11), "day": (2, 28)}
_DAY_OF_YEAR: Final = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_LONGEST_SIGN: Final = 10
_RULES: Final[Mapping[str, tuple[str, ...]]] = {
    "guard": ("if", "do"),
    "error": ("do",),
    "failure": ("do",),
    "result": ("if", "give"),
    "whole": ("give",),
    "text": ("find", "give"),
    "replace": ("find", "give"),
}
"""What a rule of ``python.rewrites`` cannot do without, by its kind; all of it is text."""


def _steps_flaw(value: Any) -> str:
    if not isinstance(value, list) or not 0 < len(value) <= MOST_STEPS:
        return f"must be a list of at most {MOST_STEPS} steps"
    return next(filter(None, map(_step_flaw, value)), "")


def _step_flaw(step: Any) -> str:
    if not isinstance(step, dict) or not isinstance(step.get("do"), str) or step["do"] not in STEPS:
        return f"must be mappings whose do is one of {', '.join(STEPS)}"
    if missing := [name for name in STEPS[step["do"]] if name not in step]:
        return f"must say {' and '.join(missing)} where a step does {step['do']!r}"
    for name in ("unless", "only"):
        limit = step.get(name, {})
        if (
            not isinstance(limit, dict)
            or not limit.keys() <= {"words", "reads"}
            or not all(map(_is_texts, limit.values()))
        ):
            return f"must have lists of texts, words or reads, under {name}"
    wrong = [name for name, one in step.items() if name not in ("unless", "only") and not _fits(name, one)]
    return f"must not have such a {wrong[0][:40]} as {str(step[wrong[0]])[:40]!r}" if wrong else ""


def _fits(name: str, value: Any) -> bool:
    if name in ("columns", "codes"):
        return _is_texts(value)
    if name in ("table", "where", "column", "name", "is", "do"):
        return isinstance(value, str) and len(value) <= LONGEST_CODE
    if name in _NUMBERS:
        return not _whole(*_NUMBERS[name])(value)
    if name in ("from", "to"):
        return isinstance(value, str) and bool(_DAY_OF_YEAR.fullmatch(value))
    if name == "sign":
        return isinstance(value, str) and len(value) <= _LONGEST_SIGN and value.isprintable()
    return value is None or isinstance(value, (str, bool)) or _is_number(value, -math.inf, math.inf)


def _rules_flaw(value: Any) -> str:
    if not isinstance(value, list) or len(value) > MOST_STEPS:
        return f"must be a list of at most {MOST_STEPS} rules"
    return next(filter(None, map(_rewrite_flaw, value)), "")


def _rewrite_flaw(rule: Any) -> str:
    if not isinstance(rule, dict) or not isinstance(rule.get("kind"), str) or rule["kind"] not in _RULES:
        return f"must be mappings whose kind is one of {', '.join(_RULES)}"
    kind, when = rule["kind"], rule.get("when") or {}
    if missing := [name for name in _RULES[kind] if not isinstance(rule.get(name), str)]:
        return f"must say {' and '.join(missing)}, as text, in a rule of kind {kind!r}"
    if any(len(rule[name]) > LONGEST_CODE for name in _RULES[kind]):
        return f"must not have texts of more than {LONGEST_CODE} characters in a rule"
    if kind == "result" and rule["if"] not in CONDITIONS:
        return f"must not ask for {rule['if'][:40]!r}: known are {', '.join(CONDITIONS)}"
    if kind == "text" and rule["find"] not in PATTERNS:
        return f"must not look for {rule['find'][:40]!r}: known are {', '.join(PATTERNS)}"
    if kind == "guard" and rule.get("on", "call") not in ("call", "failure"):
        return "must have guards on call or failure"
    fitting = isinstance(when, dict) and when.keys() <= {"any", "none"} and all(map(_is_texts, when.values()))
    return "" if fitting else "must have lists of texts, any or none, under when"


def _library_flaw(value: Any) -> str:
    fitting = (
        isinstance(value, dict)
        and value.keys() <= {"name", "members"}
        and (not value.get("name") or not _MODULE(value["name"]))
        and _is_names(value.get("members", {}))
    )
    return "" if fitting else "must have the name of a module, and members that map names to modules"


OPTIONS: Final[Mapping[str, Flaw]] = {
    "num_predict": _whole(1, 131_072),
    "temperature": _number(0, 2),
    "num_ctx": _whole(256, 1_048_576),
    "repeat_penalty": _number(0.1, 10),
    "stop": _texts(16),
    "constrained": _FLAG,
}
"""Bounds as the configuration has them (metaagent/config.py), and above them the largest windows of today's models."""
_NOTES: Final = Form({"fields": _texts(32)}, ("fields",))
_KINDS: Final[Mapping[str, Form]] = {
    "option": Form(OPTIONS, tuple(OPTIONS)),
    "strategy": Form({"rungs": _rungs_flaw, "on": _one_of(("any", "public"))}, ("rungs",)),
    "exemplar": Form({"pool": _pool_flaw, "count": _whole(1, MOST_SHOWN), "cap": _whole(0, 1_000_000)}, ("pool",)),
    "rule": Form({"text": rule_flaw, "tokens": _whole(0, 1_000_000)}, ("text",)),
    "route": Form({"goal": _TEXT, "model": model_flaw}, ("goal", "model")),
}
_RANK: Final[Mapping[str, Flaw]] = {"rank": _whole(0, 1000)}
_SCHEMA: Final[Mapping[str, Flaw]] = {
    **_RANK,
    "schema": _must(f"a text of at most {LONGEST_SCHEMA} characters", lambda value: _is_text(value, LONGEST_SCHEMA)),
}
_PLAIN: Final = Form(_RANK)
_FIXERS: Final[Mapping[str, Form]] = {
    "json.fields": Form({**_RANK, "program": program_flaw}, ("program",)),
    "sql.columns": Form(_SCHEMA),
    "sql.dialect": Form(_SCHEMA),
    "sql.joins": Form(_SCHEMA),
    "sql.views": Form({**_SCHEMA, "steps": _steps_flaw}, ("steps",)),
    "python.imports": Form({**_RANK, "members": _MEMBERS, "modules": _MODULES}),
    "python.library": Form({**_RANK, "name": _MODULE, "members": _MEMBERS}, ("members",)),
    "python.rewrites": Form({**_RANK, "rules": _rules_flaw, "library": _library_flaw}, ("rules",)),
}
"""Fixers that take settings beside ``rank``."""
