"""Diagnosis: what a failed attempt is thought to come from, by rules. Pure; a model may word a cause, it never decides.

| cause | meaning: what would have to change |
| --- | --- |
| prompt | what was asked and how: a convention that is not told, a misleading text, a wrong option |
| context | what fitted: the prompt was cut, or the reply ran out of room |
| tool | what the attempt or its check needs on this machine: a validator, a fixture, a sandbox, a program |
| external | nothing that a protocol can change: the backend is down, or the task is beyond the model |
| unknown | no rule holds |

Rules are tried in order, the first that holds names the cause. The confidence of what a rule says is the lower bound
of its hit rate on failures whose cause is known (``RATES``); a rule that was never held against such has none.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from types import MappingProxyType

from metaagent.records import ErrorEvent, ErrorKind
from metaagent.statistics import wilson


class Cause(StrEnum):
    PROMPT = "prompt"
    TOOL = "tool"
    CONTEXT = "context"
    EXTERNAL = "external"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of one failed attempt. ``reasons`` are those of failed calls (``inference.base.REPLY_REASONS``);
    ``finishes`` how replies ended; ``truncated``: the backend cut a prompt; ``reply`` is the last one's text."""

    attempt_id: str
    task_id: str
    events: tuple[ErrorEvent, ...]
    reasons: tuple[str, ...] = ()
    finishes: tuple[str, ...] = ()
    truncated: bool = False
    reply: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """``confidence`` is the 95% lower bound of the hit rate of the rule that named the cause; 0 for unknown."""

    cause: Cause
    rule: str
    confidence: float
    why: str


@dataclass(frozen=True, slots=True)
class Company:
    """What the failures of the same domain, model and protocol have in common. ``places``: location -> how many failed
    attempts went wrong there; ``swaps``: (location, got, expected) -> how often."""

    failures: int
    places: Mapping[str, int]
    swaps: Mapping[tuple[str, str, str], int]


RELATED = 0.6
"""Two texts that are this alike (letters and digits, order kept) are one value written in two ways."""
COMMON = 0.34
"""A place where this share of a domain's failures go wrong is a convention rather than a slip."""
FEWEST = 3

RATES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "backend": (32, 32),
        "cut-prompt": (32, 32),
        "cut-reply": (32, 32),
        "check-broke": (64, 64),
        "stopped-early": (32, 32),
        "convention": (32, 32),
        "beyond": (32, 32),
    }
)
"""rule -> (right, named) on planted failures (tests/benchmarks/bench_diagnosis.py). Planted faults are clean, one at a
time: failures in daily work are mixed, so this is the upper end. A rule that is not here was never held against any."""

_BACKEND = frozenset(
    {"connect", "reset", "overloaded", "first_token", "idle", "total", "no_done", "error_line", "garbage", "html"}
)
_CUT = "the reply was cut at "
_WORD = re.compile(r"\w+")


def company(failed: Iterable[Signals]) -> Company:
    """What failures have in common; those of infrastructure left out."""
    count, places, swaps = 0, Counter[str](), Counter[tuple[str, str, str]]()
    for signals in failed:
        events = [event for event in signals.events if event.kind is not ErrorKind.INFRASTRUCTURE]
        if not events:
            continue
        count += 1
        places.update({_place(event) for event in events})
        swaps.update({(_place(e), e.got, e.expected) for e in events if e.got is not None and e.expected is not None})
    return Company(count, places, swaps)


def diagnose(signals: Signals, others: Company) -> Diagnosis:
    """The cause of one failed attempt, in the company of those of its domain (itself included)."""
    for name, cause, rule in _RULES:
        why = rule(signals, others)
        if why:
            return Diagnosis(cause, name, wilson(*RATES.get(name, (0, 0))).low, why)
    return Diagnosis(Cause.UNKNOWN, "", 0.0, "no rule holds for what is known of it")


def commonest(found: Sequence[Diagnosis]) -> Diagnosis:
    """What a pattern is thought to come from: the cause that most of its attempts are ascribed to, unknown where no
    cause has more than half. Its confidence is shared out accordingly."""
    if not found:
        return Diagnosis(Cause.UNKNOWN, "", 0.0, "nothing is known of its attempts")
    counts = Counter((one.cause, one.rule) for one in found)
    (cause, rule), number = min(counts.items(), key=lambda item: (-item[1], item[0]))
    if 2 * number <= len(found):
        return Diagnosis(Cause.UNKNOWN, "", 0.0, "its attempts failed for different causes")
    first = next(one for one in found if (one.cause, one.rule) == (cause, rule))
    return Diagnosis(cause, rule, first.confidence * number / len(found), first.why)


def _backend(signals: Signals, _others: Company) -> str:
    broken = [reason for reason in signals.reasons if reason in _BACKEND]
    return f"the backend failed: {broken[-1]}" if broken else ""


def _cut_prompt(signals: Signals, _others: Company) -> str:
    if signals.truncated or "context" in signals.reasons or any(e.kind is ErrorKind.CONTEXT for e in signals.events):
        return "the prompt did not fit the model's window"
    return ""


def _cut_reply(signals: Signals, _others: Company) -> str:
    cut = "length" in signals.finishes or any(event.message.startswith(_CUT) for event in signals.events)
    return "the reply ran out of room (num_predict)" if cut else ""


def _check_broke(signals: Signals, _others: Company) -> str:
    broken = [event for event in signals.events if event.kind in (ErrorKind.INFRASTRUCTURE, ErrorKind.TOOL)]
    return f"{broken[0].validator or 'a tool'} broke: {broken[0].message[:120]}" if broken else ""


def _stopped_early(signals: Signals, _others: Company) -> str:
    """A reply that ends in the middle of its form though the model said that it had finished: a stop word cut it."""
    text = signals.reply.strip()
    opened = any(event.kind in (ErrorKind.FORMAT, ErrorKind.SYNTAX) for event in signals.events)
    if not opened or "length" in signals.finishes:
        return ""
    unfinished = text.startswith(("{", "[")) and _depth(text) > 0
    return "the reply ends in the middle, though not for lack of room: a stop word" if unfinished else ""


def _wandering(signals: Signals, _others: Company) -> str:
    """A model that repeats itself or says nothing was asked in a way that it cannot answer: options."""
    repeated = "repetition" in signals.finishes or any("repeated itself" in event.message for event in signals.events)
    return (
        "the reply repeats itself" if repeated else "the model answered nothing" if "empty" in signals.reasons else ""
    )


def _form(signals: Signals, _others: Company) -> str:
    public = [
        e for e in signals.events if e.public and e.kind in (ErrorKind.FORMAT, ErrorKind.SCHEMA, ErrorKind.SIGNATURE)
    ]
    return f"the form of the answer was missed: {public[0].message[:120]}" if public else ""


def _convention(signals: Signals, others: Company) -> str:
    """The right value in another writing, or the same exchange of values again and again: the model knows the answer
    and does not know how it is wanted."""
    pairs = [event for event in signals.events if event.got is not None and event.expected is not None]
    for event in pairs:
        place = _place(event)
        again = others.swaps.get((place, event.got or "", event.expected or ""), 0)
        usual = others.places.get(place, 0) >= max(FEWEST, COMMON * others.failures)
        if again >= FEWEST or (usual and related(event.got or "", event.expected or "")):
            where = f" at {event.location}" if event.location else ""
            return f"a convention{where} that was not told: {event.got} for {event.expected}"
    return ""


def _beyond(signals: Signals, _others: Company) -> str:
    """Values that have nothing to do with what is expected, or code that does not run: no wording mends that."""
    wrong = [event for event in signals.events if event.kind in _WRONG]
    return "the answer is wrong in substance: a larger model, or another try" if wrong else ""


_WRONG = frozenset(
    {ErrorKind.ASSERTION, ErrorKind.EXCEPTION, ErrorKind.TIMEOUT, ErrorKind.RESOURCE, ErrorKind.SYNTAX, ErrorKind.NAME}
)

Rule = Callable[[Signals, Company], str]
_RULES: tuple[tuple[str, Cause, Rule], ...] = (
    ("backend", Cause.EXTERNAL, _backend),
    ("cut-prompt", Cause.CONTEXT, _cut_prompt),
    ("cut-reply", Cause.CONTEXT, _cut_reply),
    ("check-broke", Cause.TOOL, _check_broke),
    ("stopped-early", Cause.PROMPT, _stopped_early),
    ("wandering", Cause.PROMPT, _wandering),
    ("form", Cause.PROMPT, _form),
    ("convention", Cause.PROMPT, _convention),
    ("beyond", Cause.EXTERNAL, _beyond),
)


def _place(event: ErrorEvent) -> str:
    """Where, without the number of a row, case or line: the same place in another task."""
    return f"{event.validator}/{re.sub(r'[0-9]+', '0', event.location)}"


def related(got: str, expected: str) -> bool:
    """Whether two JSON texts hold the same value in two writings: the same words or digits in another order, case,
    scale or wrapping."""
    one, other = _flat(got), _flat(expected)
    if not one or not other:
        return False
    left, right = _number(got), _number(expected)
    if left is not None and right is not None:
        return left != 0 and right != 0 and _power_of_ten(left / right)
    words, wanted = set(_WORD.findall(got.lower())), set(_WORD.findall(expected.lower()))
    if len(words & wanted) >= max(1, round(RELATED * min(len(words), len(wanted)))) and words & wanted:
        return True
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= RELATED


def _flat(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())


def _number(text: str) -> float | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _power_of_ten(ratio: float) -> bool:
    return any(abs(ratio - 10.0**power) < 1e-9 * 10.0**power for power in (-3, -2, -1, 1, 2, 3))


def _depth(text: str) -> int:
    """How many brackets are still open at the end, strings left out."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"?', "", text)
    return sum(bare.count(one) for one in "{[") - sum(bare.count(one) for one in "}]")
