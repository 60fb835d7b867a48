"""Protocols: versioned, immutable sets of remedies, and which one is in force. Version 0 is empty and needs no row."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence

from metaagent.errors import NotFoundError
from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.ulid import new_ulid
from metaagent.records import Protocol, Remedy

_PUT = "INSERT OR IGNORE INTO protocols VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ACTIVATE = "INSERT INTO activations VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def remedies_json(remedies: Iterable[Remedy]) -> str:
    plain = [{"kind": r.kind, "name": r.name, "settings": dict(r.settings)} for r in remedies]
    return json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def protocol_hash(domain: str, model: str, remedies: Sequence[Remedy]) -> str:
    """SHA-256 of the canonical JSON of domain, model and remedies. Version 0 is the same everywhere, and so is its
    hash: what was measured with nothing added is evidence for every domain."""
    if not remedies:
        domain = model = ""
    body = f'{{"domain":{json.dumps(domain)},"model":{json.dumps(model)},"remedies":{remedies_json(remedies)}}}'
    return hashlib.sha256(body.encode()).hexdigest()


def empty(domain: str = "", model: str = "") -> Protocol:
    """Version 0: one model call, nothing added."""
    return Protocol(0, domain, model, (), protocol_hash(domain, model, ()))


def record(
    ledger: Ledger, domain: str, model: str, remedies: Sequence[Remedy], *, parent: str | None = None, note: str = ""
) -> Protocol:
    """Stores a version; the same content again is the same version. Does not put it in force."""
    digest = protocol_hash(domain, model, remedies)

    def run(cursor: sqlite3.Cursor) -> int:
        known = cursor.execute("SELECT version FROM protocols WHERE hash = ?", (digest,)).fetchone()
        if known:
            return int(known[0])
        top = cursor.execute(
            "SELECT coalesce(max(version), 0) FROM protocols WHERE domain = ? AND model = ?", (domain, model)
        ).fetchone()[0]
        version = int(top) + 1 if remedies else 0
        row = (new_ulid(), ledger.now(), ledger.run_id, digest, domain, model, version, parent)
        cursor.execute(_PUT, (*row, remedies_json(remedies), note))
        return version

    return Protocol(ledger.write(run), domain, model, tuple(remedies), digest)


def activate(ledger: Ledger, protocol: Protocol, action: str, why: str) -> str:
    """Puts it in force for its domain and model. ``action`` is promote, rollback or manual. The activation's id."""
    if ledger.one("SELECT 1 FROM protocols WHERE hash = ?", (protocol.hash,)) is None:
        record(ledger, protocol.domain, protocol.model, protocol.remedies)
    activation = new_ulid()
    row = (activation, ledger.now(), ledger.run_id, protocol.domain, protocol.model, protocol.hash, action, why)
    ledger.write([(_ACTIVATE, row)])
    return activation


def rest_on(ledger: Ledger, activation: str, attempt_ids: Iterable[str]) -> None:
    """Names the attempts that an activation rests on: `ledger prune` never removes their evidence."""
    rows = [(new_ulid(), ledger.now(), ledger.run_id, activation, attempt) for attempt in attempt_ids]
    ledger.write([("INSERT INTO evidence VALUES (?, ?, ?, ?, ?)", rows)])


def active(ledger: Ledger, domain: str | None, model: str) -> Protocol:
    """What is in force for the domain, or for the nearest domain above it; else version 0."""
    rows = {row["domain"]: row for row in ledger.query("SELECT * FROM v_active_protocols WHERE model = ?", (model,))}
    place = domain or ""
    while place not in rows and place:
        place = place.rpartition(".")[0]
    return _protocol(rows[place], model) if place in rows else empty(domain or "", model)


def load(ledger: Ledger, name: str) -> Protocol:
    """By hash or the beginning of one; ``v0`` or ``0`` is the empty protocol."""
    if name in ("v0", "0", ""):
        return empty()
    rows = ledger.query("SELECT * FROM protocols WHERE hash LIKE ? LIMIT 2", (name + "%",))
    if len(rows) != 1:
        raise NotFoundError(
            f"no single protocol is named {name!r}", mend="metaagent ledger sql 'select * from protocols'"
        )
    return _protocol(rows[0], rows[0]["model"])


def versions(ledger: Ledger) -> list[Row]:
    return ledger.query("SELECT * FROM protocols ORDER BY id")


def _protocol(row: Row, model: str) -> Protocol:
    remedies = tuple(Remedy(r["kind"], r["name"], r["settings"]) for r in json.loads(row["remedies"]))
    return Protocol(row["version"], row["domain"], model, remedies, row["hash"])
