"""Proposed candidates: protocols that learning thinks are better, with their evidence from mine. Facts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.ulid import new_ulid

_PUT = "INSERT INTO proposals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Proposed:
    """``base`` and ``protocol`` are hashes: what was in force, and what is proposed in its place. ``exact``: mended,
    harmed and gain are from a replay over ``cases`` mine tasks; else gain is a guess."""

    domain: str
    model: str
    base: str
    protocol: str
    kinds: tuple[str, ...]
    why: str
    readable: tuple[str, ...]
    mended: tuple[str, ...]
    harmed: tuple[str, ...]
    gain: float
    exact: bool
    cases: int
    id: str = ""


def record(ledger: Ledger, proposed: Sequence[Proposed]) -> None:
    """Notes each that is not known yet: the same protocol against the same base is proposed once."""
    known = {(row["base"], row["protocol"]) for row in ledger.query("SELECT base, protocol FROM proposals")}
    rows = [_row(ledger, one) for one in proposed if (one.base, one.protocol) not in known]
    if rows:
        ledger.write([(_PUT, rows)])


def against(ledger: Ledger, base: str, domain: str, model: str) -> list[Proposed]:
    """What was proposed in place of ``base`` (a protocol's hash), in the order of proposal."""
    rows = ledger.query(
        "SELECT * FROM proposals WHERE base = ? AND domain = ? AND model = ? ORDER BY id", (base, domain, model)
    )
    return [_proposed(row) for row in rows]


def find(ledger: Ledger, protocol: str) -> Proposed | None:
    """The newest proposal of a protocol, by its hash."""
    row = ledger.one("SELECT * FROM proposals WHERE protocol = ? ORDER BY id DESC LIMIT 1", (protocol,))
    return _proposed(row) if row else None


def _row(ledger: Ledger, one: Proposed) -> tuple[object, ...]:
    lists = [json.dumps(part, ensure_ascii=False) for part in (one.readable, one.mended, one.harmed)]
    head = (new_ulid(), ledger.now(), ledger.run_id, one.domain, one.model, one.base, one.protocol)
    return (*head, ",".join(one.kinds), one.why, *lists, one.gain, one.exact, one.cases)


def _proposed(row: Row) -> Proposed:
    readable, mended, harmed = (tuple(json.loads(row[name])) for name in ("readable", "mended", "harmed"))
    return Proposed(
        row["domain"],
        row["model"],
        row["base"],
        row["protocol"],
        tuple(row["kinds"].split(",")),
        row["why"],
        readable,
        mended,
        harmed,
        row["gain"],
        bool(row["exact"]),
        row["cases"],
        row["id"],
    )
