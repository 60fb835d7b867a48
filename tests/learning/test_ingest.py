"""Ingestion: once for the same content, on from where a file had ended, taken up after a crash."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from metaagent.errors import UsageError
from metaagent.learning.fingerprints import ingest as ingestion
from metaagent.learning.fingerprints.ingest import derive, ingest
from metaagent.learning.mining import patterns
from metaagent.ledger import foreign
from metaagent.ledger.database import Ledger

LINES = "".join(f"lost {i} of 9 parcels\n" for i in range(25)).encode()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.db") as opened:
        yield opened


def count(ledger: Ledger) -> int:
    row = ledger.one("SELECT count(*) FROM foreign_errors")
    assert row is not None
    return int(row[0])


def test_the_same_content_adds_nothing(ledger: Ledger) -> None:
    made = ingest(ledger, BytesIO(LINES), "log", "a.log")
    assert (made.added, made.signatures, made.known) == (25, 1, False)
    again = ingest(ledger, BytesIO(LINES), "log", "b.log")
    assert (again.added, again.known, count(ledger)) == (0, True, 25)


def test_a_file_that_grew_is_read_from_where_it_had_ended(ledger: Ledger) -> None:
    ingest(ledger, BytesIO(LINES), "log", "a.log")
    grown = ingest(ledger, BytesIO(LINES + b"lost 3 of 4 parcels\nfound one\n"), "log", "a.log")
    assert (grown.added, count(ledger)) == (2, 27)
    changed = ingest(ledger, BytesIO(b"x" + LINES), "log", "a.log")
    assert changed.added == 25


def test_a_line_that_was_not_whole_is_read_again(ledger: Ledger) -> None:
    ingest(ledger, BytesIO(b"lost 1 of 2\nlost 3 o"), "log", "a.log")
    assert ingest(ledger, BytesIO(b"lost 1 of 2\nlost 3 of 4\n"), "log", "a.log").added == 1


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_last_line_whose_end_came_later_is_counted_once(ledger: Ledger, end: bytes) -> None:
    ingest(ledger, BytesIO(b"boom 1" + end + b"boom 2"), "log", "a.log")
    grown = ingest(ledger, BytesIO(b"boom 1" + end + b"boom 2" + end + b"boom 3" + end), "log", "a.log")
    assert (grown.added, count(ledger)) == (1, 3)


def test_a_log_in_utf_16_is_read_and_goes_on(ledger: Ledger) -> None:
    whole = "lost 1 of 2\r\nlost 3 of 4\r\nfound\r\n".encode("utf-16")
    at = len("lost 1 of 2\r\n".encode("utf-16"))
    assert ingest(ledger, BytesIO(whole[:at]), "log", "a.log").added == 1
    assert ingest(ledger, BytesIO(whole), "log", "a.log").added == 2
    rows = ledger.query("SELECT message FROM foreign_errors ORDER BY ingest_id, number")
    assert [row[0] for row in rows] == ["lost 1 of 2", "lost 3 of 4", "found"]


def test_malformed_input_writes_nothing(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="line 2"):
        ingest(ledger, BytesIO(b'{"message": "a"}\n{\n'), "jsonl", "a.jsonl")
    assert (count(ledger), foreign.finished(ledger)) == (0, [])


def test_a_dry_run_counts_and_writes_nothing(ledger: Ledger) -> None:
    made = ingest(ledger, BytesIO(LINES), "log", "a.log", dry_run=True)
    assert (made.added, made.ingest_id, count(ledger), foreign.finished(ledger)) == (25, None, 0, [])


def test_what_was_cut_off_is_taken_up_again(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingestion, "BATCH", 10)
    add, calls = foreign.add, []

    def failing(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        add(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(foreign, "add", failing)
    with pytest.raises(KeyboardInterrupt):
        ingest(ledger, BytesIO(LINES), "log", "a.log")
    assert (count(ledger), foreign.finished(ledger), patterns(ledger, None)) == (10, [], [])
    assert ingest(ledger, BytesIO(LINES), "log", "a.log").added == 25
    assert count(ledger) == 25
    assert len(foreign.finished(ledger)) == 1


def test_patterns_and_rebuild(ledger: Ledger) -> None:
    ingest(ledger, BytesIO(LINES), "log", "a.log")
    ingest(ledger, BytesIO(b"lost 4 of 6 parcels\nother words\n"), "log", "b.log")
    found = patterns(ledger, None)
    assert [(one.template, one.events, one.attempts.k, one.attempts.n) for one in found] == [
        ("lost <*> of <*> parcels", 26, 2, 2)
    ]
    before = [tuple(row) for row in foreign.counted(ledger)]
    assert ledger.write(derive) == 3
    assert [tuple(row) for row in foreign.counted(ledger)] == before


def test_credentials_are_masked(ledger: Ledger) -> None:
    ingest(ledger, BytesIO(b"password=hunter2hunter2 was refused\n\xff\xfe broken\n"), "log", "a.log")
    kept = [row["message"] for row in foreign.errors(ledger, foreign.finished(ledger)[0]["id"])]
    assert "hunter2" not in " ".join(kept)
    assert len(kept) == 2
