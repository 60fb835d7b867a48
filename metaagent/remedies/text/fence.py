"""``text.fence``: the artifact alone, without the code fence and the sentences around it.

Of several fenced blocks it takes the one whose language is the artifact's format, else the longest. A JSON artifact
that stands in bare prose is cut out by its brackets. It abstains where the reply has no fence, where the format is
one that may hold fences itself (markdown, plain text) and the fence is not all of the reply, and where nothing would
change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from metaagent.records import Brief

_OPEN = re.compile(r"^[ \t]{0,3}(`{3,}|~{3,})[ \t]*([\w+.#-]*)[^\n`]*$", re.MULTILINE)
_HOLDS_FENCES: Final = frozenset({"text", "markdown", "md", "rst", ""})
_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "json": ("json", "json5", "jsonc"),
    "python": ("python", "py", "python3"),
    "sql": ("sql", "sqlite", "sqlite3", "postgresql", "mysql"),
    "yaml": ("yaml", "yml"),
    "javascript": ("javascript", "js"),
    "markdown": ("markdown", "md"),
}
_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class _Block:
    language: str
    text: str
    start: int
    end: int


def fix(reply: str, brief: Brief, settings: Mapping[str, Any]) -> str | None:  # noqa: ARG001
    if not reply or len(reply) > _MAX:
        return None
    form = brief.artifact.format.lower()
    blocks = _blocks(reply)
    if form in _HOLDS_FENCES:
        return _whole(reply, blocks, form)
    found = _choose(blocks, form) if blocks else None
    if found is None and form == "json":
        found = _json_span(reply)
    return found if found and found != reply else None


def _blocks(text: str) -> list[_Block]:
    """The fenced blocks in order; one that is never closed ends with the text."""
    blocks: list[_Block] = []
    position = 0
    while (opened := _OPEN.search(text, position)) is not None:
        mark = opened[1]
        closing = re.compile(rf"^[ \t]{{0,3}}{re.escape(mark[0])}{{{len(mark)},}}[ \t]*$", re.MULTILINE)
        closed = closing.search(text, opened.end() + 1)
        stop, end = (closed.start(), closed.end()) if closed else (len(text), len(text))
        body = text[min(opened.end() + 1, stop) : stop].removesuffix("\n").removesuffix("\r")
        blocks.append(_Block(opened[2].lower(), body, opened.start(), end))
        position = end
        if not closed:
            break
    return blocks


def _choose(blocks: list[_Block], form: str) -> str | None:
    names = _ALIASES.get(form, (form,))
    fitting = [block for block in blocks if block.language in names]
    best = max(fitting or blocks, key=lambda block: len(block.text))
    return best.text if best.text.strip() else None


def _whole(reply: str, blocks: list[_Block], form: str) -> str | None:
    """For formats that may hold fences: only one around everything, of no language or of this one, is dropped."""
    if len(blocks) != 1 or blocks[0].language not in ("", "text", "txt", form, *_ALIASES.get(form, ())):
        return None
    around = reply[: blocks[0].start] + reply[blocks[0].end :]
    return blocks[0].text if not around.strip() and blocks[0].text.strip() else None


def _json_span(reply: str) -> str | None:
    """The longest object or list in prose; None where the reply is JSON already or holds none that parses."""
    text = reply.strip()
    if _is_json(text):
        return None
    decoder, best, position, tries = json.JSONDecoder(), "", 0, 0
    while tries < 50 and (found := re.compile(r"[\[{]").search(text, position)) is not None:
        tries += 1
        try:
            _, end = decoder.raw_decode(text, found.start())
        except (ValueError, RecursionError):
            position = found.start() + 1
            continue
        if end - found.start() > max(len(best), 2):
            best = text[found.start() : end]
        position = end
    return best or None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
