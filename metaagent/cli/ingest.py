"""``metaagent ingest``: the failures of other tools, into the ledger and its patterns."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, BinaryIO

import typer

from metaagent.cli.fingerprint import FileArgument, FormatOption, opened, shown_name
from metaagent.cli.state import current, printable


def command(
    file: FileArgument = "-",
    format: FormatOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be added.")] = False,
) -> None:
    """Put the errors that another tool reported into the ledger; the same content is put there once."""
    from metaagent.learning.fingerprints import readers
    from metaagent.learning.fingerprints.ingest import ingest

    state = current()
    form = readers.format_named(format, file)
    with _rewindable(file) as stream, state.ledger() as ledger:
        made = ingest(ledger, stream, form, shown_name(file), dry_run=dry_run)
    if made.known:
        text = f"{made.source} was ingested before: nothing added"
    else:
        word = "would be added" if dry_run else "added"
        text = f"{made.added} errors {word}, {made.signatures} fingerprints"
    state.out("ingest", {**_data(made), "dry_run": dry_run}, printable(text))
    if made.added and not dry_run:
        state.notice("next: metaagent learn patterns")


def _data(made: object) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(made)  # type: ignore[call-overload, no-any-return]


@contextmanager
def _rewindable(file: str) -> Iterator[BinaryIO]:
    """A file as it is; a pipe in a file of its own, since it is read more than once."""
    from tempfile import TemporaryFile

    with opened(file) as stream:
        if file != "-" and stream.seekable():
            yield stream
            return
        with TemporaryFile() as kept:
            shutil.copyfileobj(stream, kept)
            yield kept
