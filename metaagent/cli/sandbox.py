"""``metaagent sandbox``: which walls stand here, proof of them, and one command behind them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.state import Column, State, Table, current, noun, printable

if TYPE_CHECKING:
    from metaagent.sandbox.base import Job, Outcome
    from metaagent.sandbox.choose import Candidate, Proofs

app = noun("The sandbox: where code that a model wrote runs.")

_STYLES = {"held": "green", "failed": "red", "proven": "green"}


@app.command("status")
def status() -> None:
    """Show which sandbox is used here and why not a stronger one; exit status 5 where there is none."""
    from metaagent.sandbox.choose import candidates

    state = current()
    with _proofs(state, write=False) as proofs:
        found = candidates(proofs)
    _answer(state, found)


@app.command("probe")
def probe() -> None:
    """Prove each sandbox: every attack succeeds without it and fails inside; keep the result. Some seconds."""
    from metaagent.sandbox import choose

    state = current()
    with _proofs(state, write=True) as proofs:
        found = []
        for candidate in choose.candidates(proofs):
            if candidate.sandbox is not None:
                state.notice(f"probing {candidate.name}")
            found.append(choose.probe(candidate, proofs))
    _answer(state, found, details=True)


@app.command("run")
def run(
    command: Annotated[list[str], typer.Argument(metavar="-- CMD...", help="The command and its arguments.")],
    file: Annotated[list[str] | None, typer.Option("--file", help="A file to copy in; may be repeated.")] = None,
    collect: Annotated[
        list[str] | None, typer.Option("--collect", help="A file to copy out to here; may be repeated.")
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", help="The most time it may take.", min=0.1)] = 10.0,
    memory: Annotated[int, typer.Option("--memory", help="The most memory it may hold, in MiB.", min=32)] = 512,
    level: Annotated[int, typer.Option("--level", help="The weakest level that will do.", min=1, max=2)] = 2,
) -> None:
    """Run one command in the sandbox: in an empty folder, with no network and nothing of yours to read."""
    from metaagent.errors import EnvironmentFailedError
    from metaagent.sandbox.choose import choose, refusal

    state = current()
    job = _job(command, file or [], collect or [], seconds, memory)
    targets = [_target(name) for name in job.collect]
    try:
        with _proofs(state, write=True) as proofs:
            sandbox = choose(proofs, level=level, notice=state.notice)
        outcome = sandbox.run(job)
    except EnvironmentFailedError as error:
        raise refusal(command, error) from error
    for target in targets:
        if target.name in outcome.files:
            with target.open("xb") as stream:
                stream.write(outcome.files[target.name])
    _show(state, outcome, {"backend": sandbox.name, "level": sandbox.level})


def _job(command: list[str], files: list[str], collect: list[str], seconds: float, memory: int) -> Job:
    from metaagent.errors import NotFoundError
    from metaagent.sandbox.base import MIB, Job, Limits
    from metaagent.sandbox.interpreter import interpreter

    content = {}
    for name in files:
        path = Path(name)
        if not path.is_file():
            raise NotFoundError(f"there is no file {name} to copy in")
        content[path.name] = path.read_bytes()
    limits = Limits(wall_seconds=seconds, cpu_seconds=max(1, round(seconds + 0.5)), memory_bytes=memory * MIB)
    return Job(tuple(command), content, tuple(collect), limits=limits, readable=interpreter())


def _target(name: str) -> Path:
    from metaagent.errors import UsageError

    if "/" in name:
        raise UsageError(f"--collect takes the name of a file, not a path: {name}")
    if Path(name).exists():
        raise UsageError(f"{name} is here already, and nothing is overwritten", mend=f"move {name} away")
    return Path(name)


@contextmanager
def _proofs(state: State, *, write: bool) -> Iterator[Proofs]:
    """The ledger of this workspace; outside of one nothing is kept."""
    from metaagent.errors import NotFoundError
    from metaagent.sandbox.choose import Forgetful

    try:
        state.workspace()
    except NotFoundError:
        if state.directory is not None:
            raise
        if write:
            state.notice("no workspace here: what the probes find is not kept")
        yield Forgetful()
        return
    if not write and not state.has_ledger():
        yield Forgetful()
        return
    from metaagent.ledger.sandboxes import LedgerProofs

    with state.ledger(read_only=not write) as ledger:
        yield LedgerProofs(ledger)


def _answer(state: State, found: list[Candidate], *, details: bool = False) -> None:
    """The backends by strength; exit status 5 where none is proven."""
    from metaagent.errors import EnvironmentFailedError

    used = next((candidate for candidate in found if candidate.proven), None)
    data = {"used": used.name if used else None, "level": used.level if used else None, "backends": _rows(found)}
    tables = [_backends(found), *([_probes(found)] if details else [])]
    state.out("sandbox", data, *tables)
    if used is None:
        raise EnvironmentFailedError(
            "no sandbox proves itself here, so code that a model wrote does not run",
            mend="metaagent sandbox probe, or install the package bubblewrap",
        )
    if used.level > 1:
        state.notice("level 2 is for runs that a person watches; install bubblewrap for cron and watch")


def _rows(found: list[Candidate]) -> list[dict[str, Any]]:
    from dataclasses import asdict

    return [
        {
            "name": candidate.name,
            "level": candidate.level,
            "proven": candidate.proven,
            "fresh": candidate.fresh,
            "why_not": candidate.why_not,
            "key": dict(candidate.proof.key) if candidate.proof else None,
            "probes": [{**asdict(result), "ok": result.ok} for result in candidate.proof.results]
            if candidate.proof
            else [],
        }
        for candidate in found
    ]


def _backends(found: list[Candidate]) -> Table:
    columns: list[Column | str] = ["sandbox", Column("level", right=True), Column("state", paint=_STYLES), "why"]
    rows = [(one.name, one.level, "proven" if one.proven else "not used", one.why_not) for one in found]
    return Table(columns, rows)


def _probes(found: list[Candidate]) -> Table:
    columns: list[Column | str] = ["sandbox", "probe", Column("result", paint=_STYLES), "what is promised", "note"]
    rows = [
        (one.name, result.name, _word(result.held, result.shown), result.promise, result.note)
        for one in found
        if one.proof is not None and one.fresh
        for result in one.proof.results
    ]
    return Table(columns, rows)


def _word(held: bool, shown: bool) -> str:
    return ("held" if shown else "not to be shown here") if held else "failed"


def _show(state: State, outcome: Outcome, sandbox: dict[str, Any]) -> None:
    data = {
        **sandbox,
        "status": outcome.status,
        "exit_code": outcome.exit_code,
        "signal": outcome.signal,
        "killed_for": outcome.killed_for,
        "seconds": round(outcome.seconds, 3),
        "stdout": outcome.stdout.decode(errors="replace"),
        "stderr": outcome.stderr.decode(errors="replace"),
        "files": {name: len(content) for name, content in outcome.files.items()},
    }
    text = printable(data["stdout"], lines=True)
    state.out("sandbox", data, *([text] if text else []))
    if not state.json and data["stderr"]:
        state.warn(data["stderr"].rstrip("\n"))
    if not outcome.ok:
        state.warn(_end(outcome))
        raise typer.Exit(1)


def _end(outcome: Outcome) -> str:
    if outcome.killed_for:
        return f"stopped at its limit: {outcome.killed_for} ({outcome.seconds:.1f} s)"
    return f"ended with {'status' if outcome.signal is None else 'signal'} {outcome.exit_code or outcome.signal}"
