"""What the ledger knows of a version, in one sentence: for exports, which must not say more of it than was shown."""

from __future__ import annotations

from dataclasses import dataclass

from metaagent.ledger import trials
from metaagent.ledger.database import Ledger, Row
from metaagent.records import Protocol


@dataclass(frozen=True, slots=True)
class Known:
    """``verdict``: of its last trial, ``open`` where that is not decided, None where no trial has tried it; with the
    counts of that trial. ``action``: how it came in force; None where it is not."""

    verdict: str | None = None
    pairs: int = 0
    gains: int = 0
    losses: int = 0
    action: str | None = None
    imported: bool = False


def known(ledger: Ledger, protocol: Protocol) -> Known:
    tried = [row for row in trials.history(ledger) if row["candidate"] == protocol.hash]
    active = ledger.one("SELECT action FROM v_active_protocols WHERE hash = ? LIMIT 1", (protocol.hash,))
    stored = ledger.one("SELECT note FROM protocols WHERE hash = ?", (protocol.hash,))
    return Known(
        *_ended(tried[-1] if tried else None),
        action=active["action"] if active else None,
        imported=stored is not None and str(stored["note"]).startswith("imported from"),
    )


def _ended(trial: Row | None) -> tuple[str | None, int, int, int]:
    if trial is None or trial["verdict"] is None:
        return ("open" if trial else None, 0, 0, 0)
    return (trial["verdict"], trial["pairs"], trial["gains"], trial["losses"])


def sentence(found: Known) -> str:
    """Such as: Never tried by a trial; put in force by hand."""
    parts = ["imported"] if found.imported else []
    parts += [_tried(found), _in_force(found.action)]
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _tried(found: Known) -> str:
    counts = f"gains {found.gains}, losses {found.losses}"
    match found.verdict:
        case "promote":
            return f"promoted by a trial on {found.pairs} tasks that are kept apart for trials ({counts})"
        case "reject":
            return f"rejected by a trial ({counts})"
        case "inconclusive":
            return f"tried, without a decision ({counts})"
        case "open":
            return "its trial is not decided yet"
    return "never tried by a trial"


def _in_force(action: str | None) -> str:
    if action is None:
        return "not in force"
    return "put in force by hand" if action == "manual" else "in force"
