"""Names of firms and persons: what of a text is the name, and a person's name in its parts. Pure.

Which words are given names, titles, legal forms or particles is stock (``words.json``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from metaagent.remedies.json.fields import stock
from metaagent.remedies.json.fields.stock import listed
from metaagent.remedies.json.fields.words import fold, titled, unmarked

_LONGEST: Final = 20
"""Words of a firm's name before a place: a reply may hold thousands of words."""
_MOST: Final = 6
_MOST_UNKNOWN: Final = 4
"""Words of a name whose given name nobody knows; it has nothing behind it."""
_NAME: Final = re.compile(r"[^\W\d_][^\W\d_'’.-]*(?:['’-][^\W\d_'’.-]+)*\.?")


def clause(text: str) -> str:
    """The first part of a text: up to a bracket, a comma, a dash between blanks, a semicolon, a line's end."""
    found = re.split(r"\s*[,;(\[|\n]|\s[-–—/]\s|:\s", text.strip(), maxsplit=1)[0]
    return found.strip() or text


def legal_form(text: str) -> str:
    """The legal form at the end of a firm's name as it is written, empty where there is none."""
    words = text.strip().rstrip(",;").split(" ")
    for count in (4, 3, 2, 1):
        if count < len(words) and _is_legal(words[-count:]):
            return " ".join(words[-count:])
    return ""


def _is_legal(words: Sequence[str]) -> bool:
    parts = [re.sub(r"[^\w/]", "", unmarked(word).lower()) for word in words]
    if "".join(parts).replace("/", "") in listed("legal_forms"):
        return True
    links = {"&", "and", "de", "e", ""}
    known = [part in listed("legal_forms") for part in parts]
    return any(known) and all(one or word in links for one, word in zip(known, words, strict=True))


def without_legal(text: str) -> str | None:
    """The name of a firm without its legal form, nor the place that stands behind it; None where there is no such
    form."""
    found = legal_form(text)
    if found:
        return text.strip().rstrip(",;")[: -len(found)].rstrip(" ,;&") or None
    words = clause(text).split()
    for count in range(min(len(words), _LONGEST), 1, -1):
        name = " ".join(words[:count])
        if (count == len(words) or _leaves(words[count])) and legal_form(name):
            return without_legal(name)
    return None


def without_titles(text: str) -> str | None:
    words = text.split()
    count = 0
    while count < len(words) - 1 and _is_title(words[count], words[count + 1]):
        count += 1
    return " ".join(words[count:]) if count else None


def _is_title(word: str, following: str) -> bool:
    """De is one before heer, and not in De Wit; Bay is none in Bay of Fundy."""
    titles, known = listed("titles"), _letters(word)
    return known in titles and (not _joins(word) or _letters(following) in titles) and not _ends(following)


def _letters(word: str) -> str:
    return re.sub(r"\W", "", unmarked(word).lower())


def bare(text: str) -> str:
    """The name in a text: its first part, without titles before it and without a legal form after it."""
    name = clause(text)
    name = without_titles(name) or name
    return without_legal(name) or name


def _leaves(word: str) -> bool:
    """Whether a word behind a name is no part of it: at, from, a mark, a country."""
    return _ends(word) or not any(map(str.isalnum, word)) or stock.table("country").get(word, "alpha2") is not None


def public(text: str) -> str | None:
    """The name of a public body, without the place that stands behind it; None where no word says that it is one."""
    name = clause(text)
    return name if is_public(name) else None


ANY: Final = "any given name"


def person(text: str, form: str, known: str = "") -> str | None:
    """A person's name in another form, like ``LAST, First`` or ``F. Last``; None where the text does not read like a
    person's name. ``known`` ANY: also where nobody knows the given name. Words in capitals or in lower case only get a
    capital letter."""
    parts = parts_of(text, sure=known != ANY)
    if parts is None:
        return None
    given, surname = (" ".join(map(_capitalised, words)) for words in parts)
    return re.sub(r"LAST|Last|First|F(?![a-z])", lambda part: _WRITTEN[part[0]](given, surname), form)


_WRITTEN: Final[dict[str, Callable[[str, str], str]]] = {
    "LAST": lambda _, surname: surname.upper(),
    "Last": lambda _, surname: surname,
    "First": lambda given, _: given,
    "F": lambda given, _: given[0],
}


def parts_of(text: str, *, sure: bool = True) -> tuple[list[str], list[str]] | None:
    """Given names and surname of a person; None where the text is no person's name: it starts with no given name (where
    that is to be ``sure``), or it names a firm or a public body. The surname starts at a particle (van, El), or after
    the last given name."""
    if len(text) > 120 or is_firm(text) or is_public(text):
        return None
    return _in_order(bare(text).split(), sure) or _turned(text)


def is_firm(text: str) -> bool:
    """Whether a legal form ends the text, or its first part, or the name before a place."""
    return without_legal(text) is not None


def is_public(text: str) -> bool:
    """Whether a word is in it that public bodies are named by."""
    return not set(fold(text).split()).isdisjoint(listed("public"))


def _in_order(words: Sequence[str], sure: bool) -> tuple[list[str], list[str]] | None:
    """Anna Maria van der Berg."""
    whole, words = len(words), _name_words(words)
    if len(words) < 2 or len(words) > _MOST:
        return None
    if not _is_given(words[0]) and (sure or whole > _MOST_UNKNOWN or len(words) < whole):
        return None
    last = len(words) - 1
    at = next(n for n in range(1, last + 1) if n == last or _joins(words[n]) or not _is_given(words[n]))
    return words[:at], words[at:]


def _name_words(words: Sequence[str]) -> list[str]:
    """The words up to the first that is in no name: a number, or a particle that no surname has."""
    kept: list[str] = []
    for word in words:
        if not _NAME.fullmatch(word) or (kept and _ends(word)):
            break
        kept.append(word)
    while len(kept) > 1 and _joins(kept[-1]):
        kept.pop()
    return kept


def _ends(word: str) -> bool:
    """Whether the word is in no name: at, from, of."""
    word = fold(word)
    return word == "from" or (word in listed("particles") and not _joins(word))


def _joins(word: str) -> bool:
    """Whether the word is a particle that surnames have: van, El."""
    return fold(word) in listed("of_surnames")


def _is_given(word: str) -> bool:
    """Whether the word is a given name (Anna, Jean-Paul) or an initial."""
    folded = fold(word).split()
    return len(word.rstrip(".")) == 1 or folded[0] in listed("given")


def _turned(text: str) -> tuple[list[str], list[str]] | None:
    """BERG, Anna Maria. A surname in capitals and no others tells it even where the given name is not known."""
    surname, mark, given = (without_titles(text) or text).partition(",")
    words, first = surname.split(), _name_words(given.split())
    if not mark or not first or not 1 <= len(words) < _MOST or not all(map(_NAME.fullmatch, words)):
        return None
    country = stock.table("country").get(given, "alpha2")
    told = surname.isupper() and len(surname) > 1 and not any(map(str.isupper, first)) and country is None
    return (first, words) if told or all(map(_is_given, first)) else None


def _capitalised(word: str) -> str:
    if not (word.islower() or word.isupper()):
        return word
    if _joins(word):
        return word.lower()
    return titled(word)
