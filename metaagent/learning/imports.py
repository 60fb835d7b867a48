"""A protocol from elsewhere: checked for what it holds and how much it adds, then a candidate like any other."""

from __future__ import annotations

from collections.abc import Sequence

from metaagent.errors import UsageError
from metaagent.learning.export import read_json
from metaagent.ledger import proposals, protocols
from metaagent.ledger.database import Ledger
from metaagent.ledger.proposals import Proposed
from metaagent.records import ArtifactForm, Brief, Protocol, Remedy
from metaagent.remedies.apply import apply
from metaagent.remedies.cap import added_tokens, over_cap
from metaagent.remedies.fixers import find_fixer


def checked(text: str, where: str) -> tuple[str, str, list[Remedy]]:
    """Domain, model and remedies of an exported protocol. Raises UsageError for what is no protocol, holds a kind or a
    fixer that nobody here registers, or adds more to prompts than any protocol may. Its texts reach prompts as those of
    a task do, unable to break the chat format; a trial decides whether they help."""
    try:
        domain, model, remedies = read_json(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: {error}", mend="metaagent protocol export --to json") from error
    protocol = Protocol(0, domain, model, tuple(remedies))
    try:
        apply(protocol, Brief("", "", "", domain, {}, ArtifactForm()))
        for remedy in remedies:
            if remedy.kind == "fixer":
                find_fixer(remedy.name)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{where}: a remedy's settings do not hold: {error}") from error
    tokens = added_tokens(protocol)
    if over_cap(tokens):
        raise UsageError(f"{where}: it adds about {tokens} tokens to every prompt, more than a protocol may")
    return domain, model, remedies


def note_import(ledger: Ledger, domain: str, model: str, remedies: Sequence[Remedy], where: str) -> Protocol:
    """Stores it as a proposal against what is in force; nothing is in force because of it."""
    base = protocols.active(ledger, domain, model)
    stored = protocols.record(ledger, domain, model, remedies, parent=base.hash, note=f"imported from {where}")
    kinds = tuple(dict.fromkeys(remedy.kind for remedy in remedies))
    row = Proposed(domain, model, base.hash, stored.hash, kinds, f"imported from {where}", (), (), (), 0.0, False, 0)
    proposals.record(ledger, [row])
    return stored
