"""What the learned Python fixers bring on tasks that they were not learned from: totals, no task of them is shown.

    python tests/benchmarks/bench_python_fixers.py WORKSPACE [--set python-house] [--salts 3] [--share 0.3]
    python tests/benchmarks/bench_python_fixers.py WORKSPACE --simulated

Replies are those that the workspace's ledger has under the protocol
of its first attempt (`metaagent evaluate --tasks SET --protocol 0`), or,
``--simulated``, the references with the library taken out of them. For each salt the content groups are split by a
hash, the rules are learned on the mine part, and the rest is judged as it came, with the shipped fixers, and with the
rules on top.
``--rules`` prints the rules and the mine tasks' totals too.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from metaagent.learning.proposals import Bench, Case, Judged, Proposal
from metaagent.learning.proposers.python import PythonRewrites
from metaagent.ledger.first_tries import first_tries
from metaagent.records import Outcome, Remedy, Task
from metaagent.remedies.fixers import SHIPPED, fix
from metaagent.sandbox.base import Sandbox
from metaagent.sandbox.choose import Forgetful, choose
from metaagent.tasks.brief import brief
from metaagent.tasks.index import SpecIndex
from metaagent.validators.base import judge, outcome, score
from metaagent.validators.protocol import CheckContext
from metaagent.workspace import Workspace

FIRST = ("text.fence", "python.trailing", "python.indentation", "python.name", "python.imports")


class Judging:
    """Judges in the sandbox, each text once. The workspace's fixtures are trusted: it is the caller's own."""

    def __init__(self, root: Path, sandbox: Sandbox) -> None:
        self._root, self._sandbox = root, sandbox
        self._known: dict[tuple[str, str, str], Judged] = {}
        self.seconds = 0.0
        self.count = 0

    def __call__(self, pairs: Sequence[tuple[Task, str]]) -> list[Judged]:
        return [self._one(task, text) for task, text in pairs]

    def _one(self, task: Task, text: str) -> Judged:
        key = (task.id, task.hash, text)
        if key not in self._known:
            started = time.perf_counter()
            context = CheckContext(self._root, task, lambda _path, _digest: True, sandbox=self._sandbox)
            verdicts = judge(text, task.checks, context)
            self._known[key] = Judged(outcome(task.checks, verdicts), score(task.checks, verdicts), verdicts)
            self.seconds += time.perf_counter() - started
            self.count += 1
        return self._known[key]


class Strip(ast.NodeTransformer):
    """The library taken out of a solution, as one writes who does not know its habits."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        node.names = [alias for alias in node.names if alias.name not in self._names]
        return node if node.names else None

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in self._names:
            plain = isinstance(node.args[0], ast.Constant) if node.args else True
            return ast.Constant(None) if plain else node.args[0]
        if isinstance(node.func, ast.Name) and node.func.id == "tuple" and node.args:
            return ast.Call(ast.Name("list", ast.Load()), node.args, [])
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:  # noqa: ARG002 - the visitor's signature
        return ast.parse("raise ValueError('invalid')").body[0]

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        refuses = len(node.body) == 1 and isinstance(node.body[0], ast.Raise) and not node.orelse
        if refuses and len(ast.unparse(node.test)) % 2:
            return []
        return self.generic_visit(node)


def stripped(task: Task) -> str:
    tree = ast.parse(task.reference or "")
    library = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "house"
        for alias in node.names
    }
    return ast.unparse(ast.fix_missing_locations(Strip(library).visit(tree))) + "\n"


def replies(root: Path, tasks: Sequence[Task], simulated: bool) -> dict[str, str]:
    if simulated:
        return {task.id: stripped(task) for task in tasks if task.reference}
    with Workspace(root).open_ledger() as ledger:
        first = ledger.query("SELECT model, protocol FROM attempts ORDER BY id LIMIT 1")[0]
        known = {task.id: task for task in tasks}
        tried = first_tries(ledger, first["protocol"], first["model"], known)
    return {one.task_id: one.reply for one in tried}


def case(task: Task, reply: str, judging: Judging) -> Case:
    one = judging([(task, reply)])[0]
    return Case(task, "", reply, reply, one.outcome, one.score)


def is_mine(task: Task, salt: str, share: float) -> bool:
    digest = hashlib.sha256(f"{salt}/{task.group or task.id}".encode()).digest()
    return int.from_bytes(digest[:4]) / 2**32 < share


class Totals:
    """Tasks and tests passed, by kind of task and arm."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])

    def add(self, kinds: Iterable[str], arm: str, task: Task, one: Judged) -> None:
        tests = sum(len(check.options.get("tests", ())) for check in task.checks)
        for kind in kinds:
            count = self.counts[kind, arm]
            count[0] += 1
            count[1] += one.outcome is Outcome.PASS
            count[2] += tests
            count[3] += round(one.score * tests)

    def lines(self, arms: Sequence[str]) -> Iterator[str]:
        yield f"| tasks | n | {' | '.join(arms)} | tests | {' | '.join(arms)} |"
        yield "|" + " --- |" * (3 + 2 * len(arms))
        for kind in dict.fromkeys(kind for kind, _ in self.counts):
            found = [self.counts[kind, arm] for arm in arms]
            tasks, tests = [str(one[1]) for one in found], [str(one[3]) for one in found]
            yield f"| {kind} | {found[0][0]} | {' | '.join(tasks)} | {found[0][2]} | {' | '.join(tests)} |"


def kinds(task: Task, row: dict[str, Any], families: set[str]) -> list[str]:
    touched = "touches a convention" if row.get("conventions") else "exception" if row.get("exceptions") else "plain"
    return ["all", touched, "family mined" if task.family in families else "family not mined"]


def arm_texts(one: Case, proposal: Proposal | None) -> dict[str, str]:
    shipped = [Remedy("fixer", name) for name in FIRST if name in SHIPPED]
    told = brief(one.task)
    made = {"as is": one.reply, "shipped": _after(shipped, one.reply, told)}
    learned = [] if proposal is None else [proposal.remedy]
    return {**made, "learned": _after([*shipped, *learned], one.reply, told)}


def _after(remedies: Sequence[Remedy], reply: str, told: Any) -> str:
    made = fix(remedies, reply, told)
    return made[-1].text if made else reply


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--set", default="python-house")
    parser.add_argument("--salts", type=int, default=1)
    parser.add_argument("--salt", default="bench")
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--seconds", type=float, default=150)
    parser.add_argument("--simulated", action="store_true")
    parser.add_argument("--rules", action="store_true")
    options = parser.parse_args()
    found = SpecIndex(options.workspace).set(options.set)
    tasks = list(found.tasks())
    rows = {one["id"]: one for one in _rows(options.workspace / "tasks")}
    judging = Judging(options.workspace, choose(Forgetful(), level=2, notice=lambda _: None))
    said = replies(options.workspace, tasks, options.simulated)
    cases = [case(task, said[task.id], judging) for task in tasks if task.id in said]
    totals, mined = Totals(), Totals()
    arms = ("as is", "shipped", "learned")
    for number in range(options.salts):
        mine = [one for one in cases if is_mine(one.task, f"{options.salt}{number}", options.share)]
        started = time.perf_counter()
        proposals = PythonRewrites().propose(mine, Bench(options.workspace, judging, number, options.seconds))
        proposal = proposals[0] if proposals else None
        print(f"salt {number}: {len(mine)} mine tasks of {len(cases)}, {time.perf_counter() - started:.0f} s")
        if proposal is not None and options.rules:
            print("\n".join([proposal.why, *proposal.readable]))
        families = {one.task.family or "" for one in mine}
        inside = {one.task.id for one in mine}
        for one in cases:
            for arm, text in arm_texts(one, proposal).items():
                judged = judging([(one.task, text)])[0]
                target = mined if one.task.id in inside else totals
                target.add(kinds(one.task, rows.get(one.task.id, {}), families), arm, one.task, judged)
    print(f"\nNot mined, sums over {options.salts} splits:\n")
    print("\n".join(totals.lines(arms)))
    if options.rules:
        print("\nMined:\n")
        print("\n".join(mined.lines(arms)))
    print(f"\n{judging.count} judgements, {judging.seconds:.0f} s")


def _rows(folder: Path) -> Iterator[dict[str, Any]]:
    for path in folder.glob("*.jsonl"):
        yield from map(json.loads, path.read_text("utf-8").splitlines())


if __name__ == "__main__":
    main()
