"""What a workspace has on disk: its folder, the configuration, the board, the ledger. Reads only."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from metaagent.doctor.condition import Condition, failure
from metaagent.errors import BoardError, MetaagentError, NotFoundError
from metaagent.ledger import failures
from metaagent.workspace import WORKSPACE_VARIABLE, Workspace, find_workspace

if TYPE_CHECKING:
    from metaagent.config import Config

FIX = "metaagent doctor --fix"
_ROOM = 100 * 2**20
"""Bytes; a run with less free space soon ends with a full disk."""


def find(start: Path, explicit: Path | None) -> tuple[Workspace | None, Condition | None]:
    """The workspace, and what is to say where there is none. None at all is no failure, one that was named is."""
    try:
        return find_workspace(start, explicit), None
    except NotFoundError as error:
        if explicit is None and not os.environ.get(WORKSPACE_VARIABLE):
            says = f"{error.message}; the machine alone is examined"
            return None, Condition("workspace", "not checked", says, error.mend)
        mend = error.mend if explicit is not None else f"unset {WORKSPACE_VARIABLE}, or: {error.mend}"
        return None, Condition("workspace", "failed", error.message, mend)


def workspace(place: Workspace) -> Iterator[Condition]:
    from shutil import disk_usage

    from metaagent.ledger.filesystem import refuse_network

    refuse_network(place.root)
    closed = [
        path for path in (place.root, place.state_dir) if path.exists() and not os.access(path, os.W_OK | os.X_OK)
    ]
    free = disk_usage(place.root).free
    details = {"root": place.root, "free_bytes": free}
    if place.state_dir.exists() and not place.state_dir.is_dir():
        mend = f"mv {quoted(place.state_dir)} {quoted(place.state_dir)}.other, then: {FIX}"
        yield Condition("workspace", "failed", f"{place.state_dir} is not a folder", mend, details=details)
    elif closed:
        says, mend = f"{closed[0]} cannot be written", f"chmod u+rwx {quoted(closed[0])}"
        yield Condition("workspace", "failed", says, mend, details=details)
    elif not (place.state_dir / ".gitignore").exists():
        says = f"{place.root}: {place.state_dir.name}/ has no .gitignore, so that a commit could take the ledger along"
        yield Condition("workspace", "warning", says, FIX, details=details)
    elif free < _ROOM:
        says = f"only {free / 2**20:.0f} MiB are free at {place.root}"
        yield Condition("workspace", "warning", says, f"df -h {quoted(place.root)}", details=details)
    else:
        yield Condition("workspace", "ok", str(place.root), details=details)


def configuration(config: Config, path: Path | None) -> Iterator[Condition]:
    """Roles and agents are read too: what they name may not exist."""
    from metaagent.agents.roster import roster

    agents = roster(config)
    there = path is not None and path.exists()
    says = f"{path if there else 'the defaults'}: backend {config.backend}, agents {len(agents)}"
    yield Condition("configuration", "ok", says, details={"path": path if there else None, "agents": len(agents)})


def board(place: Workspace, *, compare: bool) -> Iterator[Condition]:
    """``compare``: ledger and configuration are well, so that what a person changed can be weighed."""
    from metaagent.board.check import check
    from metaagent.board.parse import read_board

    try:
        read = read_board(place.board_path)
    except FileNotFoundError:
        yield Condition("board", "failed", f"the board is gone: there is no {place.board_path}", "metaagent board undo")
        return
    except BoardError as error:
        yield failure("board", error)
        return
    details = {"tasks": len(read.tasks)}
    found = check(read)
    mends = fixes(place)
    for problem in found:
        mend = FIX if mends and "board repair" in problem.mend else problem.mend.removeprefix("type: ")
        says = f"{place.board_path.name}:{problem.line}: {problem.message}"
        yield Condition("board", "failed" if problem.blocking else "warning", says, mend or None, details=details)
    suspect = _suspect(place) if compare and not any(problem.blocking for problem in found) else None
    if suspect is not None:
        mend = "metaagent board diff, then metaagent board accept or metaagent board undo"
        yield Condition("board", "failed", suspect, mend, details=details)
    elif not found:
        tasks = f"{len(read.tasks)} task{'s' if len(read.tasks) != 1 else ''}"
        yield Condition("board", "ok", f"{place.board_path.name}: {tasks}, no problems", details=details)


def fixes(place: Workspace) -> tuple[str, ...]:
    """The mends of the board that have only one meaning, in words."""
    from metaagent.board.check import repair
    from metaagent.board.parse import read_board

    try:
        return repair(read_board(place.board_path), None, 1).fixes
    except (OSError, BoardError):
        return ()


def _suspect(place: Workspace) -> str | None:
    if not place.ledger_path.exists():
        return None
    with place.open_ledger(read_only=True) as ledger:
        return place.open_board(ledger).difference().suspect


def ledger(place: Workspace) -> Iterator[Condition]:
    from metaagent.ledger.check import check
    from metaagent.ledger.connect import SCHEMA

    path = place.ledger_path
    if not path.exists() or (path.is_file() and not path.stat().st_size):
        yield Condition("ledger", "ok", "none yet: the first command that records something makes it")
        return
    report = check(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    details = {"schema": report.schema, "bytes": report.size, "mode": f"{mode:04o}", "problems": report.problems}
    if report.verdict == "newer":
        yield Condition("ledger", "failed", report.problems[0], failures.UPGRADE, details=details)
        return
    if report.problems:
        yield Condition("ledger", "failed", f"damaged: {report.problems[0]}", set_aside(path), details=details)
        return
    well = True
    if mode & 0o077:
        well = False
        yield Condition("ledger", "warning", f"{path} can be read by others (mode {mode:04o})", FIX, details=details)
    if report.schema < SCHEMA:
        well = False
        says = f"schema {report.schema} is older than {SCHEMA}; the next command that writes migrates it"
        yield Condition("ledger", "warning", says, FIX, details=details)
    if report.dropped:
        well = False
        says, mend = f"{report.dropped} batches were dropped in all", "metaagent ledger sql 'select * from drops'"
        yield Condition("ledger", "warning", says, mend, details=details)
    if well:
        yield Condition(
            "ledger", "ok", f"whole, schema {report.schema}, {report.size} bytes, mode 0600", details=details
        )


def set_aside(path: Path) -> str:
    """What to type about a damaged ledger: it goes into a folder of its own, write-ahead log included (which must not
    be played into another file), and the newest backup takes its place where there is one."""
    from metaagent.ledger.backup import list_backups

    number = 1
    while (folder := path.parent / f"damaged-{number}").exists():
        number += 1
    where = shlex.quote(str(path.parent / path.name))
    move = f"mkdir {quoted(folder)} && mv {where}* {quoted(folder)}/"
    backups = list_backups(path)
    return (
        f"{move} && cp {quoted(backups[0].path)} {where}" if backups else f"{move}  # the next command begins a new one"
    )


def quoted(path: Path) -> str:
    return shlex.quote(str(path))


def read_configuration(place: Workspace) -> Config | MetaagentError | OSError:
    try:
        return place.config
    except (MetaagentError, OSError) as error:
        return error
