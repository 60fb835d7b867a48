"""A protocol from elsewhere: checked for what it holds and how much it adds, then a candidate like any other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from metaagent.errors import UsageError
from metaagent.learning.export import read_json
from metaagent.ledger import proposals, protocols
from metaagent.ledger.database import Ledger
from metaagent.ledger.proposals import Proposed
from metaagent.records import Protocol, Remedy
from metaagent.remedies.cap import added_tokens, over_cap
from metaagent.remedies.fixers import find_fixer
from metaagent.remedies.settings import check_settings, domain_flaw, model_flaw

LARGEST_FILE = 4_000_000
"""Bytes. A pool of solved tasks is the largest thing that learning writes: some hundreds of kB."""
MOST_REMEDIES = 64
"""Learning makes about ten."""
MOST_ALIKE = 32
"""Remedies of one kind and name. Steps of ``sql.views`` come as fixers of that one name; little else comes twice."""


def read_file(path: Path) -> str:
    """The text of a protocol's file. Raises UsageError for what cannot be read, and for more than ``LARGEST_FILE``."""
    try:
        with path.open("rb") as file:
            return read_stream(file, str(path))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def read_stream(stream: BinaryIO, where: str) -> str:
    """The same of an open file, or of a pipe."""
    held = stream.read(LARGEST_FILE + 1)
    if len(held) > LARGEST_FILE:
        raise UsageError(f"{where} is larger than a protocol may be: {LARGEST_FILE // 1_000_000} MB")
    try:
        return held.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read {where}: {error}") from error


def checked(
    text: str, where: str, domain: str | None = None, model: str | None = None
) -> tuple[str, str, list[Remedy]]:
    """Domain, model and remedies of an exported protocol; ``domain`` and ``model`` take the place of its own. Raises
    UsageError for what is no protocol, was changed after it was exported, or does not hold (``check``). Its texts reach
    prompts as those of a task do, unable to break the chat format; a trial decides whether they help."""
    try:
        own_domain, own_model, remedies = read_json(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: {error}", mend="metaagent protocol export --to json") from error
    place = (own_domain if domain is None else domain, own_model if model is None else model)
    check(Protocol(0, *place, tuple(remedies)), where)
    return *place, remedies


def check(protocol: Protocol, where: str) -> None:
    """Raises UsageError for a protocol that learning did not make and that cannot work: no remedies or too many, a kind
    or a fixer that nobody here registers, settings that do not hold, more tokens for prompts than any may add."""
    try:
        _check_place(protocol)
        _check_number(protocol.remedies)
        for remedy in protocol.remedies:
            _check_remedy(remedy)
        tokens = added_tokens(protocol)
        if over_cap(tokens):
            raise UsageError(f"{where}: it adds about {tokens} tokens to every prompt, more than a protocol may")
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: {error}", mend=f"edit {where}") from error


def _check_place(protocol: Protocol) -> None:
    if wrong := domain_flaw(protocol.domain):
        raise ValueError(f"its domain {wrong}")
    if wrong := model_flaw(protocol.model):
        raise ValueError(f"its model {wrong}")


def _check_number(remedies: Sequence[Remedy]) -> None:
    if not remedies:
        raise ValueError("it holds no remedies, so there is nothing to try")
    if len(remedies) > MOST_REMEDIES:
        raise ValueError(f"it holds {len(remedies)} remedies; {MOST_REMEDIES} is the most")
    [((kind, name), count)] = Counter((one.kind, one.name) for one in remedies).most_common(1)
    if count > MOST_ALIKE:
        raise ValueError(f"it holds the {kind} {name[:40]!r} {count} times; {MOST_ALIKE} is the most")


def _check_remedy(remedy: Remedy) -> None:
    try:
        check_settings(remedy)
    except ValueError as error:
        raise ValueError(f"a remedy's settings do not hold: {error}") from error
    if remedy.kind == "fixer":
        find_fixer(remedy.name)


def note_import(ledger: Ledger, domain: str, model: str, remedies: Sequence[Remedy], where: str) -> Protocol:
    """Stores it as a proposal against what is in force; nothing is in force because of it."""
    base = protocols.active(ledger, domain, model)
    stored = protocols.record(ledger, domain, model, remedies, parent=base.hash, note=f"imported from {where}")
    kinds = tuple(dict.fromkeys(remedy.kind for remedy in remedies))
    row = Proposed(domain, model, base.hash, stored.hash, kinds, f"imported from {where}", (), (), (), 0.0, False, 0)
    proposals.record(ledger, [row])
    return stored
