"""What a check sees and what it answers.

A validator is a function ``prepare(options) -> Prepared``: it compiles a check's options once, and refuses options that
do not hold with :class:`OptionsError`. The prepared check judges any number of artifacts. It says how much of what it
checks holds and what it found; ``judge`` (base.py) makes the verdict from that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from metaagent.records import Check, Finding, Task
from metaagent.sandbox.base import Sandbox
from metaagent.validators.jsontext import Document, read_document

MAX_FINDINGS = 50
"""Findings kept of one verdict: the first ones tell the story, ten thousand of them fill the ledger."""

Options = Mapping[str, Any]
Trusted = Callable[[str, str], bool]
"""Whether the file at this path (relative to the workspace, with slashes) may run with this SHA-256."""


class OptionsError(ValueError):
    """A check's options do not hold. ``option`` is the path of the option, empty for all of them."""

    def __init__(self, message: str, option: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.option = option


class CannotJudgeError(Exception):
    """The check cannot be done here, and no artifact is to blame: no sandbox, no fixture. The text says what is so."""


def nothing_trusted(_path: str, _digest: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class CheckContext:
    """Where a check runs. ``task`` is what user checks are told of; ``seconds`` bounds one user check.

    ``sandbox`` is where what the artifact holds may run; without one, nothing of it runs and such a check is
    inconclusive.
    """

    root: Path | None = None
    task: Task | None = None
    trusted: Trusted = nothing_trusted
    seconds: float = 10.0
    sandbox: Sandbox | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """``held`` of the prepared check's ``units`` held. No findings and all held: it passed."""

    held: int
    findings: tuple[Finding, ...] = ()


class Prepared(Protocol):
    """A check with its options compiled. ``units`` is how many things it checks, known before any artifact is seen."""

    @property
    def units(self) -> int: ...

    def judge(self, artifact: Artifact, check: Check, context: CheckContext) -> Result: ...


Prepare = Callable[[Options], Prepared]


@dataclass(slots=True)
class Artifact:
    """What an agent delivered, read as JSON at most once however many checks ask for it."""

    text: str
    _document: Document | None = field(default=None, init=False)

    def document(self) -> Document:
        if self._document is None:
            self._document = read_document(self.text)
        return self._document
