"""Every exception that metaagent raises on purpose, with the exit status it leads to.

    MetaagentError            1   ran, but something it was asked for failed
    ├── UsageError            2   a wrong argument, file or setting; says what to type instead
    │   ├── ConfigError           .metaagent/config.yaml does not hold
    │   ├── SpecificationError    a task specification, table or JSON line does not hold
    │   └── NotFoundError         an unknown task, agent, model, workspace...
    ├── BoardError            3   the board cannot be written safely
    │   ├── BoardUnreadableError  conflict markers, duplicate ids, an unreadable section
    │   ├── BoardConflictError    a person and the tool changed the same field
    │   └── BoardSuspectError     lost headings or too many tasks at once: a person decides
    ├── BackendError          4   no usable model backend
    │   ├── BackendUnreachableError  nothing answers, or it answers something that is not the protocol
    │   ├── ModelMissingError     the backend answers, but does not have the model
    │   └── ReplyError            one call failed: no reply, broken reply, a deadline passed
    ├── EnvironmentFailedError 5  doctor found a component that does not work
    ├── TrustError            6   something may only run after `metaagent trust`
    ├── StorageError         74   disk full, read-only folder, corrupt file
    │   └── LedgerError           the ledger is corrupt, or from a newer version
    ├── LockedError          75   another process holds what we need
    └── InterruptedRunError 130   Ctrl-C or SIGTERM

Any other exception is a bug of ours: exit status 70, the traceback with `--debug`.
"""

from __future__ import annotations

from typing import ClassVar


class MetaagentError(Exception):
    """Base of the tree. ``mend`` is the next command or edit to try, shown on its own line."""

    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, *, mend: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend


def told(message: str, mend: str | None) -> str:
    """How an error is told to a person: what is wrong, then on its own line what to type next."""
    return f"error: {message}" + (f"\n  try: {mend}" if mend else "")


class UsageError(MetaagentError):
    exit_status = 2


class ConfigError(UsageError):
    pass


class SpecificationError(UsageError):
    pass


class NotFoundError(UsageError):
    pass


class BoardError(MetaagentError):
    exit_status = 3


class BoardUnreadableError(BoardError):
    """``line`` is the 1-based line of the board that stops us."""

    def __init__(self, message: str, *, line: int, mend: str | None = None) -> None:
        super().__init__(message, mend=mend)
        self.line = line


class BoardConflictError(BoardError):
    pass


class BoardSuspectError(BoardError):
    pass


class BackendError(MetaagentError):
    exit_status = 4


class BackendUnreachableError(BackendError):
    pass


class ModelMissingError(BackendError):
    pass


class ReplyError(BackendError):
    """``reason`` is one of REPLY_REASONS in metaagent.inference.base."""

    def __init__(self, message: str, *, reason: str, mend: str | None = None) -> None:
        super().__init__(message, mend=mend)
        self.reason = reason


class EnvironmentFailedError(MetaagentError):
    exit_status = 5


class TrustError(MetaagentError):
    exit_status = 6


class StorageError(MetaagentError):
    exit_status = 74


class LedgerError(StorageError):
    pass


class LockedError(MetaagentError):
    exit_status = 75


class InterruptedRunError(MetaagentError):
    exit_status = 130
