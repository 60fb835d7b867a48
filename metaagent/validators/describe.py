"""What each check is and which options it has: the descriptions at the head of the validators, for whoever writes a
task. The words stand beside the code that they describe, and nowhere else."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from importlib import import_module

from metaagent.validators.base import CONFINED, KEY_ONLY, get, names


@dataclass(frozen=True, slots=True)
class Description:
    """``place``: public, key, or both. ``text`` is the whole of it, ``summary`` its first sentence."""

    check: str
    place: str
    sandbox: bool
    summary: str
    text: str


def described(name: str) -> Description:
    """OptionsError, with the nearest known name, where there is no such check."""
    module = import_module(get(name).__module__)
    text = inspect.cleandoc(module.__doc__ or "")
    place = "key" if name in KEY_ONLY else "public or key"
    return Description(name, place, name in CONFINED, _summary(name, text), text)


def all_described() -> list[Description]:
    return [described(name) for name in names()]


def _summary(name: str, text: str) -> str:
    """The sentence that introduces the check; of a check that shares its description, the line with its options."""
    for line in text.split("\n"):
        if line.strip().startswith(f"{name} "):
            return " ".join(line.split()[1:])
    named = text.partition(f"``{name}``")[2] or text
    sentence = " ".join(named.split("\n\n")[0].split()).lstrip(",: ")
    return (
        sentence.split(". ")[0]
        .rstrip(":.")
        .removeprefix("a public check: ")
        .removeprefix("a key check: ")
        .replace("``", "")
    )
