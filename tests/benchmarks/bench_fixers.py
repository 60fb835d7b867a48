"""What fixers learned from mine make of the stored replies of all other tasks. No model call.

    metaagent evaluate --tasks SET --protocol 0      # once: the replies
    python -m tests.benchmarks.bench_fixers WORKSPACE DOMAIN [--splits N [--without-logprobs]]

With ``--splits`` the same for N other splits of the tasks that have a reply: 30% of them, whole content groups drawn at
random, to learn from, the others to try it on. One split is one draw of luck.

For those who work on operators and proposers, on sets that they may look at: it scores gate tasks as well as sealed
ones, which nothing does in a workspace that goes on learning. The workspace's ledger is not written.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from metaagent.learning.bundle import fixer_bundle
from metaagent.learning.cases import collect, fixed
from metaagent.learning.proposals import Bench, Case
from metaagent.learning.proposers import proposers
from metaagent.learning.replay import replayed
from metaagent.learning.splits import Split
from metaagent.ledger import protocols
from metaagent.ledger.database import Ledger
from metaagent.ledger.measured import unit
from metaagent.orchestrator.candidates import subjects
from metaagent.orchestrator.replay import replayer
from metaagent.records import Outcome, Protocol, Remedy
from metaagent.statistics import wilson
from metaagent.workspace import Workspace

MINED = 0.3


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


def spread(workspace: Workspace, domain: str, splits: int, logprobs: bool) -> Iterator[str]:
    """A line for each of so many random splits, and one for their means."""
    with workspace.open_ledger() as ledger:
        every = [case for split in Split for case in _cases(workspace, ledger, domain, split)]
        every = every if logprobs else [replace(case, logprobs={}) for case in every]
        bench = Bench(workspace.root, replayer(workspace, ledger, lambda text: print(text, file=sys.stderr)))
        rows = []
        for seed in range(splits):
            mine, rest = _drawn(every, seed)
            found = [proposal for one in proposers() if one.kind == "fixer" for proposal in one.propose(mine, bench)]
            bundle = fixer_bundle(mine, Protocol(), found, bench.judge)
            rows.append(_tried(rest, bundle.remedies if bundle is not None else (), bench))
            yield f"split {seed}: from {len(mine)} tasks; {_told(rows[-1])}"
    yield f"mean of {splits}: {_told([sum(column) / splits for column in zip(*rows, strict=True)])}"


def _drawn(cases: Sequence[Case], seed: int) -> tuple[list[Case], list[Case]]:
    """Whole groups, drawn at random until ``MINED`` of the tasks are reached, and the rest; both in the order given."""
    members: dict[str, list[Case]] = {}
    for case in cases:
        members.setdefault(case.task.group or case.task.id, []).append(case)
    groups = sorted(members)
    random.Random(seed).shuffle(groups)
    mine: set[str] = set()
    while len(mine) < MINED * len(cases):
        mine |= {case.task.id for case in members[groups.pop(0)]}
    return [case for case in cases if case.task.id in mine], [case for case in cases if case.task.id not in mine]


def _tried(cases: Sequence[Case], fixers: Sequence[Remedy], bench: Bench) -> list[float]:
    """Share of tasks that fail before and after, of units that are wrong before and after, and of the right ones that
    are broken."""
    protocol = Protocol(remedies=tuple(fixers))
    judged = bench.judge([(c.task, fixed(c.task, c.reply, protocol, c.logprobs)) for c in cases])
    broken = right = 0
    for case, now in zip(cases, judged, strict=True):
        was = {unit(event.location) for event in case.events if not event.public}
        keys = [verdict for verdict in now.verdicts if not verdict.public]
        broken += len({unit(finding.location) for verdict in keys for finding in verdict.findings} - was)
        right += sum(verdict.checked for verdict in keys) - len(was)
    failed = [sum(not case.passed for case in cases), sum(now.outcome is not Outcome.PASS for now in judged)]
    wrong = [len(cases) - sum(case.score for case in cases), len(cases) - sum(now.score for now in judged)]
    return [*(count / len(cases) for count in (*failed, *wrong)), broken / max(1, right)]


def _told(shares: Sequence[float]) -> str:
    before, after, wrong, left, broken = shares
    return (
        f"failed {before:.1%} -> {after:.1%} ({1 - after / before:.0%} fewer), wrong units {wrong:.1%} -> {left:.1%} "
        f"({1 - left / wrong:.0%} fewer), right units broken {broken:.1%}"
    )


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
    parser.add_argument("--splits", type=int, default=0)
    parser.add_argument("--without-logprobs", action="store_true", help="with --splits: no classifiers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Workspace(Path(shutil.copytree(options.workspace, Path(folder) / "copy")))
        if options.splits:
            for line in spread(copy, options.domain, options.splits, not options.without_logprobs):
                print(line, flush=True)
        else:
            print("\n".join(run(copy, options.domain)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
