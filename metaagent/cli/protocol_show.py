"""``metaagent protocol list`` and ``show``: every version, and what one of them does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.complete import complete_protocol
from metaagent.cli.state import Column, Table, current, printable

if TYPE_CHECKING:
    from metaagent.ledger.database import Ledger
    from metaagent.records import Protocol


Name = Annotated[
    str,
    typer.Argument(
        metavar="PROTOCOL", help="v3, DOMAIN:v3 or the beginning of a hash.", autocompletion=complete_protocol
    ),
]


def listing() -> None:
    """Every version with its domain, model, remedies, verdict and whether it is in force."""
    state = current()
    rows: list[dict[str, Any]] = []
    if state.has_ledger():
        with state.ledger(read_only=True) as ledger:
            rows = _rows(ledger)
    state.out("protocol", rows, _table(rows))


def _rows(ledger: Ledger) -> list[dict[str, Any]]:
    from metaagent.ledger import protocols, trials

    active = {one.hash for one in protocols.in_force(ledger) if one.remedies}
    verdicts = {row["candidate"]: row["verdict"] for row in trials.history(ledger)}
    return [
        {
            "version": row["version"],
            "hash": row["hash"],
            "domain": row["domain"],
            "model": row["model"],
            "kinds": [remedy["kind"] for remedy in json.loads(row["remedies"])],
            "in_force": row["hash"] in active,
            "verdict": verdicts.get(row["hash"]),
            "parent": row["parent"],
            "time": row["time"],
            "note": row["note"],
        }
        for row in protocols.versions(ledger)
        if row["version"]
    ]


def _table(rows: list[dict[str, Any]]) -> Table:
    columns: list[Column | str] = [
        "version",
        "hash",
        "domain",
        Column("model", minor=2),
        "remedies",
        "in force",
        Column("verdict", paint={"promote": "green", "reject": "red", "inconclusive": "yellow"}),
        Column("made", minor=1),
    ]
    cells = [
        (
            *(f"v{r['version']}", r["hash"][:12], r["domain"], r["model"], ", ".join(r["kinds"])),
            *("yes" if r["in_force"] else "", r["verdict"], r["time"]),
        )
        for r in rows
    ]
    return Table(columns, cells, empty="no protocol yet: version 0, nothing added, is in force; next: metaagent learn")


def show(protocol: Name) -> None:
    """One version: its remedies with their settings."""
    from metaagent.ledger import protocols

    state = current()
    with state.ledger(read_only=True) as ledger:
        found = protocols.load(ledger, protocol)
    state.out("protocol", document(found), *_human(found))


def document(found: Protocol) -> dict[str, Any]:
    """A protocol as JSON: what `learn test --protocol FILE` reads."""
    remedies = [{"kind": one.kind, "name": one.name, "settings": dict(one.settings)} for one in found.remedies]
    return {
        "version": found.version,
        "hash": found.hash,
        "domain": found.domain,
        "model": found.model,
        "remedies": remedies,
    }


def _human(found: Protocol) -> list[str | Table]:
    head = f"v{found.version}  {found.hash[:12]}  {found.domain or 'all domains'}  {found.model or 'any model'}"
    rows = [(one.kind, one.name, remedy_text(one.settings)) for one in found.remedies]
    return [printable(head), Table(["kind", "name", "settings"], rows, empty="nothing is added: one plain call")]


def remedy_text(settings: Any, most: int = 300) -> str:
    """Settings in one line, shortened."""
    text = json.dumps(dict(settings), ensure_ascii=False, sort_keys=True, default=dict)
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters; --json shows all)"
