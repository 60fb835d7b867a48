"""What the model weighed in the place of each field of few values, from the log-probabilities of the tokens it wrote.

A reply under a schema says one value of several; what else the model thought of there is lost with the text. Both
engines tell it for each token, before the schema's grammar cuts anything off: other values, and words that no value
allows, such as ``disputed`` where a claim is held. A learned fixer reads it (remedies/json/fields, ``classified``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

TOP: Final = 40
"""Alternatives that are asked for at each token. On 84 invoices a classifier had 67 states right with 20 and 73 with 40
(58 as written); the engine works as fast with them as without."""
MOST_VALUES: Final = 30
"""A field with more values is a name rather than a choice."""

_DECODER: Final = json.JSONDecoder()
_BLANK: Final = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a reply in bytes (a character may be split), its log-probability, and what else could have stood
    there, each with its own."""

    raw: bytes
    logprob: float
    others: tuple[tuple[bytes, float], ...] = ()


def choices(schema: Mapping[str, Any] | None, path: str = "") -> dict[str, tuple[Any, ...]]:
    """The fields of few values by their paths (``a.b``), each with its values; fields of lists are left out."""
    found: dict[str, tuple[Any, ...]] = {}
    properties = (schema or {}).get("properties")
    for name, one in properties.items() if isinstance(properties, Mapping) else ():
        if not isinstance(one, Mapping):
            continue
        here = f"{path}.{name}" if path else str(name)
        values = (True, False) if one.get("type") == "boolean" else tuple(one.get("enum") or ())
        if 2 <= len(values) <= MOST_VALUES:
            found[here] = values
        found |= choices(one, here)
    return found


def weigh(schema: Mapping[str, Any] | None, text: str, tokens: Sequence[Token]) -> dict[str, dict[str, float]]:
    """For each field of few values that the reply has: the log-probability of every allowed value, named as JSON, as
    far as they can be told apart within ``TOP`` (those beyond have that of the least likely told); and of the tokens
    that no value allows where the values part, named as they are. Empty where the engine said nothing, or where the
    tokens are not the text's."""
    starts = _starts(text, tokens)
    if not starts:
        return {}
    asked = choices(schema)
    return {
        path: _weighed(values, len(text[:at].encode()), tokens, starts)
        for path, at in _places(text)
        if (values := asked.get(path)) is not None
    }


def _starts(text: str, tokens: Sequence[Token]) -> list[int]:
    """Where each token begins in the text's bytes; none where they do not make up the text."""
    starts, at = [], 0
    for token in tokens:
        starts.append(at)
        at += len(token.raw)
    whole = b"".join(token.raw for token in tokens)
    return starts if text and whole.startswith(text.encode()) and any(token.others for token in tokens) else []


def _weighed(values: Iterable[Any], at: int, tokens: Sequence[Token], starts: Sequence[int]) -> dict[str, float]:
    """Walks along the tokens of the value that was written, and gives what might have stood in the place of each to
    the values that it fits, in equal parts where it fits several."""
    chances = {json.dumps(value, ensure_ascii=False): 0.0 for value in values}
    first = max(number for number, start in enumerate(starts) if start <= at)
    before = tokens[first].raw[: at - starts[first]]
    possible = {name: before + name.encode() for name in chances}
    others: dict[str, float] = {}
    path, least, done = 0.0, 0.0, 0
    for token in tokens[first:]:
        kept = _fitting(possible, token.raw, done)
        for raw, logprob in token.others:
            least = min(least, path + logprob)
            if raw == token.raw or not raw:
                continue
            fitting = _fitting(possible, raw, done)
            for name in fitting:
                chances[name] += math.exp(path + logprob) / len(fitting)
            if not fitting and len(kept) < len(possible):
                others.setdefault(raw.decode(errors="replace"), round(path + logprob, 3))
        if not kept:  # the value ended before: 1, where 10 was possible too
            possible = {name: text for name, text in possible.items() if len(text) <= done}
            break
        possible = {name: possible[name] for name in kept}
        path += token.logprob
        done += len(token.raw)
        if len(possible) == 1:
            break
    for name in possible:
        chances[name] += math.exp(path) / len(possible)
    return others | {name: round(math.log(chance) if chance > 0 else least, 3) for name, chance in chances.items()}


def _fitting(possible: Mapping[str, bytes], raw: bytes, done: int) -> list[str]:
    """The values that go on like this after so many bytes; a token may reach beyond a value's end."""
    rests = ((name, text[done:]) for name, text in possible.items())
    return [name for name, rest in rests if raw and rest and (rest.startswith(raw) or raw.startswith(rest))]


def _places(text: str) -> list[tuple[str, int]]:
    """Where each plain value of the object begins, by its path; what comes after a fault, or a cut, is left out."""
    found: list[tuple[str, int]] = []
    with suppress(ValueError, IndexError, RecursionError):
        _object(text, _skip(text, 0), "", found)
    return found


def _object(text: str, at: int, path: str, found: list[tuple[str, int]]) -> int:
    """Reads the object that begins at ``at``; returns where it ended."""
    at = _skip(text, at, "{")
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at, ":")
        here = f"{path}.{key}" if path else str(key)
        if text[at] == "{":
            at = _object(text, at, here, found)
        else:
            found.append((here, at))
            at = _DECODER.raw_decode(text, at)[1]
        at = _skip(text, at)
        at = _skip(text, at, ",") if text[at] == "," else at
    return at + 1


def _skip(text: str, at: int, mark: str = "") -> int:
    """Past the mark, which must stand there, and blanks around it."""
    if mark:
        at = _skip(text, at)
        if text[at] != mark:
            raise ValueError(f"no {mark} at {at}")
        at += 1
    while text[at] in _BLANK:
        at += 1
    return at
