"""What fixers learned from mine make of the stored replies of all other tasks. No model call.

    metaagent evaluate --tasks SET --protocol 0      # once: the replies
    python -m tests.benchmarks.bench_fixers WORKSPACE DOMAIN

For those who work on operators and proposers, on sets that they may look at: it scores gate tasks as well as sealed
ones, which nothing does in a workspace that goes on learning. The workspace's ledger is not written.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from metaagent.learning.bundle import fixer_bundle
from metaagent.learning.cases import collect
from metaagent.learning.proposals import Bench, Case
from metaagent.learning.proposers import proposers
from metaagent.learning.replay import replayed
from metaagent.learning.splits import Split
from metaagent.ledger import protocols
from metaagent.ledger.database import Ledger
from metaagent.orchestrator.candidates import subjects
from metaagent.orchestrator.replay import replayer
from metaagent.records import Protocol
from metaagent.statistics import wilson
from metaagent.workspace import Workspace


def run(workspace: Workspace, domain: str) -> list[str]:
    """The lines of the report."""
    with workspace.open_ledger() as ledger:
        mine, rest = _cases(workspace, ledger, domain, Split.MINE), _cases(workspace, ledger, domain, Split.GATE)
        rest += _cases(workspace, ledger, domain, Split.SEALED)
        started = time.monotonic()
        bench = Bench(workspace.root, replayer(workspace, ledger, lambda text: print(text, file=sys.stderr)))
        found = [proposal for one in proposers() if one.kind == "fixer" for proposal in one.propose(mine, bench)]
        bundle = fixer_bundle(mine, Protocol(), found, bench.judge)
        if bundle is None or not rest:
            return [f"{len(mine)} mine tasks, {len(rest)} others; no fixer helps"]
        spent = time.monotonic() - started
        change = replayed(rest, bundle.remedies, bench.judge, afresh=True)
    lines = [f"- {line}" for line in bundle.readable]
    lines += [f"from {len(mine)} mine tasks in {spent:.0f} s", _line("version 0", rest, [one.score for one in rest], 0)]
    lines += [_line("with fixers", rest, change.scores, len(change.mended) - len(change.harmed))]
    return [*lines, f"broken: {len(change.harmed)}"]


def _cases(workspace: Workspace, ledger: Ledger, domain: str, split: Split) -> list[Case]:
    """Those of version 0."""
    return [
        case
        for subject in subjects(workspace, ledger, domain, split)
        for case in collect(ledger, subject.tasks, protocols.empty(domain, subject.model), subject.model)
    ]


def _line(name: str, cases: Sequence[Case], scores: Sequence[float], mended: int) -> str:
    failed = sum(not case.passed for case in cases) - mended
    bound = wilson(failed, len(cases))
    return (
        f"{name:12} {failed} of {len(cases)} failed ({100 * bound.low:.0f} to {100 * bound.high:.0f}%), "
        f"{100 * (1 - sum(scores) / len(scores)):.0f}% wrong units"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("domain")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(options.workspace, Path(folder) / "copy"))
        print("\n".join(run(Workspace(copy), options.domain)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
