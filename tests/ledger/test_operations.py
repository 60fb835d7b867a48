from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from metaagent.ledger import operations, runs
from metaagent.ledger.database import Ledger


def test_an_intent_is_pending_until_its_first_end(ledger: Ledger) -> None:
    first, second = operations.new_operation_id(), operations.new_operation_id()
    for name in (first, second):
        ledger.write(
            operations.intend_batch(name, [{"op": "move", "title": "password=hunter22"}], run_id=ledger.run_id)
        )
    ledger.write(operations.done_batch([first], "stamp", run_id=ledger.run_id))
    ledger.write(operations.done_batch([first], None, run_id=ledger.run_id, result="undone"))
    (left,) = operations.pending(ledger)
    assert (left.id, left.abandoned) == (second, False)
    assert left.operations == [{"op": "move", "title": "password=hunter22"}]  # exact: it is applied to the board
    assert ledger.one("SELECT result FROM operation_ends")["result"] == "done"  # type: ignore[index]
    assert operations.done_batch([], "stamp") == []


def test_of_an_ended_or_dead_run_it_is_abandoned(path: Path) -> None:
    code = f"""
from pathlib import Path
from metaagent.ledger import operations, runs
from metaagent.ledger.database import Ledger
with Ledger.open(Path({str(path)!r})) as ledger:
    run = runs.start(ledger, "run", [])
    ledger.write(operations.intend_batch("op-1", [], run_id=run))
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    with Ledger.open(path) as ledger:
        run = runs.start(ledger, "run", [])
        ledger.write(operations.intend_batch("op-2", [], run_id=run))
        assert {one.id: one.abandoned for one in operations.pending(ledger)} == {"op-1": True, "op-2": False}
        runs.end(ledger, run, "done", {})
        assert all(one.abandoned for one in operations.pending(ledger))
