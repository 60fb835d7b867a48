"""``metaagent protocol diff``: what one version has and another has not, and what it did on mine tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.protocol_show import Name, remedy_text
from metaagent.cli.state import Column, Table, current

if TYPE_CHECKING:
    from metaagent.ledger.database import Ledger
    from metaagent.records import Protocol, Remedy


def command(
    one: Name,
    other: Name,
    evidence: Annotated[bool, typer.Option("--evidence", help="With the mine tasks that flipped.")] = False,
) -> None:
    """Remedies added and removed between two versions; --evidence: the mine tasks that flipped."""
    from metaagent.ledger import protocols

    state = current()
    with state.ledger(read_only=True) as ledger:
        first, second = protocols.load(ledger, one), protocols.load(ledger, other)
        changes = _changes(first, second)
        flips = _flips(ledger, first, second) if evidence else None
    data = {"from": first.hash, "to": second.hash, "changes": changes, "flipped": flips}
    rows = [(change["change"], change["kind"], change["name"], remedy_text(change["settings"])) for change in changes]
    paint = {"added": "green", "removed": "red"}
    tables = [Table([Column("change", paint=paint), "kind", "name", "settings"], rows, empty="they hold the same")]
    if flips is not None:
        cells = [(flip["task_id"], flip["before"], flip["after"]) for flip in flips]
        tables.append(Table(["task", "before", "after"], cells, empty="no mine task is known to have flipped"))
    state.out("protocol", data, *tables)


def _changes(one: Protocol, other: Protocol) -> list[dict[str, Any]]:
    removed = [_entry("removed", remedy) for remedy in one.remedies if remedy not in other.remedies]
    return removed + [_entry("added", remedy) for remedy in other.remedies if remedy not in one.remedies]


def _entry(change: str, remedy: Remedy) -> dict[str, Any]:
    return {"change": change, "kind": remedy.kind, "name": remedy.name, "settings": dict(remedy.settings)}


def _flips(ledger: Ledger, one: Protocol, other: Protocol) -> list[dict[str, Any]]:
    """By attempts, and where the change was replayed on mine before it was proposed, by that."""
    from metaagent.ledger import splits, trials
    from metaagent.ledger.proposals import find

    mine = splits.task_ids(ledger, "mine")
    rows = trials.flipped(ledger, one.hash, other.hash, other.model or one.model, mine)
    found = {row["task_id"]: dict(row) for row in rows}
    proposed = find(ledger, other.hash)
    if proposed is not None and proposed.base == one.hash:
        for ids, before, after in ((proposed.mended, "fail", "pass"), (proposed.harmed, "pass", "fail")):
            for task_id in mine.intersection(ids) - found.keys():
                found[task_id] = {
                    "task_id": task_id,
                    "before": before,
                    "after": after,
                    "before_attempt": None,
                    "after_attempt": None,
                }
    return [found[task_id] for task_id in sorted(found)]
