"""Protocols: versioned, immutable sets of remedies, and which one is in force. Version 0 is empty and needs no row."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from metaagent.errors import NotFoundError
from metaagent.ledger.database import Ledger, Row
from metaagent.ledger.ulid import new_ulid
from metaagent.records import Protocol, Remedy

HOLDBACK = 10
"""One task in so many stays on the version before a promotion."""

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


def put_in_force(ledger: Ledger, protocol: Protocol, action: str, why: str, attempts: Iterable[str] = ()) -> str:
    """``activate`` with the attempts that it rests on, in one transaction. The activation's id."""
    if ledger.one("SELECT 1 FROM protocols WHERE hash = ?", (protocol.hash,)) is None:
        record(ledger, protocol.domain, protocol.model, protocol.remedies)
    activation, head = new_ulid(), (ledger.now(), ledger.run_id)
    row = (activation, *head, protocol.domain, protocol.model, protocol.hash, action, why)
    evidence = [(new_ulid(), *head, activation, attempt) for attempt in attempts]
    ledger.write([(_ACTIVATE, row), ("INSERT INTO evidence VALUES (?, ?, ?, ?, ?)", evidence)])
    return activation


def before(ledger: Ledger, protocol: Protocol) -> Protocol:
    """What a version in force took the place of: what the trial that promoted it compared it with; where it was put in
    force by hand, what was in force until then; else version 0. A return to it by a rollback changes nothing of that.
    """
    put = ledger.one(
        """SELECT a.id, c.base FROM activations a LEFT JOIN trial_ends e ON e.activation_id = a.id
           LEFT JOIN candidates c ON c.id = e.candidate_id
           WHERE a.domain = ? AND a.model = ? AND a.protocol = ? ORDER BY a.action = 'rollback', a.id DESC LIMIT 1""",
        (protocol.domain, protocol.model, protocol.hash),
    )
    former = (put["base"] or _until(ledger, protocol, put["id"])) if put else None
    found = ledger.one("SELECT * FROM protocols WHERE hash = ?", (former,))
    if found is None or found["remedies"] == "[]":
        return empty(protocol.domain, protocol.model)
    return replace(_protocol(found, protocol.model), domain=protocol.domain)


def _until(ledger: Ledger, protocol: Protocol, activation: str) -> str | None:
    """What other version was in force for its domain, or for the nearest above it, until that activation."""
    rows = ledger.query(
        "SELECT domain, protocol FROM activations WHERE model = ? AND protocol <> ? AND id < ? ORDER BY id",
        (protocol.model, protocol.hash, activation),
    )
    last = {row["domain"]: str(row["protocol"]) for row in rows}
    place = protocol.domain
    while place not in last and place:
        place = place.rpartition(".")[0]
    return last.get(place)


@dataclass(frozen=True, slots=True)
class InForce:
    """What real attempts of a domain are made under. After a promotion by the gate a tenth of the tasks, by a hash of
    the activation and the task, stays on the version before it."""

    protocol: Protocol
    activation: str = ""
    former: Protocol | None = None

    def of(self, task_id: str) -> Protocol:
        return self.former if self.former is not None and held_back(self.activation, task_id) else self.protocol


def held_back(activation: str, task_id: str) -> bool:
    return int(hashlib.sha256(f"{activation}/{task_id}".encode()).hexdigest(), 16) % HOLDBACK == 0


def for_runs(ledger: Ledger, domain: str | None, model: str) -> InForce:
    """``active``, with the version that the holdback stays on."""
    protocol = active(ledger, domain, model)
    row = ledger.one(
        "SELECT id, action, protocol FROM activations WHERE domain = ? AND model = ? ORDER BY id DESC LIMIT 1",
        (protocol.domain, model),
    )
    if row is None or row["action"] != "promote" or row["protocol"] != protocol.hash:
        return InForce(protocol)
    return InForce(protocol, row["id"], before(ledger, protocol))


def load(ledger: Ledger, name: str) -> Protocol:
    """By hash or the beginning of one, or by version: ``v3``, or ``DOMAIN:v3`` where several domains have it; ``v0`` or
    ``0`` is the empty protocol."""
    if name in ("v0", "0"):
        return empty()
    domain, _, last = name.rpartition(":")
    version = re.fullmatch(r"v?(\d{1,5})", last)
    if version and (last.startswith("v") or domain):
        rows = ledger.query("SELECT * FROM protocols WHERE version = ? ORDER BY domain, model", (int(version[1]),))
        rows = [row for row in rows if not domain or row["domain"] == domain]
    else:
        rows = (
            ledger.query("SELECT * FROM protocols WHERE hash LIKE ? LIMIT 2", (name + "%",)) if name.isalnum() else []
        )
    if len(rows) == 1:
        return _protocol(rows[0], rows[0]["model"])
    if not rows:
        raise NotFoundError(f"no protocol is named {name!r}", mend="metaagent protocol list")
    places = ", ".join(f"{row['domain']} ({row['model']}): {row['hash'][:12]}" for row in rows)
    raise NotFoundError(f"{name!r} names several protocols: {places}", mend="metaagent protocol list")


def versions(ledger: Ledger) -> list[Row]:
    return ledger.query("SELECT * FROM protocols ORDER BY id")


def earlier(ledger: Ledger, protocol: Protocol) -> list[str]:
    """The hashes of what was in force before a version in its domain or above it, in the order of their activations;
    the first was version 0."""
    rows = ledger.query("SELECT domain, protocol FROM activations WHERE model = ? ORDER BY id", (protocol.model,))
    here = [row[1] for row in rows if not row[0] or f"{protocol.domain}.".startswith(f"{row[0]}.")]
    last = len(here) - 1 - here[::-1].index(protocol.hash) if protocol.hash in here else 0
    return [digest for digest in dict.fromkeys([empty().hash, *here[:last]]) if digest != protocol.hash]


def named(ledger: Ledger, name: str) -> list[Protocol]:
    """Every version that holds a remedy of this name."""
    rows = ledger.query(
        """SELECT * FROM protocols WHERE EXISTS
           (SELECT 1 FROM json_each(remedies) WHERE json_extract(value, '$.name') = ?) ORDER BY id""",
        (name,),
    )
    return [_protocol(row, row["model"]) for row in rows]


def in_force(ledger: Ledger) -> list[Protocol]:
    """Every protocol that is in force somewhere, by domain and model."""
    rows = ledger.query("SELECT * FROM v_active_protocols ORDER BY domain, model")
    return [_protocol(row, row["model"]) for row in rows]


def _protocol(row: Row, model: str) -> Protocol:
    remedies = tuple(Remedy(r["kind"], r["name"], r["settings"]) for r in json.loads(row["remedies"]))
    return Protocol(row["version"], row["domain"], model, remedies, row["hash"])
