"""The machine under every workspace: Python with the libraries, SQLite, the sandbox."""

from __future__ import annotations

import platform
import sqlite3
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

from metaagent.doctor.condition import Condition
from metaagent.ledger.lock import is_vulnerable

if TYPE_CHECKING:
    from metaagent.sandbox.choose import Candidate, Proofs

OLDEST_PYTHON = (3, 11)
LIBRARIES = (
    *("typer", "rich", "ollama", "httpx", "pydantic", "sqlite_utils", "watchfiles", "yaml", "ruamel.yaml"),
    *("filelock", "jsonschema", "platformdirs"),
)
_REINSTALL = f"{sys.executable} -m pip install --force-reinstall metaagent"

_INSTALL = "install the package bubblewrap, then: metaagent sandbox probe"
_STRONGER = "allow unprivileged user namespaces (sysctl, AppArmor, container settings), then: metaagent sandbox probe"


def python(version: tuple[int, ...] = sys.version_info[:3]) -> Iterator[Condition]:
    shown = ".".join(map(str, version))
    missing = [name for name in LIBRARIES if not _installed(name)]
    details = {"version": shown, "executable": sys.executable, "missing": missing}
    if version < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        mend = f"install Python {wanted} or later, then: python{wanted} -m pip install metaagent"
        yield Condition("python", "failed", f"{shown} is older than {wanted}", mend, details=details)
    elif missing:
        says = f"{shown}, but a library is missing: {', '.join(missing)}"
        yield Condition("python", "failed", says, _REINSTALL, details=details)
    else:
        yield Condition("python", "ok", f"{shown} ({platform.python_implementation()})", details=details)


def _installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # the package that it would be in
        return False


def sqlite(version: str = sqlite3.sqlite_version, vulnerable: bool | None = None) -> Iterator[Condition]:
    """A version with the WAL-reset bug is no failure: every write then holds the ledger's file lock."""
    bad = is_vulnerable() if vulnerable is None else vulnerable
    details = {"version": version, "vulnerable": bad}
    if bad:
        says = f"{version} may lose a commit when two connections write at once; our lock around writes covers it"
        mend = "nothing has to be done; SQLite 3.51.3 or later needs no lock"
        yield Condition("sqlite", "warning", says, mend, details=details)
    else:
        yield Condition("sqlite", "ok", version, details=details)


def sandbox(proofs: Proofs, notice: Callable[[str], None], *, again: bool = False) -> Iterator[Condition]:
    """The strongest sandbox that proves itself, by its stored proof or a new one. ``again`` proves all anew."""
    from metaagent.sandbox import choose

    found: list[Candidate] = []
    remembered: list[str] = []
    for candidate in choose.candidates(proofs):
        if candidate.sandbox is not None and (again or not candidate.fresh):
            notice(f"probing the sandbox {candidate.name}: some seconds")
            found.append(choose.probe(candidate, proofs))
        else:
            found.append(candidate)
            remembered += [candidate.name] if candidate.fresh and not candidate.proven else []
        if found[-1].proven:
            break
    yield _sandbox_condition(found, remembered)


def _sandbox_condition(found: list[Candidate], remembered: list[str]) -> Condition:
    """``remembered``: refused by a proof of earlier, not by one made now."""
    used = found[-1] if found and found[-1].proven else None
    refused = "; ".join(f"{one.name}: {one.why_not}" for one in found if one is not used)
    details = {
        "used": used.name if used else None,
        "level": used.level if used else None,
        "probes": len(used.proof.results) if used and used.proof else 0,
        "refused": {one.name: one.why_not for one in found if one is not used},
        "remembered": remembered,
    }
    mend = _STRONGER if any(one.sandbox for one in found if one is not used) else _INSTALL
    if used is None:
        says = f"none proves itself, so code that a model wrote does not run ({refused})"
        return Condition("sandbox", "failed", says, mend, details=details)
    says = f"{used.name}, level {used.level}, proven by {details['probes']} probes"
    if used.level > 1:
        says += f"; enough while a person watches, not for cron and watch ({refused})"
        return Condition("sandbox", "warning", says, mend, details=details)
    return Condition("sandbox", "ok", says, details=details)
