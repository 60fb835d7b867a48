"""What a shell offers for names of the workspace: versions, sets, domains. Each is silent about every problem."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from metaagent.cli.state import current

if TYPE_CHECKING:
    from metaagent.ledger.database import Ledger
    from metaagent.tasks.index import SpecIndex

Found = TypeVar("Found")


def complete_protocol(incomplete: str) -> list[str]:
    """Versions as DOMAIN:vN; the beginning of a hash is completed to what names it."""
    from metaagent.ledger import protocols

    rows = _of_ledger(protocols.versions)
    names = [f"{row['domain']}:v{row['version']}" for row in rows]
    return _beginning(incomplete, [*names, *(row["hash"][:12] for row in rows if incomplete)])


def complete_measured(incomplete: str) -> list[str]:
    """What `evaluate --protocol` takes: a version, none, or the placebo."""
    return _beginning(incomplete, ["0", "placebo"]) + complete_protocol(incomplete)


def complete_set(incomplete: str) -> list[str]:
    return _beginning(incomplete, _of_specifications(lambda index: index.sets()))


def complete_domain(incomplete: str) -> list[str]:
    """The domains of all specified tasks, and those above them."""
    found = _of_specifications(lambda index: {task.domain for task in index.tasks() if task.domain})
    return _beginning(incomplete, sorted({above for domain in found for above in _lineage(domain)}))


def complete_among(values: Iterable[str]) -> Callable[[str], list[str]]:
    """For an option of few values."""
    known = list(values)

    def complete(incomplete: str) -> list[str]:
        return _beginning(incomplete, known)

    return complete


def one_of(values: Iterable[str]) -> dict[str, Any]:
    """What an option of few values is declared with: its metavar names them, and a shell offers them."""
    known = list(values)
    return {"metavar": "|".join(known), "autocompletion": complete_among(known)}


def complete_status(incomplete: str) -> list[str]:
    """The columns of the board, in capitals or not, as they are typed."""
    from metaagent.records import Status

    return _beginning(incomplete, [status.lower() if incomplete.islower() else str(status) for status in Status])


def complete_check(incomplete: str) -> list[str]:
    """The validators that come with metaagent."""
    from metaagent.validators.base import names

    return _beginning(incomplete, names())


def complete_validator(incomplete: str) -> list[str]:
    """What has reported error events here."""
    from metaagent.ledger.error_events import validators

    return _beginning(incomplete, _of_ledger(validators))


def complete_kind(incomplete: str) -> list[str]:
    """The kinds of error events."""
    from metaagent.records import ErrorKind

    return _beginning(incomplete, list(ErrorKind))


def _of_ledger(read: Callable[[Ledger], list[Found]]) -> list[Found]:
    from metaagent.errors import MetaagentError

    try:
        with current().ledger(read_only=True) as ledger:
            return read(ledger)
    except (MetaagentError, OSError, ValueError, LookupError):
        return []


def _of_specifications(names: Callable[[SpecIndex], Iterable[str]]) -> list[str]:
    from metaagent.errors import MetaagentError
    from metaagent.tasks.index import SpecIndex

    try:
        return list(names(SpecIndex(current().workspace().root)))
    except (MetaagentError, OSError, ValueError, LookupError):
        return []


def _lineage(domain: str) -> list[str]:
    """``a``, ``a.b`` and ``a.b.c`` of ``a.b.c``."""
    parts = domain.split(".")
    return [".".join(parts[:size]) for size in range(1, len(parts) + 1)]


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [str(name) for name in names if name.startswith(incomplete)]
