"""Runs: one row per command that writes, with the process it ran in, and one when it ended."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from metaagent import __version__
from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.mask import mask
from metaagent.ledger.process import this_process
from metaagent.ledger.ulid import new_ulid
from metaagent.ledger.writer import Statement

_START = "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_END = "INSERT OR IGNORE INTO run_ends VALUES (?, ?, ?, ?)"


def start(ledger: Ledger, command: str, args: Sequence[str]) -> str:
    """Writes the run and makes it the ledger's ``run_id``."""
    run_id, me = new_ulid(), this_process()
    arguments = mask(json.dumps(list(args), ensure_ascii=False))
    row = (run_id, ledger.now(), command, arguments, __version__, me.pid, me.host, me.boot_id, me.started)
    ledger.write([(_START, row)])
    ledger.run_id = run_id
    return run_id


def end_batch(run_id: str, now: str, status: str, summary: Mapping[str, Any]) -> list[Statement]:
    return [(_END, (run_id, now, status, mask(json.dumps(dict(summary), ensure_ascii=False))))]


def end(ledger: Ledger, run_id: str, status: str, summary: Mapping[str, Any]) -> None:
    """``status`` is done, failed or interrupted. The first end of a run stands."""
    ledger.write(end_batch(run_id, ledger.now(), status, summary))


def recent(ledger: Ledger, limit: int = 20) -> list[Row]:
    return ledger.query("SELECT * FROM v_runs ORDER BY id DESC LIMIT ?", (limit,))


def last(ledger: Ledger, command: str) -> Row | None:
    return ledger.one("SELECT * FROM v_runs WHERE command = ? ORDER BY id DESC LIMIT 1", (command,))
