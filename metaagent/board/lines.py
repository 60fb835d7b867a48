"""The grammar of single lines, on bytes: how an item, an attribute, an agent, a marker look and how they are made.

Text that comes from tasks or models passes ``clean`` before it reaches a line, so that it can open no comment, forge no
marker, break no line and send nothing to a terminal.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from metaagent.records import Status

TICK = "✅".encode()
ATTRIBUTES = ("priority", "due", "depends", "domain", "validate", "spec")
STATUS_NAMES = {status.value: status for status in Status}

HEADING = re.compile(rb" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*\r?\n?\Z", re.DOTALL)
STAMP = re.compile(rb"(Last Updated:[ \t]*)([^\s]+)")
CONFLICT = re.compile(rb"(?:<{7}|>{7}|\|{7})(?:[ \t\r\n]|\Z)")
FENCE = re.compile(rb"[ \t]*(`{3,}(?=[^`]*\Z)|~{3,})")
ITEM_ID = re.compile(rb"[-*+][ \t]+(?:\[[ xX]\][ \t]+)?\[(?![xX]\])([A-Za-z][A-Za-z0-9._-]*)\](?![(\[:])")
ITEM = re.compile(
    rb"[-*+][ \t]+"
    rb"(?:(?:\[[ xX]\][ \t]+)?\[(?![xX]\])([A-Za-z][A-Za-z0-9._-]*)\](?![(\[:])[ \t]*)?"
    rb"((?:@agent:[^\s:@,]+:[^\s,@]+,?(?:[ \t]+|(?=[\r\n])|\Z))*)"
    rb"(-[ \t]+)?"
)
AGENT = re.compile(rb"@(agent:[^\s:@,]+:[^\s,@]+)")
RULE = re.compile(rb"[-*_ \t]+\Z")
ATTRIBUTE = re.compile(
    rb"([ \t]+(?:[-*+][ \t]+)?)(priority|due|depends|domain|validate|spec)([ \t]*:[ \t]*)(.*?)[ \t]*(?:\r?\n|\r|\Z)",
    re.IGNORECASE | re.DOTALL,
)
AGENT_LINE = re.compile(
    rb"([-*+][ \t]+)(agent:[^\s:\[\]]+:[^\s\[\]]+)[ \t]*(?:\[([^\]\r\n]*)\])?"
    rb"(?:[ \t]*-[ \t]+([^\r\n]*?))?[ \t]*(?:\r?\n|\r)?\Z"
)
MARKER = re.compile(rb"[ \t]*<!-- (/?)metaagent:activity(?: ([0-9a-f]{16}))? -->[ \t]*\r?\n?\Z")


class Item(NamedTuple):
    """The parts of an item line as offsets: ``line[:head]`` bullet and id, then agents up to ``title``, the title up to
    ``end``; what follows is the tick, blanks and the line end."""

    id: bytes | None
    head: int
    title: int
    end: int


def item(line: bytes) -> Item | None:
    found = ITEM.match(line)
    if found is None:
        return None
    end = len(line.rstrip())
    if line.endswith(TICK, 0, end):
        end = len(line[: end - len(TICK)].rstrip())
    identity, agents, dash = found.group(1), found.group(2), found.group(3)
    title = found.end() if identity is not None or agents else (found.start(3) if dash else found.end())
    return Item(identity, found.start(2), title, max(title, end))


def title_text(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    return text[1:] if len(text) > 1 and text[0] == "\\" and text[1] in "@-[\\" else text


def agents_of(raw: bytes) -> tuple[str, ...]:
    return tuple(name.decode("utf-8", "replace") for name in AGENT.findall(raw)) if raw else ()


def clean(text: str) -> str:
    """One harmless line: white space folded, control and formatting characters visible, comment marks broken."""
    folded = " ".join(text.split())
    if not folded.isprintable():
        folded = "".join(_visible(char) for char in folded)
    return folded.replace("<!--", "&lt;!--").replace("-->", "--&gt;")


def _visible(char: str) -> str:
    if char.isprintable() or char == "\u200d" or unicodedata.category(char) == "Zs":
        return char
    return f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{ord(char):04x}"


def clean_title(text: str) -> bytes:
    """A title as it stands on a line: it cannot be read as an id, an assignment, a separator or a finished mark."""
    line = clean(text)
    while line.endswith("✅"):
        line = line[:-1].rstrip()
    guarded = line == "-" or line.startswith(("@agent:", "- ")) or re.match(r"\\[@\-\[\\]", line) is not None
    return (f"\\{line}" if guarded else line).encode()


def make_item(task_id: str, title: str, assignees: Sequence[str], status: Status, newline: bytes) -> bytes:
    tick = b" " + TICK if status is Status.DONE else b""
    return b"- [" + task_id.encode() + b"] " + make_agents(assignees) + clean_title(title) + tick + newline


def make_agents(assignees: Sequence[str]) -> bytes:
    return "".join(f"@{clean(name).replace(' ', '')} " for name in assignees).encode() + (b"- " if assignees else b"")


def make_attributes(attributes: Mapping[str, str], newline: bytes) -> list[bytes]:
    return [f"  {key}: {clean(value)}".encode() + newline for key, value in attributes.items() if value]


def make_agent_line(agent_id: str, state: str, note: str, newline: bytes) -> bytes:
    tail = f" - {clean(note)}" if note.strip() else ""
    return f"- {clean(agent_id)} [{clean(state)}]{tail}".encode() + newline


def with_tick(line: bytes, done: bool) -> bytes:
    """The item line with the finished mark there or not there; all else as it was."""
    body = line.rstrip()
    tail = line[len(body) :]
    if body.endswith(TICK) == done:
        return line
    return (body + b" " + TICK if done else body[: -len(TICK)].rstrip()) + tail


def with_id(line: bytes, task_id: str) -> bytes:
    """A hand-written item line with its id put behind the bullet."""
    found = re.match(rb"[-*+][ \t]+", line)
    at = found.end() if found else 0
    return line[:at] + b"[" + task_id.encode() + b"] " + line[at:]


def without_id(line: bytes) -> bytes:
    """The item line without its ``[ID]``; the rest as it was."""
    found = ITEM.match(line)
    if found is None or found.group(1) is None:
        return line
    return line[: found.start(1) - 1] + line[found.start(2) :]


def with_agents(line: bytes, assignees: Sequence[str]) -> bytes:
    parts = item(line)
    if parts is None:
        return line
    return line[: parts.head] + make_agents(assignees) + line[parts.title :]


def with_title(line: bytes, title: str) -> bytes:
    parts = item(line)
    if parts is None:
        return line
    return line[: parts.title] + clean_title(title) + line[parts.end :]


def body_hash(body: Sequence[bytes]) -> bytes:
    """Names a generated body; line ends and trailing blanks do not count, an editor may change those."""
    return sha256(b"\n".join(line.rstrip() for line in body)).hexdigest()[:16].encode()


def open_marker(body: Sequence[bytes], newline: bytes) -> bytes:
    return b"<!-- metaagent:activity " + body_hash(body) + b" -->" + newline


def close_marker(newline: bytes) -> bytes:
    return b"<!-- /metaagent:activity -->" + newline
