"""Failures of other tools into the ledger: read as a stream, written in batches, counted by signature.

The same content adds nothing a second time. A file of lines that has grown since is read from where it had ended. What
is not of its format is refused whole, before anything is written.
"""

from __future__ import annotations

import json
import sqlite3
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import BinaryIO

from metaagent.learning.fingerprints.fingerprint import Failure, Miner
from metaagent.learning.fingerprints.readers import read
from metaagent.ledger import foreign
from metaagent.ledger.database import Ledger, Row

BATCH = 5000
GROWING = frozenset({"log", "jsonl", "traceback"})
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Ingested:
    """``ingest_id`` is None for a dry run; ``added`` counts the errors that were not there before."""

    ingest_id: str | None
    source: str
    format: str
    added: int
    signatures: int
    known: bool


@dataclass(frozen=True, slots=True)
class _Content:
    """``start``: where what is new begins."""

    sha256: str
    size: int
    start: int


def ingest(ledger: Ledger, stream: BinaryIO, form: str, source: str, *, dry_run: bool = False) -> Ingested:
    """Reads a stream that can be rewound. Raises UsageError that names the line for malformed input."""
    content = _look(stream, form, foreign.finished(ledger))
    known = any(row["sha256"] == content.sha256 and row["format"] == form for row in foreign.finished(ledger))
    if known:
        return Ingested(None, source, form, 0, 0, known=True)
    checked = Tally()
    if dry_run or form != "log":  # a log line is never malformed
        checked.take(_failures(stream, content.start, form, source))
    if dry_run:
        return Ingested(None, source, form, checked.errors, len(checked.miner.signatures), known=False)
    begun = foreign.begin(ledger, source, form, content.sha256, content.size)
    tally = Tally()
    failures = _failures(stream, content.start, form, source)
    while batch := list(islice(failures, BATCH)):
        first = tally.errors
        tally.take(batch)
        foreign.add(ledger, begun.id, first, [(one.kind, _head(one), one.message) for one in batch])
    foreign.finish(ledger, begun.id, tally.errors, tally.counted())
    return Ingested(begun.id, source, form, tally.errors, len(tally.miner.signatures), known=False)


def _failures(stream: BinaryIO, start: int, form: str, source: str) -> Iterator[Failure]:
    """The failures as they are kept."""
    stream.seek(start)
    for failure in read(stream, form, source):
        yield Failure(failure.kind, failure.head, foreign.storable(failure.message))


class Tally:
    """Counts failures by signature, with one example of each."""

    def __init__(self) -> None:
        self.miner = Miner()
        self.errors = 0
        self._examples: list[Failure] = []

    def take(self, failures: Iterable[Failure]) -> None:
        for failure in failures:
            self.errors += 1
            if self.miner.failure(failure) == len(self._examples):
                self._examples.append(failure)

    def counted(self) -> list[foreign.Counted]:
        pairs = zip(self.miner.signatures, self._examples, strict=True)
        return [(one.id, one.kind, _head(example), example.message, one.count) for one, example in pairs]


def _head(failure: Failure) -> str:
    return json.dumps(failure.head, ensure_ascii=False)


def _look(stream: BinaryIO, form: str, known: Iterable[Row]) -> _Content:
    """The digest of the whole, and where it goes on after the longest beginning that was ingested before."""
    digest, size, start = sha256(), 0, 0
    before = {row["size"]: row["sha256"] for row in known if row["format"] == form and form in GROWING}
    stream.seek(0)
    for stop in [*sorted(before), None]:
        while chunk := stream.read(_CHUNK if stop is None else min(_CHUNK, stop - size)):
            digest.update(chunk)
            size += len(chunk)
        if stop is not None and size == stop and digest.hexdigest() == before[stop]:
            start = stop
    return _Content(digest.hexdigest(), size, _line_start(stream, start))


def _line_start(stream: BinaryIO, at: int) -> int:
    """Where the first line begins that is not all before this place. A last line without its end was read as it stood:
    where no more than its end came, it is not read again. In UTF-16 the place itself."""
    stream.seek(0)
    if stream.read(2) in (BOM_UTF16_LE, BOM_UTF16_BE):
        return at
    stream.seek(at)
    end = stream.read(2)
    for mark in (b"\r\n", b"\n"):
        if end.startswith(mark):
            return at + len(mark)
    begin = max(0, at - _CHUNK)
    stream.seek(begin)
    return begin + stream.read(at - begin).rfind(b"\n") + 1


def derive(cursor: sqlite3.Cursor) -> int:
    """Counts the signatures of all that was ingested anew, for ``ledger rebuild``; how many there are."""
    cursor.execute("DELETE FROM foreign_signatures")
    ids = [row[0] for row in cursor.execute("SELECT ingest_id FROM ingest_ends ORDER BY ingest_id").fetchall()]
    made = 0
    for ingest_id in ids:
        tally = Tally()
        rows = cursor.execute(
            "SELECT kind, head, message FROM foreign_errors WHERE ingest_id = ? ORDER BY number", (ingest_id,)
        )
        tally.take(Failure(kind, tuple(json.loads(head)), message) for kind, head, message in rows)
        counted = tally.counted()
        cursor.executemany(foreign.SIGNATURE, [(ingest_id, *row) for row in counted])
        made += len(counted)
    return made
