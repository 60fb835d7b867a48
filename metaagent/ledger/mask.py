"""Credentials masked before anything is stored: what looks like an API key, a token or a password is ``[masked]``.

Speed matters, for every prompt and reply passes here: each family of shapes has telltale substrings, looked for first
(a substring search costs under a microsecond per kilobyte, an expression a hundred times as much). Expressions run on
the lower-cased text, and cut from the original. Masking errs on the side of masking.
"""

from __future__ import annotations

import re
from typing import NamedTuple, overload

MASKED = "[masked]"


class _Family(NamedTuple):
    """``gate``: a character that every shape of the family holds. ``shape``: group 1 is what gets masked."""

    gate: str
    hints: tuple[str, ...]
    shape: re.Pattern[str]


def _family(gate: str, hints: str, shape: str) -> _Family:
    return _Family(gate, tuple(hints.split("|")), re.compile(shape, re.VERBOSE))


_NAMES = r"""
    (?: passw(?:or)?d | passphrase | pwd | secret | credentials? | apikey | [_\-]token | \btoken
      | (?:api|access|auth|private|secret|signing|encryption|session|account|client)[_\- ]?key
      | (?:access|auth|api|refresh|bearer|id|session|bot|secret|csrf)token | [?&;]sig
    )\\?["']?\s{0,3}(?:=>|[:=])\s{0,3}
    (?: "((?:[^"\\\n]|\\.){4,})" | '((?:[^'\\\n]|\\.){4,})' | \\"((?:[^"\\\n]){4,})\\"
      | (?![{\[(<$%"'])([^\s"',;{}()\[\]<>]{6,})(?![\w(.\[]) )"""

_FAMILIES = (
    _family("-", "sk-|pk-|rk-", r"\b((?:sk|rk|pk)-(?:[a-z]+-)*[a-z0-9_\-]{16,})"),
    _family("_", "sk_|pk_|rk_", r"\b((?:sk|rk|pk)_(?:[a-z]+_)*[a-z0-9]{16,})"),
    _family("_", "ghp_|gho_|ghu_|ghs_|ghr_", r"\b(gh[pousr]_[a-z0-9]{20,})"),
    _family("_", "github_pat_", r"(github_pat_[a-z0-9_]{20,})"),
    _family("_", "hf_", r"\b(hf_[a-z0-9]{20,})"),
    _family("_", "npm_", r"\b(npm_[a-z0-9]{30,})"),
    _family("-", "glpat-", r"(glpat-[a-z0-9_\-]{16,})"),
    _family("-", "pypi-", r"(pypi-[a-z0-9_\-]{30,})"),
    _family("-", "xox", r"\b(xox[abeoprs]-[a-z0-9\-]{10,})"),
    _family("a", "akia|asia", r"\b(a(?:k|s)ia[a-z0-9]{16})\b"),
    _family("z", "aiza", r"\b(aiza[a-z0-9_\-]{30,})"),
    _family(".", "ya29.", r"\b(ya29\.[a-z0-9_\-]{20,})"),
    _family(".", "eyj", r"\b(eyj[a-z0-9_\-]{8,}\.[a-z0-9_\-]{8,}(?:\.[a-z0-9_\-]*)?)"),
    _family(
        "-", "private key-----", r"(-----begin\ (?:[a-z]+\ )*private\ key-----[\s\S]*?(?:-----end\ [a-z ]*-----|\Z))"
    ),
    _family("@", "://", r"://[^\s/:@\"'<>]*:([^\s/@\"'<>]{1,256})(?=@)"),
    _family("b", "bearer |basic ", r"\b(?:bearer|basic)\ +([a-z0-9._~+/=\-]{16,})"),
    _family("=", "sig=|secret|passw|passphrase|pwd|credential|token|key", _NAMES),
    _family(":", "secret|passw|passphrase|pwd|credential|token|key", _NAMES),
)


def _lower(text: str) -> str:
    """Lower case at equal length, so that positions hold in the original."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join([character.lower() if character.isascii() else character for character in text])


@overload
def mask(text: str) -> str: ...
@overload
def mask(text: None) -> None: ...
def mask(text: str | None) -> str | None:
    """The text itself where nothing in it looks like a credential."""
    if not text or len(text) < 8:
        return text
    lowered = _lower(text)
    for gate, hints, shape in _FAMILIES:
        if gate in lowered:
            for hint in hints:
                if hint in lowered:
                    text = _cut(text, lowered, shape)
                    lowered = _lower(text)
                    break
    return text


def _cut(text: str, lowered: str, shape: re.Pattern[str]) -> str:
    parts, at = [], 0
    for match in shape.finditer(lowered):
        start, end = match.span(match.lastindex or 0)
        parts += [text[at:start], MASKED]
        at = end
    return text if not parts else "".join([*parts, text[at:]])
