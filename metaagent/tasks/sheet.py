"""YAML read strictly, with the line of every key at hand.

YAML 1.2 in what a word means: only true and false are booleans (NO stays a country), dates and 12:30 stay text. A key
that stands twice, an alias and a deep nest are errors: each of them means something else than its author thought.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from metaagent.errors import SpecificationError, StorageError
from metaagent.yamltree import line_of, repeated_key

MAX_SHEET = 5_000_000
Location = Sequence[str | int]


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own attribute

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not supported: write it out", problem_mark=mark)
        return super().compose_node(parent, index)


RESOLVERS = tuple(
    (f"tag:yaml.org,2002:{tag}", re.compile(rf"(?:{pattern})\Z"), first)
    for tag, pattern, first in (
        ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
        ("null", r"~|null|Null|NULL|", ("~", "n", "N", "")),
        ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
        ("float", r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?", "-+0123456789"),
    )
)
"""What a plain word means: tag, pattern, first characters. The same for reading and for writing."""

for _tag, _pattern, _first in RESOLVERS:
    _Loader.add_implicit_resolver(_tag, _pattern, list(_first))


@dataclass(frozen=True, slots=True)
class Sheet:
    """A YAML file as values. ``shown`` is its name in error texts."""

    path: Path
    shown: str
    values: dict[str, Any]
    root: yaml.Node | None

    def line(self, location: Location) -> int:
        """The 1-based line of the deepest part of ``location`` that the file has."""
        return line_of(self.root, location)

    def error(self, message: str, location: Location = (), mend: str | None = None) -> SpecificationError:
        where = f"{self.shown}:{self.line(location)}"
        name = ".".join(str(part) for part in location)
        return SpecificationError(f"{where}: {name + ': ' if name else ''}{message}", mend=mend or f"edit {where}")


def read_sheet(path: Path, shown: str | None = None) -> Sheet:
    shown = shown or str(path)
    return parse_sheet(read_text(path, shown, MAX_SHEET), path, shown)


def parse_sheet(text: str, path: Path, shown: str) -> Sheet:
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            if twice := repeated_key(root):
                where = f"{shown}:{twice[1]}"
                raise SpecificationError(f"{where}: the key {twice[0]!r} stands twice", mend=f"edit {where}")
            values = loader.construct_document(root) if root else {}
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{shown}:{mark.line + 1}" if mark else shown
        raise SpecificationError(f"{where}: not valid YAML: {_problem(error)}", mend=f"edit {where}") from None
    except (RecursionError, ValueError) as error:
        raise SpecificationError(f"{shown}: not valid YAML: {type(error).__name__}", mend=f"edit {shown}") from None
    if not isinstance(values, dict):
        raise SpecificationError(f"{shown}:1: must be a mapping, like goal: ...", mend=f"edit {shown}")
    return Sheet(path, shown, values, root)


def _problem(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or getattr(error, "reason", None) or error).split("\n", 1)[0]


def read_text(path: Path, shown: str, limit: int) -> str:
    """A text file, UTF-8 with or without BOM; SpecificationError names the file, and the line that is not text."""
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise SpecificationError(f"{shown}: no such file", mend=f"create {shown} or correct its name") from None
    except IsADirectoryError:
        raise SpecificationError(f"{shown} is a folder", mend="name a file") from None
    except OSError as error:
        raise StorageError(f"cannot read {shown}: {error.strerror}") from error
    if len(data) > limit:
        raise SpecificationError(f"{shown}: larger than {limit} bytes", mend="split it")
    return decode(data, shown)


def decode(data: bytes, shown: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SpecificationError(f"{shown}:{line}: not UTF-8 text", mend=f"save {shown} as UTF-8") from None
