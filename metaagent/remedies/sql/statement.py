"""``sql.statement``: the one SELECT of a reply, without fences, prose, further statements and the closing semicolon.

It abstains where the reply is one statement already, and where no SELECT stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from metaagent.records import Brief
from metaagent.remedies.sql.tree import MAX_SQL, is_sql, parse

_FENCE: Final = re.compile(r"^[ \t]*(?:```|~~~)[^\n]*$", re.MULTILINE)
_START: Final = re.compile(
    r"^[ \t>*`(]*?(\(?\s*(?:SELECT|WITH\s+(?:RECURSIVE\s+)?[\w\"]+\s*(?:\([^)]*\)\s*)?AS)\b)", re.I | re.M
)
_INLINE: Final = re.compile(r"\b(SELECT\s|WITH\s+[\w\"]+\s+AS\s*\()", re.I)
_TOKEN: Final = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|;|\n[ \t]*\n|[^'\"\-/;\n]+|.", re.S)
_MAX_TRIES: Final = 12


def fix(reply: str, brief: Brief, settings: Mapping[str, Any]) -> str | None:  # noqa: ARG001
    if not is_sql(brief) or not reply.strip() or len(reply) > 5 * MAX_SQL:
        return None
    text = reply.strip()
    if _plain(text):
        return text.removesuffix(";").rstrip() if text.endswith(";") or text != reply else None
    found = next(_statements(text), None)
    return found if found is not None and found != reply else None


def _plain(text: str) -> bool:
    begins = re.match(r"\(*\s*(SELECT|WITH|VALUES)\b", text, re.I) is not None
    return begins and "```" not in text and parse(text) is not None


def _statements(text: str) -> Iterator[str]:
    """Texts that parse as one SELECT: those at the start of a line first, then any in the middle of one."""
    tries = 0
    blocks = [part for part in _FENCE.split(text) if part.strip()]
    for pattern in (_START, _INLINE):
        for block in blocks:
            for start in pattern.finditer(block):
                tries += 1
                if tries > _MAX_TRIES:
                    return
                yield from _first(_ends(block[start.start(1) :]))


def _ends(text: str) -> list[str]:
    """Where a statement that begins here may end, the likeliest first: at its semicolon, at the end of the block, at
    an empty line, at a closing backquote, at the end of a line."""
    semicolon, paragraphs, position = None, [], 0
    for token in _TOKEN.finditer(text):
        if token[0] == ";":
            semicolon = text[: token.start()]
            break
        if token[0].startswith("\n") and token[0] != "\n":
            paragraphs.append(text[: token.start()])
        position = token.end()
    whole = text[:position]
    lines = whole.split("\n")
    shorter = ["\n".join(lines[:count]) for count in range(len(lines) - 1, 0, -1)][:20]
    quoted = [whole.split("`", 1)[0]] if "`" in whole else []
    return [semicolon] if semicolon is not None else [whole, *reversed(paragraphs), *quoted, *shorter]


def _first(texts: list[str]) -> Iterator[str]:
    for text in texts:
        stripped = text.strip()
        if stripped and parse(stripped) is not None:
            yield stripped
            return
