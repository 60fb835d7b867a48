"""``json.repair``: a reply that is nearly JSON, as JSON.

Mends what small models write: commas left over or missing, single or typographic quotes, bare keys, Python's and
JavaScript's words (True, None, undefined, NaN), comments, line breaks and stray quotes in strings, plus signs and
leading points of numbers, and endings that the model did not reach. Abstains on what parses already, on what holds no
object or list, and on artifacts that are not JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from metaagent.records import Brief

_MAX_CHARACTERS: Final = 200_000
_MAX_DEPTH: Final = 64
_SPACE = re.compile(r"(?:\s|//[^\n]*|/\*.*?(?:\*/|\Z)|#[^\n]*)*", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?=\s*(?:[,}\]\n/#]|\Z)|\s*\n)")
_BARE = re.compile(r"[^\s,:{}\[\]\"']+(?:[ \t]+[^\s,:{}\[\]\"']+)*")
_UNICODE = re.compile(r"\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|\\u[\da-fA-F]{4}")
_QUOTES: Final = {'"': '"', "'": "'", "“": "”", "‘": "’", "`": "`", "„": "“", "«": "»"}
_WORDS: Final[Mapping[str, Any]] = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    "null": None, "None": None, "NULL": None, "nil": None, "undefined": None, "NaN": None, "nan": None,
}  # fmt: skip
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class _GiveUpError(ValueError):
    pass


def fix(reply: str, brief: Brief, settings: Mapping[str, Any]) -> str | None:  # noqa: ARG001
    if brief.artifact.format.lower() != "json" or len(reply) > _MAX_CHARACTERS:
        return None
    try:
        json.loads(reply)
    except RecursionError:
        return None
    except ValueError:
        return repair(reply)
    return None


def repair(text: str) -> str | None:
    """The first object or list of the text, mended, as JSON; None where there is none that can be read."""
    start = re.search(r"[\[{]", text)
    if start is None:
        return None
    try:
        value = _Reader(text, start.start()).value(0)
        return json.dumps(value, ensure_ascii=False, indent=2) if value else None
    except (_GiveUpError, ValueError, RecursionError):
        return None


class _Reader:
    """A tolerant reader of JSON: each step takes at least one character, so that it ends."""

    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.at = position

    def skip(self) -> str:
        """Past white space and comments; the next character, empty at the end."""
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.text[self.at : self.at + 1]

    def value(self, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise _GiveUpError
        mark = self.skip()
        if mark == "{":
            return self.object(depth)
        if mark == "[":
            return self.list(depth)
        if mark in _QUOTES and mark:
            return self.string(mark)
        return self.scalar()

    def object(self, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        self.at += 1
        while (mark := self.skip()) not in ("", "}"):
            if mark == ",":
                self.at += 1
                continue
            if mark == "]":  # a list's end where the object's was meant
                break
            key = self.string(mark) if mark in _QUOTES else self.bare_key()
            if self.skip() not in (":", "="):
                if not self.skip():  # cut off within a key: what was not said is left out
                    break
                raise _GiveUpError
            self.at += 2 if self.text.startswith("=>", self.at) else 1
            if self.skip() in ("", ",", "}"):
                members[key] = None
                continue
            members[key] = self.value(depth + 1)
        self.at += 1
        return members

    def list(self, depth: int) -> list[Any]:
        items: list[Any] = []
        self.at += 1
        while (mark := self.skip()) not in ("", "]"):
            if mark == ",":
                self.at += 1
                continue
            if mark == "}":
                break
            if mark == ":":
                raise _GiveUpError
            items.append(self.value(depth + 1))
        self.at += 1
        return items

    def bare_key(self) -> str:
        found = re.compile(r"[\w$.-]+").match(self.text, self.at)
        if found is None:
            raise _GiveUpError
        self.at = found.end()
        return found[0]

    def string(self, mark: str) -> str:
        """A string from its opening quote. A quote in the middle of it is one of its characters."""
        closing, made = _QUOTES[mark], list[str]()
        self.at += 1
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == "\\":
                made.append(self.escape())
                continue
            self.at += 1
            if character == closing and self.closes():
                return "".join(made)
            made.append(character)
        return "".join(made).rstrip()

    def closes(self) -> bool:
        """Whether what follows a quote can follow a string."""
        rest = re.compile(r"\s*(.?)", re.DOTALL).match(self.text, self.at)
        following = rest[1] if rest else ""
        if following in ("", ",", "}", "]", ":", "=", "/", "#"):
            return True
        broken = rest is not None and "\n" in rest[0]
        return following in _QUOTES and broken  # a comma is missing between two lines

    def escape(self) -> str:
        found = _UNICODE.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
            try:
                made: str = json.loads(f'"{found[0]}"')
                made.encode()
            except ValueError:  # half of a surrogate pair
                return "\ufffd"
            return made
        following = self.text[self.at + 1 : self.at + 2]
        self.at += 2
        return _ESCAPES.get(following, following)

    def scalar(self) -> Any:
        number = _NUMBER.match(self.text, self.at)
        if number is not None:
            self.at = number.end()
            return _number(number[0])
        found = _BARE.match(self.text, self.at)
        if found is None:
            raise _GiveUpError
        self.at = found.end()
        return _WORDS[found[0]] if found[0] in _WORDS else found[0]


def _number(text: str) -> Any:
    plain = text.replace("_", "").lstrip("+")
    if not re.search(r"[.eE]", plain):
        return int(plain)
    value = float(plain)
    if value in (float("inf"), float("-inf")):
        raise _GiveUpError
    return value
