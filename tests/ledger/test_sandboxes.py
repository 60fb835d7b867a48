from __future__ import annotations

from typing import Any

from metaagent.ledger import sandboxes
from metaagent.ledger.database import Ledger


def proof(backend: str = "bubblewrap", ok: bool = True, user: str = "1000") -> dict[str, Any]:
    key = {"kernel": "6.1 x86_64", "user": user, "backend": "bwrap:1"}
    return {"backend": backend, "level": 1, "key": key, "results": [], "ok": ok}


def test_the_latest_proof_of_a_backend_and_user_counts(ledger: Ledger) -> None:
    assert sandboxes.latest(ledger, "bubblewrap", "1000") is None
    for ok in (False, True):
        sandboxes.record(ledger, proof(ok=ok))
    sandboxes.record(ledger, proof("landlock", ok=False))
    sandboxes.record(ledger, proof(ok=False, user="0"))
    found = sandboxes.latest(ledger, "bubblewrap", "1000")
    assert found is not None
    assert (found["ok"], found["key"]["kernel"]) == (True, "6.1 x86_64")
    assert found["time"].endswith("Z")


def test_the_row_names_kernel_user_backend_and_level(ledger: Ledger) -> None:
    sandboxes.record(ledger, proof())
    row = ledger.one("SELECT kernel, user, backend, level FROM sandbox_probes")
    assert row is not None
    assert tuple(row) == ("6.1 x86_64", "1000", "bubblewrap", 1)
