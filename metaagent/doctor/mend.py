"""What ``doctor --fix`` may do: only what loses nothing, and each said before it is done."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metaagent.doctor import machine, places

if TYPE_CHECKING:
    from metaagent.doctor.examine import Examination, Notice
    from metaagent.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Fix:
    """One safe mend: ``does`` in words, ``apply`` for the deed."""

    component: str
    does: str
    apply: Callable[[], object]


def fixes(examination: Examination, notice: Notice) -> Iterator[Fix]:
    """In the order in which they build on each other. Nothing here deletes or overwrites what a person wrote."""
    place = examination.workspace
    if place is None:
        return
    failed = {one.component for one in examination.failed}
    if "workspace" not in failed:
        yield from _folder(place)
    if failed & {"workspace", "ledger"}:
        return
    yield from _ledger(place)
    if "configuration" not in failed:
        yield from _board(place)
    if _refused(examination):
        yield Fix("sandbox", "prove the sandboxes anew", lambda: _probe(place, notice))


def _folder(place: Workspace) -> Iterator[Fix]:
    from metaagent.workspace import ensure_state

    ignore = place.state_dir / ".gitignore"
    if not ignore.exists():
        yield Fix("workspace", f"write {ignore}", lambda: ensure_state(place))


def _ledger(place: Workspace) -> Iterator[Fix]:
    from metaagent.ledger.check import check
    from metaagent.ledger.connect import SCHEMA

    path = place.ledger_path
    if not path.is_file() or not path.stat().st_size:
        return
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield Fix("ledger", f"take others' access to {path} away (mode 0600)", lambda: path.chmod(0o600))
    schema = check(path).schema
    if schema < SCHEMA:
        does = f"back {path.name} up, then migrate it from schema {schema} to {SCHEMA}"
        yield Fix("ledger", does, lambda: place.open_ledger().close())


def _board(place: Workspace) -> Iterator[Fix]:
    if places.fixes(place):
        yield Fix("board", "repair the board: only mends of one meaning", lambda: _repair(place))


def _repair(place: Workspace) -> None:
    """The board as it was stays in the history (metaagent board undo)."""
    from metaagent.ledger import runs
    from metaagent.orchestrator.record import person_rows

    with place.open_ledger() as ledger:
        _, written = place.open_board(ledger).repair()
        if written.person_changes:
            run_id = ledger.run_id or runs.start(ledger, "doctor", ["--fix"])
            ledger.write(person_rows(written.person_changes, ledger.now(), run_id, "doctor --fix"))


def _refused(examination: Examination) -> bool:
    """Whether a sandbox is here that did not prove itself at some earlier time; the reason may be gone."""
    return any(one.details.get("remembered") for one in examination.conditions if one.component == "sandbox")


def _probe(place: Workspace, notice: Notice) -> None:
    from metaagent.ledger.sandboxes import LedgerProofs

    with place.open_ledger() as ledger:
        list(machine.sandbox(LedgerProofs(ledger), notice, again=True))
