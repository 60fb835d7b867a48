"""Three ways, per task and field: what the tool last had (ours) is brought into what a person saved (theirs).

The result starts from the person's bytes. What ours changed since ``base`` is applied to them, field by field; where
both changed the same field the person's value stays and the other becomes a Conflict. Free lines are merged as lines.
Nothing here reads a clock or a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from metaagent.board import lines as grammar
from metaagent.board import prose
from metaagent.board.activity import set_activity
from metaagent.board.diff import PersonChange, fields, notes, person_changes
from metaagent.board.draft import (
    Draft,
    Entry,
    complete,
    ended,
    entry_of,
    finish,
    move_entry,
    new_entry,
    open_entry,
    remove_entry,
    set_attribute,
    set_line,
    set_stamp,
)
from metaagent.board.edit import Conflict
from metaagent.board.parse import Board, BoardTask
from metaagent.records import Status


@dataclass(frozen=True, slots=True)
class Merged:
    """``changes`` is what the person did (base to theirs); ``archived`` the tasks that they took away."""

    data: bytes
    conflicts: tuple[Conflict, ...]
    changes: tuple[PersonChange, ...]
    archived: tuple[str, ...]
    unseen: tuple[str, ...] = ()


@dataclass(slots=True)
class _Merge:
    base: Board
    theirs: Board
    ours: Board
    guessed: bool
    draft: Draft
    conflicts: list[Conflict] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    claimed: set[int] = field(default_factory=set)


def merge(base: Board, theirs: Board, ours: Board, *, guessed: bool = False, stamp: str | None = None) -> Merged:
    """Bring ours into theirs; ``stamp`` names the result.

    ``guessed``: nobody knows which version the person edited, ``base`` is only the closest. Then what is missing in
    theirs counts as unseen, not as deleted, and nothing of theirs is removed.
    """
    work = _Merge(base, theirs, ours, guessed, Draft(theirs))
    for task in ours.tasks:
        if task.id is None:
            _carry_nameless(work, task)
        else:
            _carry_task(work, task.id, task)
    _carry_archived(work)
    _carry_agents(work)
    _carry_activity(work)
    _carry_prose(work)
    if stamp is not None:
        set_stamp(work.draft, stamp)
    data = finish(work.draft) if work.draft.changed else theirs.render()
    changes = tuple(change for change in person_changes(base, theirs) if not _unseen(work, change))
    gone = tuple(change.task_id for change in changes if change.field == "archived" and change.task_id in base.by_id)
    return Merged(data, tuple(work.conflicts), changes, gone, tuple(work.unseen))


def _unseen(work: _Merge, change: PersonChange) -> bool:
    return work.guessed and change.field == "archived"


def _carry_task(work: _Merge, task_id: str, task: BoardTask) -> None:
    base, theirs = work.base.by_id.get(task_id), work.theirs.by_id.get(task_id)
    if theirs is not None:
        if base is not None:
            _carry_fields(work, task_id, task, base, work.theirs, theirs)
    elif base is None:
        _carry_new(work, task_id, task)
    elif work.guessed:
        work.unseen.append(task_id)
        new_entry(work.draft, task_id, work.ours.block(task), task.status)
    else:
        _note_archived(work, task_id, task, base)


def _note_archived(work: _Merge, task_id: str, task: BoardTask, base: BoardTask) -> None:
    """The person deleted the line and wins; what ours had changed about the task meanwhile is a conflict."""
    before, after = fields(work.base, base), fields(work.ours, task)
    changed = [name for name in after if after[name] != before.get(name)]
    if changed:
        wanted = after["status"] if "status" in changed else after[changed[0]]
        name = "status" if "status" in changed else changed[0]
        work.conflicts.append(Conflict(task_id, name, wanted or "", "archived"))


def _carry_new(work: _Merge, task_id: str, task: BoardTask) -> None:
    """A task that ours got since base: anew, or by giving an id to an item that theirs may still have bare."""
    origin = _nameless(work.base, task)
    bare = _nameless(work.theirs, task, work.claimed)
    if bare is None:
        new_entry(work.draft, task_id, work.ours.block(task), task.status)
        return
    work.claimed.add(bare.line)
    entry = open_entry(work.theirs, bare)
    work.draft.entries[task_id] = entry
    set_line(entry, grammar.with_id(entry.block[0], task_id))
    _carry_fields(work, task_id, task, origin or bare, work.theirs, bare, base=work.base if origin else work.theirs)


def _nameless(board: Board, task: BoardTask, claimed: set[int] | None = None) -> BoardTask | None:
    same = board.nameless.get(task.title, ())
    free = [item for item in same if not claimed or item.line not in claimed]
    return min(free, key=lambda item: item.status is not task.status, default=None)


def _carry_nameless(work: _Merge, task: BoardTask) -> None:
    """A hand-written item that ours has seen, but neither base nor this save has: another person's."""
    if task.title not in work.base.nameless and all(task.title != item.title for item in work.theirs.tasks):
        entry = Entry(work.ours.block(task), task.status, None, moved=True, dirty=True)
        work.draft.entries[f"\0{task.line}"] = entry
        work.draft.arrivals[id(entry)] = entry


def _carry_fields(
    work: _Merge, task_id: str, task: BoardTask, before: BoardTask, board: Board, now: BoardTask,
    *, base: Board | None = None,
) -> None:  # fmt: skip
    base = base or work.base
    old_block, our_block = base.block(before), work.ours.block(task)
    if before.status is task.status and old_block == our_block:
        return
    old, ours, theirs = fields(base, before), fields(work.ours, task), fields(board, now)
    entry = entry_of(work.draft, task_id)
    assert entry is not None
    for name in {**old, **ours}:
        if ours.get(name) == old.get(name) or ours.get(name) == theirs.get(name):
            continue
        if name == "notes":
            _carry_notes(work, entry, notes(base, before), notes(work.ours, task), notes(board, now))
        elif theirs.get(name) != old.get(name):
            work.conflicts.append(Conflict(task_id, name, ours.get(name) or "", theirs.get(name) or ""))
        else:
            _set(work, entry, name, task, ours.get(name))


def _set(work: _Merge, entry: Entry, name: str, task: BoardTask, value: str | None) -> None:
    if name == "status":
        move_entry(work.draft, entry, task.status)
    elif name == "title":
        set_line(entry, grammar.with_title(entry.block[0], task.title))
    elif name == "assignees":
        set_line(entry, grammar.with_agents(entry.block[0], task.assignees))
    else:
        set_attribute(entry, name, value, work.theirs.newline)


def _carry_notes(work: _Merge, entry: Entry, base: list[bytes], ours: list[bytes], theirs: list[bytes]) -> None:
    new = prose.merged(base, ours, theirs, remove=not work.guessed)
    kept = [line for line in entry.block[1:] if grammar.ATTRIBUTE.match(line)]
    newline = work.theirs.newline
    entry.block[:] = [ended(line, newline) for line in (entry.block[0], *kept, *new)]
    entry.dirty = True


def _carry_archived(work: _Merge) -> None:
    """What ours took off the board since base, unless the person changed it meanwhile (or base is a guess)."""
    for task_id, base in work.base.by_id.items():
        theirs = work.theirs.by_id.get(task_id)
        if theirs is None or task_id in work.ours.by_id or work.guessed:
            continue
        if fields(work.base, base) == fields(work.theirs, theirs):
            entry = entry_of(work.draft, task_id)
            assert entry is not None
            remove_entry(work.draft, entry)
        else:
            work.conflicts.append(Conflict(task_id, "archived", "archived", theirs.status.value))


def _agents(board: Board) -> Mapping[str, tuple[str, str]]:
    return {agent.id: (agent.state, agent.note) for agent in board.agents}


def _carry_agents(work: _Merge) -> None:
    base, ours, theirs = _agents(work.base), _agents(work.ours), _agents(work.theirs)
    if base == ours or work.theirs.agents_at is None:
        return
    lines = {agent.id: agent.line - 1 for agent in work.theirs.agents}
    for name, value in ours.items():
        new = [grammar.make_agent_line(name, *value, work.theirs.newline)]
        if value == base.get(name) or value == theirs.get(name):
            continue
        if name in theirs and theirs[name] == base.get(name):
            work.draft.splices.append((lines[name], lines[name] + 1, new))
        elif name not in theirs and (name not in base or work.guessed):
            work.draft.splices.append((work.theirs.agents_at, work.theirs.agents_at, new))
    for name in base:
        if name not in ours and theirs.get(name) == base[name] and not work.guessed:
            work.draft.splices.append((lines[name], lines[name] + 1, []))


def _carry_activity(work: _Merge) -> None:
    """Ours is newer, unless the person edited the generated part: their lines stay as text, ours go above them."""
    ours, theirs = work.ours.activity_area, work.theirs.activity_area
    if ours is None or ours.body is None or theirs is None:
        return
    body = work.ours.lines[ours.body[0] : ours.body[1]]
    if theirs.body is None or work.theirs.lines[theirs.body[0] : theirs.body[1]] != body:
        set_activity(work.draft, body)


def _carry_prose(work: _Merge) -> None:
    base, ours = _skeleton(work.base), _skeleton(work.ours)
    base_lines, our_lines = [work.base.lines[i] for i in base], [work.ours.lines[i] for i in ours]
    if base_lines == our_lines:
        return
    where = list(_skeleton(work.theirs))
    theirs = [work.theirs.lines[index] for index in where]
    where.append(len(work.theirs.lines))
    headings = {section.heading for section in work.theirs.sections.values()}
    for start, end, new in prose.splices(base_lines, our_lines, theirs, remove=not work.guessed):
        at = where[start - 1] + 1 if start == end and start else where[start]
        stop = at if start == end else where[end - 1] + 1
        if stop > at and at in headings:
            continue
        new = [line for line in new if _section_of(line) not in work.theirs.sections]
        work.draft.splices.append((at, stop, complete(new, work.theirs.newline) if new else []))


def _section_of(line: bytes) -> Status | None:
    """The section that a line is the heading of. Headings come and go by ``accept`` and ``repair``, not by a merge."""
    found = grammar.HEADING.match(line)
    return grammar.STATUS_NAMES.get(found[2].decode("utf-8", "replace").strip()) if found else None


def _skeleton(board: Board) -> list[int]:
    """The indices of the lines that are a person's own or headings: no task, agent, stamp or generated line."""
    taken: set[int] = set()
    for task in board.tasks:
        taken.update(range(task.line - 1, task.end))
    taken.update(agent.line - 1 for agent in board.agents)
    if board.stamp_line is not None:
        taken.add(board.stamp_line)
    area = board.activity_area
    if area is not None:
        taken.update(area.markers)
        if area.body is not None:
            taken.update(range(*area.body))
    return [index for index in range(len(board.lines)) if index not in taken]
