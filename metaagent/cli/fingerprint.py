"""``metaagent fingerprint``: the miner as a filter; it needs no workspace."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from metaagent.cli import render
from metaagent.cli.complete import one_of
from metaagent.cli.state import Column, Table, current

if TYPE_CHECKING:
    from metaagent.learning.fingerprints.fingerprint import Group, Miner

BLOCK = 500  # records that are written at once

FORMATS = ("junit", "pytest-json", "ruff-json", "sarif", "jsonl", "traceback", "log")
FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="What a tool reported; - is standard input.")]
FormatOption = Annotated[
    str | None, typer.Option("--format", **one_of(FORMATS), help="The form of FILE; default: by its name.")
]


def command(
    file: FileArgument = "-",
    format: FormatOption = None,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="One JSON object for each error, in order, instead of the groups.")
    ] = False,
) -> None:
    """Group the errors of another tool by fingerprint; with --jsonl, one record out for each error in."""
    from tempfile import TemporaryFile

    from metaagent.learning.fingerprints import readers
    from metaagent.learning.fingerprints.stream import spool, spool_lines

    state = current()
    form = readers.format_named(format, file)
    with opened(file) as stream, TemporaryFile(buffering=1 << 20) as kept:
        if form == "log":
            miner = spool_lines(readers.log_lines(stream), kept)  # type: ignore[arg-type]
        else:
            miner = spool(readers.read(stream, form, shown_name(file)), kept)  # type: ignore[arg-type]
        if jsonl:
            for block in _blocks(miner, kept):  # type: ignore[arg-type]
                render.write(block)
            return
        rows = [_row(group) for group in _ordered(miner)]
    columns: list[Column | str] = ["pattern", "kind", Column("count", right=True), "route", "template"]
    cells = [(row["pattern"], row["kind"], row["count"], row["route"], row["template"]) for row in rows]
    state.out("fingerprint", rows, Table(columns, cells, empty="no errors in it"))


@contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """The bytes of a file, or of standard input."""
    from metaagent.errors import NotFoundError, UsageError

    if file == "-":
        if sys.stdin is None:
            raise UsageError("standard input is closed", mend="name a file")
        yield sys.stdin.buffer
        return
    path = Path(file)
    if path.is_dir():
        raise UsageError(f"{file} is a folder", mend="name a file")
    if not path.exists():
        raise NotFoundError(f"there is no file {file}")
    with path.open("rb") as stream:
        yield stream


def shown_name(file: str) -> str:
    return "standard input" if file == "-" else file


def _ordered(miner: Miner) -> list[Group]:
    """The groups, the most frequent first."""
    return sorted({group.id: group for group in miner.groups()}.values(), key=lambda group: (-group.count, group.id))


def _row(group: Group) -> dict[str, Any]:
    return {
        "pattern": group.id,
        "kind": group.kind,
        "count": group.count,
        "route": group.route,
        "template": group.template,
        "members": group.members,
        "differences": group.differences,
    }


def _blocks(miner: Miner, kept: BinaryIO) -> Iterator[str]:
    """JSON lines, many at once. What is the same for a whole signature is written once."""
    from metaagent.cli.render import json_text
    from metaagent.learning.fingerprints.stream import fingerprints

    wholes = [json_text({"kind": one.kind, "template": one.template, "pattern": one.id}) for one in miner.groups()]
    heads = [whole[:-1] + ', "variables": ' for whole in wholes]
    lines: list[str] = []
    for number, variables in fingerprints(miner, kept):
        lines.append(f"{heads[number]}{variables}}}")
        if len(lines) == BLOCK:
            yield "\n".join(lines)
            lines = []
    if lines:
        yield "\n".join(lines)
