"""From the text of a message to its words, with what varies masked. Pure; one setting for all sources.

A text is *collapsed* first: every run of digits, with the hexadecimal letters that touch it, becomes one ``0``. Most
lines of a stream then have a text that was seen before, and cost one search in a cache. The collapsed text is cut into
words at white space and punctuation. A word is a variable (``<*>``) when it holds a digit or is a path, URL, date,
MAC or IP address, quoted name, mail address or a sign; the name after "for user" and its like; and a unit after a
number. Neighbouring variables are one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

VARIABLE = "<*>"
SEPARATED = "\x1f"

RUN = re.compile(r"[a-fA-F]*[0-9][0-9a-fA-F]*")
_DIGITS = re.compile(r"[0-9][0-9a-fA-F]*")
_LETTERS = re.compile(r"[a-fA-F]+0")

Finder = Callable[[str], list[str]]

_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*"
_END = r"""\s"'<>|,;)\]}"""
_TOKEN = r"""
    (?P<variable>
        [A-Za-z][A-Za-z0+.\-]*://[^{end}]*                                     # URL
      | [A-Za-z]:\\[^{end}]*                                                   # Windows path
      | (?<![\w.)\]/])~?/[^{end}(:=?]*(?:\?[^{end}]*)?                         # path, with a query
      | (?<!\w)(?:{day},?\s+)?{month}\s+0\b                                    # Sun Jul 0
      | (?<![\w:.])[0-9a-fA-F]{{1,4}}(?:[:-][0-9a-fA-F]{{1,4}}){{4,7}}(?![\w:])  # MAC, IPv6
      | (?<![\w:])::[a-fA-F:]*0[a-fA-F0:.]*(?!\w)
      | (?<![\w:.])0:[0-9a-fA-F]{{1,3}}:[0-9a-fA-F]{{1,3}}\.0                  # PCI
      | {quoted}
    )
  | (?P<separator>[\s=:,;|()\[\]{{}}#<>\\]+|"|\.\.+|(?<!\w)'|'(?!\w))
  | (?P<word>(?:(?!\.\.)[^\s=:,;|()\[\]{{}}"'#<>\\]|(?<=\w)'(?=\w))+)
"""
_ONE_WORD = r"""  "[^\s"]+" | (?<!\w)'[^\s']+'  """
_ANY_WORDS = r"""  "(?:[^"\\]|\\.)*" | (?<!\w)'(?:[^'\\]|\\.)*'(?!\w) | `[^`]+`  """
_PARTS = {"end": _END, "day": _DAY, "month": _MONTH}
_LOG = re.compile(_TOKEN.format(quoted=_ONE_WORD, **_PARTS), re.VERBOSE)
_MESSAGE = re.compile(_TOKEN.format(quoted=_ANY_WORDS, **_PARTS), re.VERBOSE)

_VARIES = re.compile(
    r""" .*0.*
      | null|NULL|nil|None|[nN]/[aA]
      | ~?/.* | [\w.$~+-]+(?:/[\w.$~+-]*){2,} | \w+(?:\.\w+)+/[\w.]+           # paths
      | [^@]+@[^@]+ | [0-9a-fA-F]{8,}
      | [-+*] | [A-Za-z][-+]                                                   # a sign, an axis (x+)
    """,
    re.VERBOSE | re.DOTALL,
)
_UNIT = re.compile(
    r"(?:[kKMGTP]i?)?[Bb](?:ytes?|its?)?|[num\u00b5]?s(?:ec(?:ond)?s?)?|m(?:illi)?sec(?:ond)?s?|min(?:ute)?s?"
    r"|h(?:ou)?rs?|days?|%|[kMG]?Hz|[AP]M|UTC|GMT|[A-Z][SD]T"
)
_DOTTED = re.compile(r"[A-Za-z_$@][\w$@-]*(?:[./$][\w$-]+)*\.[\w$-]*[A-Za-z][\w$/.-]*")
_NAMES_ITSELF = re.compile(
    r".*[./][A-Z][A-Z_]+|.*(?:Exception|Error|Warning|Timeout|Fault|Failure|Interrupt)|.*\.(?:exceptions?|errors?)\.\w+"
)

_OPENED = {")": "(", "]": "[", "}": "{", ">": "<"}
_BEFORE_USER = frozenset({"for", "by", "of", "from", "as", "invalid", "Invalid", "unknown"})
_BEFORE_FOR = frozenset({"password", "publickey", "passphrase"})
_NO_NAME = frozenset({"invalid", "illegal", "unknown", "user"})


@dataclass(frozen=True, slots=True)
class Form:
    """One collapsed text: its ``words``, what stood between them (one ``gap`` more than words), and ``values``, a
    format that the runs of an original text make into the values of its variables (None: it has none)."""

    words: tuple[str, ...]
    gaps: tuple[str, ...]
    values: str | None


def collapse(text: str) -> str:
    """Cheap, and enough for most of a stream; ``collapse_fully`` of it is the key of the form."""
    return _DIGITS.sub("0", text)


def collapse_fully(collapsed: str) -> str:
    return _LETTERS.sub("0", collapsed)


def finder(collapsed: str) -> Finder:
    """What finds the runs of texts that collapse to this one: the cheaper expression where it finds all of them."""
    return RUN.findall if _LETTERS.search(collapsed) else _DIGITS.findall


def joined_values(text: str, form: Form, find: Finder) -> str | None:
    """The values of the variables in an original text of this form, in order, with separators between."""
    return None if form.values is None else form.values % tuple(find(text))


def values_of(text: str, form: Form) -> list[str]:
    """The same as a list."""
    joined = joined_values(text, form, RUN.findall)
    return [] if joined is None else joined.split(SEPARATED)


def form_of(collapsed: str, *, message: bool = False) -> Form:
    """Cuts a fully collapsed text. A ``message`` may quote whole sentences; a log line quotes names."""
    words: list[str] = []
    spans: list[tuple[int, int]] = []
    for match in (_MESSAGE if message else _LOG).finditer(collapsed):
        if match.lastgroup == "separator":
            continue
        start, end = match.span()
        word = match.group()
        last_varies = bool(words) and words[-1] == VARIABLE
        if match.lastgroup == "variable" or _VARIES.fullmatch(word) or (last_varies and _UNIT.fullmatch(word)):
            if last_varies:
                spans[-1] = (spans[-1][0], end)
                continue
            word = VARIABLE
        elif words and _is_name(words, word, collapsed[start - 1]):
            if word == "from":  # the name is empty: "invalid user  from"
                words.append(VARIABLE)
                spans.append((start - 1, start - 1))
            else:
                word = VARIABLE
        words.append(word)
        spans.append((start, end))
    spans = [_balanced(collapsed, *span) if word == VARIABLE else span for word, span in zip(words, spans, strict=True)]
    return _form(collapsed, words, spans)


def _is_name(words: list[str], word: str, before: str) -> bool:
    """Whether the next word is the name of a user, by the words that announce one."""
    if before not in " '\"":
        return False
    second = words[-2] if len(words) > 1 else ""
    if words[-1] == "user":
        return second in _BEFORE_USER
    return words[-1] == "for" and second in _BEFORE_FOR and word not in _NO_NAME


def _balanced(text: str, start: int, end: int) -> tuple[int, int]:
    """With the bracket that closes one in it."""
    inner, after = text[start:end], text[end : end + 1]
    opening = _OPENED.get(after)
    return (start, end + 1) if opening and inner.count(opening) > inner.count(after) else (start, end)


def _form(text: str, words: list[str], spans: list[tuple[int, int]]) -> Form:
    edges = [0, *(edge for span in spans for edge in span), len(text)]
    gaps = tuple(text[edges[i] : edges[i + 1]] for i in range(0, len(edges), 2))
    parts = [
        text[start:end].replace("%", "%%").replace("0", "%s").replace(SEPARATED, " ")
        for word, (start, end) in zip(words, spans, strict=True)
        if word == VARIABLE
    ]
    return Form(tuple(words), gaps, SEPARATED.join(parts) if parts else None)


@lru_cache(maxsize=65536)
def is_dotted(word: str) -> bool:
    """A host, class, file or setting: a constant while it stays the same, soon a variable when it does not. Constants
    by their form (``action.SCREEN_ON``) and exceptions name themselves, and are words like others."""
    return word != VARIABLE and _DOTTED.fullmatch(word) is not None and _NAMES_ITSELF.fullmatch(word) is None
