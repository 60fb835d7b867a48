"""Which protocols a command means: a stored one by its name, one from a JSON file, or what is proposed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metaagent.cli.state import State
    from metaagent.ledger.database import Ledger
    from metaagent.records import Protocol


def chosen(state: State, name: str | None, *, again: bool = False) -> list[Protocol]:
    """The candidate that is named; without a name those proposed against what is in force and not decided yet."""
    if name is not None and (Path(name).suffix == ".json" or "/" in name):
        return [from_file(state, Path(name))]
    if not state.has_ledger():
        return [] if name is None else [_unknown(name)]
    with state.ledger() as ledger:
        from metaagent.ledger import protocols

        return [protocols.load(ledger, name)] if name is not None else proposed(ledger, again=again)


def proposed(ledger: Ledger, *, again: bool = False) -> list[Protocol]:
    """In the order of proposal."""
    from metaagent.ledger import protocols, trials
    from metaagent.ledger.proposals import against

    found: list[Protocol] = []
    for place in ledger.query("SELECT DISTINCT domain, model FROM proposals ORDER BY domain, model"):
        base = protocols.active(ledger, place["domain"], place["model"])
        for one in against(ledger, base.hash, place["domain"], place["model"]):
            known = trials.decided(ledger, base.hash, one.protocol, one.domain, one.model)
            if known is None or again:
                found.append(protocols.load(ledger, one.protocol))
    return found


def from_file(state: State, path: Path) -> Protocol:
    """A file as `protocol show --json` prints it, or just its data. ``model`` may be left out: the default one."""
    from metaagent.errors import UsageError
    from metaagent.learning.export import parsed
    from metaagent.learning.imports import check, read_file
    from metaagent.ledger.protocols import protocol_hash
    from metaagent.records import Protocol, Remedy
    from metaagent.remedies.apply import KINDS

    try:
        value = parsed(read_file(path))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}", mend=f"edit {path}") from error
    body: Any = value.get("data", value) if isinstance(value, dict) else None
    if not isinstance(body, dict) or not isinstance(body.get("remedies"), list):
        raise UsageError(f"{path} is no protocol: no list of remedies", mend="metaagent protocol export --to json")
    remedies = []
    for one in body["remedies"]:
        if not isinstance(one, dict) or one.get("kind") not in KINDS or not isinstance(one.get("name"), str):
            raise UsageError(
                f"{path}: each remedy needs a name and a kind, one of {', '.join(KINDS)}", mend=f"edit {path}"
            )
        if not isinstance(one.get("settings", {}), dict):
            raise UsageError(f"{path}: the settings of {one['name']} are no mapping", mend=f"edit {path}")
        remedies.append(Remedy(one["kind"], one["name"], one.get("settings", {})))
    domain, model = str(body.get("domain") or ""), str(body.get("model") or state.config().default_model)
    protocol = Protocol(0, domain, model, tuple(remedies), protocol_hash(domain, model, remedies))
    check(protocol, str(path))
    return protocol


def _unknown(name: str) -> Protocol:
    from metaagent.errors import NotFoundError

    raise NotFoundError(f"no protocol is named {name!r}: nothing was recorded yet", mend="metaagent learn propose")
