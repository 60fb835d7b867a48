"""``metaagent protocol export`` and ``import``: what was learned, for other tools and other workspaces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metaagent.cli.complete import complete_domain, complete_protocol, one_of
from metaagent.cli.state import State, complete_model, current

if TYPE_CHECKING:
    from metaagent.ledger.database import Ledger
    from metaagent.records import Protocol

FORMS = ("json", "python", "system-prompt", "agents-md", "claude-md", "modelfile")


def export(
    version: Annotated[
        str | None,
        typer.Argument(metavar="[V]", help="v3, or a hash; default: in force.", autocompletion=complete_protocol),
    ] = None,
    to: Annotated[str, typer.Option("--to", **one_of(FORMS), help="The form.")] = "json",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Default, and -: stdout.")
    ] = None,
) -> None:
    """Print what was learned in a form that other tools read; python: a module that holds the fixers."""
    from metaagent.cli import render
    from metaagent.errors import UsageError
    from metaagent.learning.export import FORMS as MAKE
    from metaagent.learning.export import Export
    from metaagent.learning.standing import known, sentence

    state = current()
    if to not in FORMS:
        raise UsageError(f"no form '{to}'", mend=f"--to {'|'.join(FORMS)}")
    with state.ledger(read_only=True) as ledger:
        protocol = _chosen(ledger, version)
        readable = _readable(ledger, protocol)
        standing = sentence(known(ledger, protocol))
        if to == "python":
            text = _python(state, ledger, protocol, readable)
        else:
            text = MAKE[to](Export(protocol, readable, _base_model(state, protocol), standing))
    if protocol.remedies:
        state.notice(f"v{protocol.version}: {standing}")
    if output is None or str(output) == "-":
        render.show(text.rstrip("\n"))
        return
    _write_new(output, text)
    state.notice(f"wrote {output}")


def _write_new(path: Path, text: str) -> None:
    """Nobody's file is lost, and half a file is none."""
    from metaagent.errors import StorageError, UsageError

    try:
        with path.open("x", encoding="utf-8") as file:
            try:
                file.write(text)
                file.flush()
            except OSError:
                path.unlink()
                raise
    except FileExistsError:
        raise UsageError(f"{path} is there already, and is kept", mend=f"-o {path}.new") from None
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error


def _python(state: State, ledger: Ledger, protocol: Protocol, readable: tuple[str, ...]) -> str:
    from metaagent.orchestrator.exported import python_module

    made = python_module(state.workspace(), ledger, protocol, readable)
    for line in made.left_out:
        state.notice(f"left out: {line}")
    return made.source


def import_(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="What `protocol export --to json` wrote; - is standard input.")
    ],
    domain: Annotated[
        str | None,
        typer.Option(metavar="DOMAIN", help="For this domain in place of its own.", autocompletion=complete_domain),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="For this model in place of its own.", autocompletion=complete_model),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check it.")] = False,
) -> None:
    """Take another workspace's protocol as a candidate, never as what is in force: a trial decides."""
    from metaagent.cli.fingerprint import opened, shown_name
    from metaagent.learning.imports import checked, note_import, read_stream
    from metaagent.ledger.protocols import protocol_hash

    state, where = current(), shown_name(file)
    with opened(file) as stream:
        text = read_stream(stream, where)
    domain, model, remedies = checked(text, where, domain, model)
    digest = protocol_hash(domain, model, remedies)
    if not dry_run:
        with state.ledger() as ledger:
            note_import(ledger, domain, model, remedies, where)
    data = {"candidate": digest, "domain": domain, "model": model, "remedies": len(remedies), "dry_run": dry_run}
    state.out("protocol", data, f"{digest[:12]}  {len(remedies)} remedies for {domain or 'any domain'} on {model}")
    state.notice(f"it is a candidate; next: metaagent learn test --protocol {digest[:12]}")


def _chosen(ledger: Ledger, version: str | None) -> Protocol:
    """The version that is named, else the one that is in force and adds something."""
    from metaagent.errors import UsageError
    from metaagent.ledger import protocols

    if version is not None:
        return protocols.load(ledger, version)
    rows = ledger.query("SELECT domain, model FROM v_active_protocols ORDER BY domain")
    active = [protocols.active(ledger, row["domain"], row["model"]) for row in rows]
    found = [one for one in active if one.remedies]
    if len(found) == 1:
        return found[0]
    if not found:
        return protocols.empty()
    names = ", ".join(f"{one.hash[:12]} ({one.domain})" for one in found)
    raise UsageError(f"several protocols are in force: {names}", mend="metaagent protocol export HASH")


def _readable(ledger: Ledger, protocol: Protocol) -> tuple[str, ...]:
    from metaagent.ledger.proposals import find

    proposed = find(ledger, protocol.hash)
    return proposed.readable if proposed else ()


def _base_model(state: State, protocol: Protocol) -> str:
    """The model's name on an Ollama server."""
    return state.config().model(protocol.model).ollama or protocol.model or state.config().default_model
