"""``{name}`` patterns for ids and titles: names, an optional number format, nothing of ``str.format``'s reach."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SLOT = re.compile(r"\{([A-Za-z_][^{}:!.\[\]]*)(?::0?(\d{1,2})d?)?\}")


class Pattern:
    """``INV-{row:03}``. ``names`` are what it needs; text in braces that is not a slot stays as it is."""

    __slots__ = ("names", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.names = frozenset(match[1] for match in _SLOT.finditer(text))

    def fill(self, values: Mapping[str, Any]) -> str:
        return _SLOT.sub(lambda match: str(values[match[1]]).zfill(int(match[2] or 0)), self.text)

    def fits(self, text: str) -> bool:
        """Whether the filled pattern could be this text."""
        return re.fullmatch(".+".join(map(re.escape, _constants(self.text))), text, re.DOTALL) is not None


def _constants(text: str) -> list[str]:
    parts, at = [], 0
    for match in _SLOT.finditer(text):
        parts.append(text[at : match.start()])
        at = match.end()
    return [*parts, text[at:]]
