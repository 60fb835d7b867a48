"""How many failed SQL reports the shipped and the learned SQL fixers mend, on tasks that nothing was learned from.

    python -m tests.benchmarks.bench_sql_fixers WORKSPACE --salts 3        the ledger's first replies, judged again
    python -m tests.benchmarks.bench_sql_fixers examples/sql-reports --simulate

Content groups are split by a salted hash: 30% are mined, the rest is only counted. No model is called. ``--simulate``
takes, in place of replies, the references without what their questions do not say. Prints totals only.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from metaagent.learning.proposals import Bench, Case
from metaagent.learning.proposers.sql import BASE, SqlViews
from metaagent.learning.synthesis.sql import meanings, references
from metaagent.learning.synthesis.sql.batch import Batch
from metaagent.learning.synthesis.sql.score import value
from metaagent.records import Outcome, Remedy, Task
from metaagent.remedies.fixers import fix
from metaagent.remedies.sql.schema import schema_of
from metaagent.remedies.trigger import own_words
from metaagent.sandbox.choose import Forgetful, choose
from metaagent.tasks.brief import brief
from metaagent.tasks.index import SpecIndex
from metaagent.validators.sql_result import expected_table


def main() -> None:
    options = _options()
    tasks = {task.id: task for task in SpecIndex(options.workspace).set(options.set).tasks()}
    replies = _simulated(tasks) if options.simulate else _first_replies(options.workspace, options.ledger)
    tasks = {name: task for name, task in tasks.items() if name in replies}
    check = next(one for task in tasks.values() for one in task.checks if one.validator == "sql.result")
    fixture = str(check.options["fixture"])
    batch = Batch((options.workspace / fixture).read_bytes(), choose(Forgetful()), fixture)
    kinds = _kinds(options.workspace)
    print(f"{len(tasks)} tasks with a reply")
    for salt in [f"{options.salt}{number}" for number in range(options.salts)]:
        _one(tasks, replies, batch, kinds, options, salt)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--set", default="sql-reports")
    parser.add_argument("--ledger", type=Path, help="default: the workspace's own")
    parser.add_argument("--simulate", action="store_true")
    parser.add_argument("--salts", type=int, default=1)
    parser.add_argument("--salt", default="s")
    parser.add_argument("--mine", type=float, default=0.3)
    parser.add_argument("--seconds", type=float, default=120)
    return parser.parse_args()


def _one(
    tasks: Mapping[str, Task],
    replies: Mapping[str, str],
    batch: Batch,
    kinds: Mapping[str, str],
    options: argparse.Namespace,
    salt: str,
) -> None:
    mine = [task for task in tasks.values() if _share(salt, task.group or task.id) < options.mine]
    held = [task for task in tasks.values() if _share(salt, task.group or task.id) >= options.mine]
    cases = [Case(task, "", replies[task.id], replies[task.id], Outcome.FAIL, 0.0) for task in mine]
    started = time.monotonic()
    bench = Bench(options.workspace, judge=lambda _: [], seconds=options.seconds, sandbox=batch.sandbox)
    proposals = SqlViews().propose(cases, bench)
    took = time.monotonic() - started
    print(f"\nsalt {salt}: {len(mine)} tasks mined in {took:.0f} s, {len(held)} held out; {len(proposals)} remedies")
    for proposal in proposals:
        numbers = f"{proposal.gain:+.3f} held out, +{len(proposal.mended)} -{len(proposal.harmed)} on mine"
        print(f"  {numbers}: {' & '.join(proposal.readable)}")
    learned = [proposal.remedy for proposal in proposals]
    arms: dict[str, Sequence[Remedy]] = {"as is": (), "shipped": BASE, "shipped and learned": (*BASE, *learned)}
    passed = {name: _passed(held, replies, remedies, batch) for name, remedies in arms.items()}
    _table(held, passed, kinds, {task.family for task in mine})
    before, after = len(held) - len(passed["as is"]), len(held) - len(passed["shipped and learned"])
    broken = len(passed["as is"] - passed["shipped and learned"])
    print(f"  failed {before} -> {after} of {len(held)} ({(after - before) / max(1, before):+.0%}), {broken} broken")


def _share(salt: str, group: str) -> float:
    return int(sha256(f"{salt}|{group}".encode()).hexdigest()[:8], 16) / 2**32


def _passed(tasks: Sequence[Task], replies: Mapping[str, str], remedies: Sequence[Remedy], batch: Batch) -> set[str]:
    texts = []
    for task in tasks:
        made = fix(remedies, replies[task.id], brief(task))
        texts.append(made[-1].text if made else replies[task.id])
    results = batch.results(texts)
    return {task.id for task, result in zip(tasks, results, strict=True) if value(_expected(task), result) == 1.0}


def _expected(task: Task) -> Any:
    return expected_table(next(check for check in task.checks if check.validator == "sql.result").options)


def _table(
    tasks: Sequence[Task], passed: Mapping[str, set[str]], kinds: Mapping[str, str], mined: set[str | None]
) -> None:
    groups: dict[str, list[str]] = {"all": [task.id for task in tasks]}
    for task in tasks:
        groups.setdefault(kinds.get(task.id, "?"), []).append(task.id)
        groups.setdefault("family mined" if task.family in mined else "family never mined", []).append(task.id)
    print(f"  {'':20}{'n':>5}" + "".join(f"{name:>22}" for name in passed))
    for name, ids in groups.items():
        counts = "".join(f"{sum(one in solved for one in ids):>22}" for solved in passed.values())
        print(f"  {name:20}{len(ids):>5}{counts}")


def _kinds(workspace: Path) -> dict[str, str]:
    """What the rows of the set say of themselves, for people and tests only: touched, exception or plain."""
    rows = [json.loads(line) for line in (workspace / "tasks" / "reports.jsonl").read_text().splitlines()]
    kind = {}
    for row in rows:
        kind[row["id"]] = "exception" if row.get("lifts") else "touched" if row.get("touches") else "plain"
    return kind


def _first_replies(workspace: Path, ledger: Path | None) -> dict[str, str]:
    path = ledger or workspace / ".metaagent" / "ledger.db"
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    rows = connection.execute(
        "SELECT a.task_id, s.reply FROM attempts a JOIN v_steps s ON s.attempt_id = a.id"
        " WHERE s.kind = 'model' AND s.reply IS NOT NULL ORDER BY a.id DESC, s.number DESC"
    )
    return dict(rows.fetchall())


def _simulated(tasks: Mapping[str, Task]) -> dict[str, str]:
    """References without conditions, amounts and divisors that several of them share and no question states."""
    schema = schema_of(brief(next(iter(tasks.values()))), {})
    solved = {
        name: meanings.Solved(task.group or name, own_words(brief(task)), task.reference or "")
        for name, task in tasks.items()
    }
    steps = [step for step, _ in references.steps(list(solved.values()), schema)]
    uses = Counter(step["do"] for step in steps)
    print(f"simulated from {dict(uses)}")
    kept = [step for step in steps if step["do"] == "keep"]
    values = [step for step in steps if step["do"] == "value"]
    return {name: references.naive(one.text, kept, values, (), schema) or one.text for name, one in solved.items()}


if __name__ == "__main__":
    main()
