"""``metaagent learn promote`` and ``rollback``: what is in force, changed by a person, with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.complete import complete_domain, complete_protocol
from metaagent.cli.state import State, current, printable

if TYPE_CHECKING:
    from metaagent.ledger.database import Ledger
    from metaagent.records import Protocol

Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason; it is kept.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


def promote(
    protocol: Annotated[
        str,
        typer.Argument(
            metavar="PROTOCOL", help="v3, DOMAIN:v3 or the beginning of a hash.", autocompletion=complete_protocol
        ),
    ],
    why: Why,
    dry_run: DryRun = False,
) -> None:
    """Put a version in force by hand; the gate is not asked."""
    from metaagent.ledger import protocols, trials

    state, why = current(), _reason(why)
    with state.ledger(read_only=dry_run) as ledger:
        wanted = protocols.load(ledger, protocol)
        if not wanted.remedies:
            from metaagent.errors import UsageError

            raise UsageError(
                "version 0 is put in force by a rollback", mend="metaagent learn rollback --to v0 --why ..."
            )
        activation = None
        if not dry_run:
            activation = protocols.put_in_force(ledger, wanted, "manual", why, trials.attempts_of(ledger, wanted.hash))
    _answer(state, wanted, "manual", activation, dry_run)
    state.notice("put in force by hand: no gate stands behind it")


def rollback(
    why: Why,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="PROTOCOL", help="This version; default: the one before.", autocompletion=complete_protocol
        ),
    ] = None,
    domain: Annotated[
        str | None, typer.Option("--domain", metavar="DOMAIN", help="Of this domain.", autocompletion=complete_domain)
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Put the version before, or any other, back in force."""
    from metaagent.ledger import protocols, trials

    state, why = current(), _reason(why)
    with state.ledger(read_only=dry_run) as ledger:
        now = _in_force(ledger, domain)
        wanted = _target(ledger, now, to)
        activation = None
        if not dry_run:
            activation = protocols.put_in_force(
                ledger, wanted, "rollback", why, trials.attempts_of(ledger, wanted.hash)
            )
    _answer(state, wanted, "rollback", activation, dry_run)


def _reason(why: str) -> str:
    """The reason without blanks around it. Raises UsageError for an empty one."""
    from metaagent.errors import UsageError

    if not why.strip():
        raise UsageError("what is put in force needs a reason", mend="--why 'what speaks for it'")
    return why.strip()


def _in_force(ledger: Ledger, domain: str | None) -> Protocol:
    from metaagent.errors import NotFoundError, UsageError
    from metaagent.ledger import protocols

    found = [one for one in protocols.in_force(ledger) if domain is None or one.domain == domain]
    if not found:
        where = f" in {domain}" if domain else ""
        raise NotFoundError(f"nothing was ever put in force{where}", mend="metaagent protocol list")
    if len(found) > 1:
        places = ", ".join(sorted({one.domain for one in found}))
        raise UsageError(f"several protocols are in force: {places}", mend="metaagent learn rollback --domain DOMAIN")
    return found[0]


def _target(ledger: Ledger, now: Protocol, to: str | None) -> Protocol:
    from dataclasses import replace

    from metaagent.errors import UsageError
    from metaagent.ledger import protocols

    if to is None and not now.remedies:
        raise UsageError("version 0 is in force: there is none before it", mend="metaagent learn promote V --why ...")
    wanted = protocols.before(ledger, now) if to is None else protocols.load(ledger, to)
    if not wanted.remedies:
        wanted = replace(wanted, domain=now.domain, model=now.model)
    if (wanted.domain, wanted.model) != (now.domain, now.model):
        raise UsageError(f"{to} is for {wanted.domain} and {wanted.model}", mend="metaagent protocol list")
    if wanted.hash == now.hash:
        raise UsageError("that version is in force already", mend="metaagent protocol list")
    return wanted


def _answer(state: State, protocol: Protocol, action: str, activation: str | None, dry_run: bool) -> None:
    data: dict[str, Any] = {
        "action": action,
        "domain": protocol.domain,
        "model": protocol.model,
        "version": protocol.version,
        "hash": protocol.hash,
        "activation": activation,
        "dry_run": dry_run,
    }
    would = "would be" if dry_run else "is"
    text = printable(f"v{protocol.version} ({protocol.hash[:12]}) {would} in force for {protocol.domain or 'all'}")
    state.out("learn", data, text)
