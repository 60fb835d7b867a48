"""Errors of other tools: what was ingested, from where, and how far. The same content is ingested once; an ingestion
that was cut off is taken up again, and its rows are not written twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.mask import mask
from metaagent.ledger.ulid import new_ulid

_START = "INSERT OR IGNORE INTO ingests VALUES (?, ?, ?, ?, ?, ?, ?)"
_ERROR = "INSERT OR IGNORE INTO foreign_errors VALUES (?, ?, ?, ?, ?)"
_END = "INSERT OR IGNORE INTO ingest_ends VALUES (?, ?, ?, ?)"
SIGNATURE = "INSERT OR REPLACE INTO foreign_signatures VALUES (?, ?, ?, ?, ?, ?)"
_PAGE = 5000


@dataclass(frozen=True, slots=True)
class Ingest:
    """``errors`` is None where it was cut off, or still runs."""

    id: str
    errors: int | None


Counted = tuple[str, str, str, str, int]
"""Signature, kind, head (JSON), an example's message, count."""


def begin(ledger: Ledger, source: str, form: str, sha256: str, size: int) -> Ingest:
    """The ingestion of this content: a new one, or the one there is."""
    known = (sha256, form)
    found = ledger.one(_FIND, known)
    if found is None:
        row = (new_ulid(), ledger.now(), ledger.run_id, source, form, sha256, size)
        ledger.write([(_START, row)])
        found = ledger.one(_FIND, known)
    assert found is not None
    return Ingest(found["id"], found["errors"])


_FIND = """
    SELECT i.id, e.errors FROM ingests i LEFT JOIN ingest_ends e ON e.ingest_id = i.id
    WHERE i.sha256 = ? AND i.format = ?"""


def add(ledger: Ledger, ingest_id: str, first: int, errors: Sequence[tuple[str, str, str]]) -> None:
    """(kind, head as JSON, message) of the errors from that number on; one batch, durable when this returns."""
    rows = [(ingest_id, first + i, kind, head, message) for i, (kind, head, message) in enumerate(errors)]
    ledger.write([(_ERROR, rows)])


def storable(message: str) -> str:
    """A message as it is kept: credentials masked, lone surrogates as escapes."""
    text = mask(message)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def finish(ledger: Ledger, ingest_id: str, errors: int, counted: Sequence[Counted]) -> None:
    """The end, with the counted signatures, one transaction."""
    end = (ingest_id, ledger.now(), ledger.run_id, errors)
    ledger.write([(SIGNATURE, [(ingest_id, *row) for row in counted]), (_END, end)] if counted else [(_END, end)])


def finished(ledger: Ledger) -> list[Row]:
    """What was ingested whole, oldest first."""
    return ledger.query(
        """SELECT i.id, i.time, i.source, i.format, i.sha256, i.size, e.errors
           FROM ingests i JOIN ingest_ends e ON e.ingest_id = i.id ORDER BY i.id"""
    )


def counted(ledger: Ledger) -> list[Row]:
    """The counted signatures of what was ingested whole."""
    return ledger.query(
        """SELECT s.ingest_id, i.time, i.source, s.signature, s.kind, s.head, s.message, s.count
           FROM foreign_signatures s JOIN ingests i ON i.id = s.ingest_id JOIN ingest_ends e ON e.ingest_id = i.id"""
    )


def errors(ledger: Ledger, ingest_id: str) -> Iterator[Row]:
    """The errors of one ingestion in their order, page by page."""
    last = -1
    while True:
        rows = ledger.query(
            "SELECT number, kind, head, message FROM foreign_errors WHERE ingest_id = ? AND number > ? "
            "ORDER BY number LIMIT ?",
            (ingest_id, last, _PAGE),
        )
        yield from rows
        if len(rows) < _PAGE:
            return
        last = rows[-1]["number"]
