"""``python.indentation``: a reply that is no Python becomes some by its indentation alone.

Tries, and takes the first that parses: tabs as blanks, all lines moved left together, a first line that lost or kept
its blanks, odd columns taken to the nearest level, and the body alone under the signature that the task's text gives.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from metaagent.records import Brief
from metaagent.remedies.python.tree import functions, is_python, parse

_SIGNATURE = re.compile(r"^[ \t]*(def[ \t]+\w+[ \t]*\([^\n]*\)[^\n]*:)[ \t]*$", re.MULTILINE)
_OPENS = re.compile(r":\s*(?:#.*)?$")


def fix(reply: str, brief: Brief, settings: Mapping[str, Any]) -> str | None:  # noqa: ARG001
    if not is_python(brief) or not reply.strip() or len(reply) > 100_000 or parse(reply) is not None:
        return None
    for candidate in _candidates(reply, brief):
        tree = parse(candidate)
        if tree is not None and functions(tree):
            return candidate
    return None


def _candidates(reply: str, brief: Brief) -> Iterator[str]:
    text = reply.expandtabs(4).strip("\n")
    lines = text.split("\n")
    yield text + "\n"
    yield textwrap.dedent(text) + "\n"
    yield "\n".join([lines[0].lstrip(), *lines[1:]]) + "\n"
    yield lines[0].lstrip() + "\n" + textwrap.dedent("\n".join(lines[1:])) + "\n"
    yield _leveled(lines)
    signatures = _SIGNATURE.findall("\n".join(brief.inputs.values()))
    if len(signatures) == 1 and "def " not in reply:
        yield signatures[0] + "\n" + textwrap.indent(textwrap.dedent(text), "    ") + "\n"
    yield _under(lines)


def _leveled(lines: list[str]) -> str:
    """Each line at the level that its column means: deeper only after a colon, shallower to the nearest known level."""
    columns, made, opened = [0], list[str](), False
    for line in lines:
        if not line.strip():
            made.append("")
            continue
        column = len(line) - len(line.lstrip())
        if opened:
            columns.append(max(column, columns[-1] + 1))
        else:
            while len(columns) > 1 and column < columns[-1] and abs(columns[-2] - column) <= abs(columns[-1] - column):
                columns.pop()
        made.append("    " * (len(columns) - 1) + line.strip())
        opened = _OPENS.search(line) is not None
    return "\n".join(made) + "\n"


def _under(lines: list[str]) -> str:
    """A ``def`` whose body stands at its own column: the body goes under it."""
    made, inside = list[str](), False
    for line in lines:
        heads = line.startswith(("def ", "import ", "from ", "@", "class "))
        made.append(line if heads or not inside or not line.strip() else "    " + line)
        inside = inside or line.startswith("def ")
    return "\n".join(made) + "\n"
