"""The generated activity: between markers, newest first, bounded. The first marker carries a hash of what we wrote.

When the hash does not hold, a person edited it: their text stays, our markers go, a new generated part starts above.
"""

from __future__ import annotations

from collections.abc import Sequence

from metaagent.board import lines as grammar
from metaagent.board.draft import Draft

KEPT_LINES = 20


def add_activity(draft: Draft, entries: Sequence[tuple[str, str]]) -> None:
    """Put (time, text) entries on top, oldest first in ``entries``; one that stands there already is not repeated."""
    area = draft.board.activity_area
    if area is None or not entries:
        return
    old = [] if area.body is None else draft.board.lines[area.body[0] : area.body[1]]
    known = {line.rstrip() for line in old}
    new = [line for line in (_line(time, text) for time, text in entries) if line not in known]
    if new:
        newline = draft.board.newline
        set_activity(draft, [*(line + newline for line in reversed(list(dict.fromkeys(new)))), *old][:KEPT_LINES])


def _line(time: str, text: str) -> bytes:
    return f"- {grammar.clean(time)} - {grammar.clean(text)}".encode()


def set_activity(draft: Draft, body: list[bytes]) -> None:
    """Make ``body`` the generated part, in its place or directly below the heading."""
    area, newline = draft.board.activity_area, draft.board.newline
    if area is None:
        return
    part = [grammar.open_marker(body, newline), *body, grammar.close_marker(newline)]
    if area.body is not None:
        start, end = area.markers
        draft.splices.append((start, end + 1, part))
        return
    draft.splices.append((area.at, area.at, part))
    draft.splices += [(index, index + 1, []) for index in area.markers]
