"""Which sandbox is used here: the strongest that proves itself. Where none does, model code does not run."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from metaagent.errors import EnvironmentFailedError
from metaagent.sandbox.base import Sandbox
from metaagent.sandbox.bubblewrap import Bubblewrap
from metaagent.sandbox.landlock import Landlock
from metaagent.sandbox.probes import Proof, key_of, prove

Backends = Sequence[tuple[str, int, Callable[[], Sandbox]]]
"""Name, level, and how to make it: that raises EnvironmentFailedError where a part of it is missing."""

BACKENDS: Backends = (
    ("bubblewrap", 1, Bubblewrap),
    ("landlock", 2, Landlock),
)
"""By strength."""

UNATTENDED_LEVEL = 1
"""What cron and watch demand: with nobody there to look, only the strongest walls will do."""


class Proofs(Protocol):
    """Where proofs are kept between runs, as plain mappings (``Proof.to_json``); the ledger has one.

    ``recall`` gives the latest of that backend by this user, whatever else it was for.
    """

    def recall(self, backend: str) -> Mapping[str, Any] | None: ...

    def remember(self, proof: Mapping[str, Any]) -> None: ...


class Forgetful:
    """Keeps nothing: every choice proves anew."""

    def recall(self, backend: str) -> Mapping[str, Any] | None:  # noqa: ARG002 - the Protocol's signature
        return None

    def remember(self, proof: Mapping[str, Any]) -> None:
        """Nothing to do."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One backend as it stands here: usable parts or not, proven or not, and whether the proof is still for today."""

    name: str
    level: int
    sandbox: Sandbox | None
    proof: Proof | None
    fresh: bool
    problem: str = ""

    @property
    def proven(self) -> bool:
        return self.sandbox is not None and self.fresh and self.proof is not None and self.proof.ok

    @property
    def why_not(self) -> str:
        """Why it is not used, in a few words; nothing where it is proven."""
        if self.problem or self.proven:
            return self.problem
        if self.proof is None or not self.fresh:
            return "not probed here" if self.proof is None else "not probed since the kernel, backend or user changed"
        return self.proof.problem or "does not hold: " + ", ".join(result.name for result in self.proof.failed)


def candidates(proofs: Proofs, backends: Backends | None = None) -> list[Candidate]:
    """All backends by strength, with what is known of them. Runs nothing."""
    return [_look(proofs, *backend) for backend in backends or BACKENDS]


def _look(proofs: Proofs, name: str, level: int, make: Callable[[], Sandbox]) -> Candidate:
    known = _known(proofs, name)
    try:
        sandbox = make()
        return Candidate(name, level, sandbox, known, known is not None and known.key == key_of(sandbox))
    except (EnvironmentFailedError, OSError) as error:
        return Candidate(name, level, None, known, False, str(error))


def _known(proofs: Proofs, name: str) -> Proof | None:
    stored = proofs.recall(name)
    try:
        return None if stored is None else Proof.from_json(stored)
    except (KeyError, TypeError):  # of another version: as if there were none
        return None


def probe(candidate: Candidate, proofs: Proofs) -> Candidate:
    """Run the probes of one backend now, and keep what they found."""
    if candidate.sandbox is None:
        return candidate
    proof = prove(candidate.sandbox)
    proofs.remember(proof.to_json())
    return Candidate(candidate.name, candidate.level, candidate.sandbox, proof, True)


def choose(
    proofs: Proofs,
    *,
    level: int = 2,
    notice: Callable[[str], None] = lambda _: None,
    backends: Backends | None = None,
) -> Sandbox:
    """The strongest proven sandbox of at least that level (1 is the strongest), probing what is not yet known.

    Raises EnvironmentFailedError, naming why each is not used, where none is left.
    """
    refused = []
    for candidate in _proven_or_probed(candidates(proofs, backends), proofs, level, notice):
        if candidate.proven and candidate.sandbox is not None:
            return candidate.sandbox
        refused.append(f"{candidate.name} (level {candidate.level}): {candidate.why_not}")
    raise EnvironmentFailedError(
        f"no sandbox of level {level} proves itself here; {'; '.join(refused)}",
        mend="metaagent sandbox probe, or install the package bubblewrap",
    )


def _proven_or_probed(
    found: list[Candidate], proofs: Proofs, level: int, notice: Callable[[str], None]
) -> Iterator[Candidate]:
    for candidate in found:
        if candidate.level > level:
            continue
        if candidate.sandbox is not None and not candidate.fresh:
            notice(f"probing the sandbox {candidate.name}, once on this machine: some seconds")
            yield probe(candidate, proofs)
        else:
            yield candidate


def refusal(argv: Sequence[str], reason: EnvironmentFailedError) -> EnvironmentFailedError:
    """The error that shows what did not run, for a person to read and maybe run: nothing here ever will."""
    return EnvironmentFailedError(
        f"{reason.message}\nnothing was run; to run it yourself, with your own rights: {shlex.join(argv)}",
        mend=reason.mend,
    )
