"""Operators on one string. Each takes the string and its parameters and gives a string or None (it does not apply)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, Final

from metaagent.remedies.json.fields.names import bare, clause, person, public, without_legal, without_titles
from metaagent.remedies.json.fields.stock import listed
from metaagent.remedies.json.fields.words import fold, titled, unmarked

_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_MOST_DIGITS: Final = 100
_EDGES: Final = " \t\n.,;:!?\"'“”„«»()[]{}<>*_#-–—/|"


def _headline(text: str) -> str:
    """Title case; particles (of, de, von) in lower case unless they come first."""
    words = titled(text).split(" ")
    return " ".join(w.lower() if n and w.lower() in listed("particles") else w for n, w in enumerate(words))


def _keep(test: Callable[[str], bool]) -> Callable[[str], str]:
    return lambda text: "".join(filter(test, text))


def _slug(text: str, mark: str) -> str | None:
    return mark.join(re.findall(r"[a-z0-9]+", re.sub(r"(?<=\w)['’](?=\w)", "", unmarked(text).lower()))) or None


def _german(text: str) -> str:
    """As a German keyboard without umlauts writes it: ä is ae, ß is ss; other letters lose their marks."""
    return unmarked(unicodedata.normalize("NFC", text).translate(_UMLAUTS))


def _camel(text: str) -> str | None:
    words = re.findall(r"[A-Za-z0-9]+", unmarked(text))
    return (words[0].lower() + "".join(titled(word) for word in words[1:])) if words else None


def _initials(text: str, mark: str) -> str | None:
    return "".join(word[0].upper() + mark for word in re.findall(r"[^\W\d_]+", text)) or None


def _token(text: str, at: int) -> str | None:
    words = text.split()
    return words[at] if len(words) > 1 and -len(words) <= at < len(words) else None


def _tokens(text: str, start: int, end: int | None) -> str | None:
    words = text.split()
    return " ".join(words[start:end]) or None if len(words) > 1 else None


def _part(text: str, mark: str, at: int) -> str | None:
    parts = text.split(mark)
    return parts[at].strip() or None if len(parts) > 1 and -len(parts) <= at < len(parts) else None


def _head(text: str, count: int) -> str | None:
    return text[:count] if len(text) > count else None


def _tail(text: str, count: int) -> str | None:
    return text[-count:] if len(text) > count else None


def _pad(text: str, count: int) -> str | None:
    """Zeros before the last run of digits, up to ``count`` digits."""
    match = re.fullmatch(r"(.*?)(\d+)(\D*)", text, re.DOTALL)
    return match[1] + match[2].zfill(count) + match[3] if match and len(match[2]) < count <= _MOST_DIGITS else None


def _unpad(text: str) -> str:
    return re.sub(r"(?<!\d)0+(?=\d)", "", text)


def _mask(text: str, form: str) -> str | None:
    """Letters and digits of the text in the places of ``#``; None unless the numbers of both agree."""
    marks = [mark for mark in text if mark.isalnum()]
    if len(marks) != form.count("#"):
        return None
    taken = iter(marks)
    return "".join(next(taken) if mark == "#" else mark for mark in form)


def _groups(text: str, size: int, mark: str) -> str | None:
    plain = "".join(filter(str.isalnum, text))
    return mark.join(plain[n : n + size] for n in range(0, len(plain), size)) if len(plain) > size else None


def _without_prefix(text: str, prefix: str) -> str | None:
    return text[len(prefix) :].strip() or None if text.lower().startswith(prefix.lower()) else None


def _without_suffix(text: str, suffix: str) -> str | None:
    return text[: -len(suffix)].strip() or None if suffix and text.lower().endswith(suffix.lower()) else None


def _boundary(text: str) -> str | None:
    """Separators put between letters and digits: AB12 becomes AB-12."""
    made = re.sub(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])", "-", text)
    return made if made != text else None


def _drop(text: str, where: str, words: Sequence[str]) -> str | None:
    """Without the listed words at the start, at the end or anywhere."""
    tokens, listed = text.split(), set(words)
    kept = list(tokens)
    if where == "any":
        kept = [token for token in tokens if fold(token) not in listed]
    while where == "start" and len(kept) > 1 and fold(kept[0]) in listed:
        kept = kept[1:]
    while where == "end" and len(kept) > 1 and fold(kept[-1]) in listed:
        kept = kept[:-1]
    return " ".join(kept).rstrip(" ,;") or None if len(kept) < len(tokens) else None


def _shorten(text: str) -> str:
    return re.sub(r"\s*[(\[][^)\]]*[)\]]", "", text).strip()


def _dial(text: str, start: str) -> str | None:
    """The digits of a telephone number; ``start`` in the place of its plus, without a zero in brackets."""
    digits = "".join(filter(str.isdigit, text.replace("(0)", "")))
    abroad = text.strip().startswith(("+", "(+"))
    return ((start if abroad else "") + digits) if 5 <= len(digits) <= 15 else None


def _luhn(text: str) -> str | None:
    digits = [int(mark) for mark in text if mark.isdigit()]
    total = sum(d if n % 2 else (d * 2 - 9 if d > 4 else d * 2) for n, d in enumerate(reversed(digits)))
    return text + str(-total % 10) if digits else None


STRING: Final[dict[str, Callable[..., Any]]] = {
    "upper": str.upper,
    "lower": str.lower,
    "title": titled,
    "headline": _headline,
    "sentence": lambda text: text[:1].upper() + text[1:].lower(),
    "ascii": unmarked,
    "ascii-german": _german,
    "dial": _dial,
    "replace-first": lambda text, old, new: text.replace(old, new, 1) if old in text else None,
    "alnum": _keep(str.isalnum),
    "letters": _keep(str.isalpha),
    "digits": _keep(str.isdigit),
    "words-only": lambda text: " ".join("".join(c if c.isalnum() else " " for c in text).split()),
    "no-space": lambda text: "".join(text.split()),
    "one-space": lambda text: " ".join(text.split()),
    "trim": lambda text: text.strip(_EDGES),
    "shorten": _shorten,
    "slug": _slug,
    "camel": _camel,
    "initials": _initials,
    "token": _token,
    "tokens": _tokens,
    "part": _part,
    "head": _head,
    "tail": _tail,
    "pad": _pad,
    "unpad": _unpad,
    "mask": _mask,
    "groups": _groups,
    "boundary": _boundary,
    "prefix": lambda text, prefix: prefix + text,
    "suffix": lambda text, suffix: text + suffix,
    "without-prefix": _without_prefix,
    "without-suffix": _without_suffix,
    "without-legal-form": without_legal,
    "without-titles": without_titles,
    "clause": clause,
    "name": bare,
    "public": public,
    "person": person,
    "drop": _drop,
    "replace": lambda text, old, new: text.replace(old, new) if old and old in text else None,
    "luhn": _luhn,
}
