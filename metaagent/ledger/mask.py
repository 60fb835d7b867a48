"""Credentials masked before anything is stored: what looks like an API key, a token or a password is ``[masked]``.

A cheap look for telltale substrings comes first, so that ordinary prompts cost some microseconds; only a text that
holds one is searched by the expression. Masking errs on the side of masking.
"""

from __future__ import annotations

import re
from typing import overload

MASKED = "[masked]"

_HINTS = (
    "sk-", "sk_", "rk_", "pk_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "_pat_", "glpat", "xox", "akia", "asia", "aiza",
    "ya29", "eyj", "hf_", "npm_", "pypi-", "bearer", "basic ", "authorization", "passw", "pwd", "passphrase", "secret",
    "token", "key", "credential", "private", "@", "sig=",
)  # fmt: skip

_CREDENTIAL = re.compile(
    r"""
    # whole tokens that name themselves
      \b(?:sk|rk|pk)[-_](?:[a-z]+[-_])*[a-z0-9_\-]{16,}
    | \bgh[pousr]_[a-z0-9]{20,}
    | \bgithub_pat_[a-z0-9_]{20,}
    | \bglpat-[a-z0-9_\-]{16,}
    | \bxox[abeoprs]-[a-z0-9\-]{10,}
    | \b(?-i:AKIA|ASIA)[a-z0-9]{16}\b
    | \bAIza[a-z0-9_\-]{30,}
    | \bya29\.[a-z0-9_\-]{20,}
    | \bhf_[a-z0-9]{20,}
    | \bnpm_[a-z0-9]{30,}
    | \bpypi-[a-z0-9_\-]{30,}
    | \beyJ[a-z0-9_\-]{8,}\.[a-z0-9_\-]{8,}(?:\.[a-z0-9_\-]*)?
    | -----BEGIN[ ](?:[A-Z ]+[ ])?PRIVATE[ ]KEY-----[\s\S]*?(?:-----END[ ](?:[A-Z ]+[ ])?PRIVATE[ ]KEY-----|\Z)
    # a marker that stays, and the value behind it
    | (?P<scheme>\b(?:bearer|basic)[ ]+)[a-z0-9._~+/=\-]{12,}
    | (?P<user>\b[a-z][a-z0-9+.\-]*://[^\s/:@"'<>]*:)[^\s/@"'<>]{1,256}(?=@)
    | (?P<name>\b[a-z0-9_\-]*(?:
          passw(?:or)?d | passphrase | pwd | secret | credentials?
        | (?:api|access|auth|private|secret|signing|encryption|session|account|client)[_\-]?key | apikey
        | (?:access|auth|api|refresh|bearer|id|session|bot|secret|csrf)[_\-]?token | (?<![a-z])token | sig
        )["']?\s{0,3}(?:=>|[:=])\s{0,3})
      (?: "(?:[^"\\\n]|\\.){4,}" | '(?:[^'\\\n]|\\.){4,}' | (?![{\[(<$%"'])[^\s"',;{}()\[\]<>]{6,}(?![\w(.\[]) )
    """,
    re.IGNORECASE | re.VERBOSE,
)


def _replace(match: re.Match[str]) -> str:
    kept = match["scheme"] or match["user"] or match["name"]
    if not kept:
        return MASKED
    value = match[0][len(kept) :]
    quote = value[0] if value[0] in "\"'" else ""
    return f"{kept}{quote}{MASKED}{quote}"


@overload
def mask(text: str) -> str: ...
@overload
def mask(text: None) -> None: ...
def mask(text: str | None) -> str | None:
    """The text itself where nothing in it looks like a credential."""
    if not text:
        return text
    lowered = text.lower()
    for hint in _HINTS:
        if hint in lowered:
            return _CREDENTIAL.sub(_replace, text)
    return text
