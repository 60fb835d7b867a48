"""``metaagent learn history``: every candidate ever registered, and what its trial came to."""

from __future__ import annotations

from typing import Any

from metaagent.cli.state import Column, Table, current


def command() -> None:
    """Every candidate ever tried, with gains, losses, E, threshold and verdict."""
    from metaagent.ledger.trials import differences, history

    state = current()
    rows: list[dict[str, Any]] = []
    if state.has_ledger():
        with state.ledger(read_only=True) as ledger:
            scores = differences(ledger)
            rows = [{**_plain(dict(row)), "scores": scores.get(row["id"])} for row in history(ledger)]
    state.out("learn", rows, _table(rows))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    from json import loads

    activation = row.pop("activation_id")
    return {**row, "settings": loads(row["settings"]), "activation": activation}


def _table(rows: list[dict[str, Any]]) -> Table:
    columns: list[Column | str] = [
        Column("k", right=True),
        Column("domain", minor=1),
        "candidate",
        Column("verdict", paint={"promote": "green", "reject": "red", "inconclusive": "yellow"}),
        Column("pairs", right=True),
        Column("gains", right=True),
        Column("losses", right=True),
        Column("D", right=True, minor=2),
        Column("E", right=True),
        Column("needed", right=True),
        "why",
    ]
    cells = [
        (
            *(r["k"], r["domain"], r["candidate"][:12], r["verdict"] or "open", r["pairs"], r["gains"], r["losses"]),
            *(r["discoveries"], r["evidence"], r["threshold"], r["reason"]),
        )
        for r in rows
    ]
    return Table(columns, cells, empty="no candidate was tried yet; next: metaagent learn propose")
