"""Strict prompt templates: ``{name}`` is a placeholder, ``{{`` and ``}}`` are braces, and nothing else is special.

A template is compiled once into literal pieces and names. Values are put in without being looked at, so a task's text
may hold any braces. A placeholder without a value raises; it never renders as an empty string.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from string import Formatter


class TemplateError(ValueError):
    """``placeholder`` names what is wrong, without braces; it is empty where the braces do not pair."""

    def __init__(self, message: str, placeholder: str = "") -> None:
        super().__init__(message)
        self.placeholder = placeholder


@dataclass(frozen=True, slots=True)
class Template:
    """``pieces`` alternates: a literal, a name, a literal, ... and ends with a literal."""

    pieces: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return self.pieces[1::2]

    def render(self, values: Mapping[str, str]) -> str:
        parts = list(self.pieces)
        try:
            parts[1::2] = [values[name] for name in self.pieces[1::2]]
        except KeyError as error:
            name = str(error.args[0])
            raise TemplateError(f"no value for the placeholder {{{name}}}", name) from None
        return "".join(parts)


@lru_cache(maxsize=1024)
def compile_template(text: str) -> Template:
    """Raises TemplateError for an unpaired brace and for anything but a plain name between braces."""
    pieces = [""]
    try:
        for literal, name, spec, conversion in Formatter().parse(text):
            pieces[-1] += literal
            if name is None:
                continue
            if not name.isidentifier() or spec or conversion:
                raise TemplateError(f"{{{name}}} is not a placeholder; write {{{{ and }}}} for braces", name)
            pieces += [name, ""]
    except TemplateError:
        raise
    except ValueError as error:
        raise TemplateError(f"unpaired brace ({error}); write {{{{ and }}}} for braces") from None
    return Template(tuple(pieces))


def check_template(text: str, *, allowed: frozenset[str], required: frozenset[str] = frozenset()) -> None:
    """Raises TemplateError that names the first unknown or the first missing placeholder."""
    names = compile_template(text).names
    for name in names:
        if name not in allowed:
            known = ", ".join(f"{{{known}}}" for known in sorted(allowed)) or "none"
            raise TemplateError(f"unknown placeholder {{{name}}}; known here: {known}", name)
    for name in sorted(required.difference(names)):
        raise TemplateError(f"the placeholder {{{name}}} is missing", name)
