"""The learned JSON fixer on stored replies: made from a share of the content groups, scored on all the others.

    python -m tests.benchmarks.bench_json_fixers WORKSPACE [--salt a b c] [--mine 0.3] [--protocol 0] [--set NAME]
    [--mine-only]

Reads a workspace's ledger (read-only) and its task sets, one attempt for each task: the first of the protocol that is
named. Each salt splits the content groups anew. Prints totals only: for the tasks not mined, how many are exact and
how many fields are right
before and after, and how many right fields were broken. ``--mine-only`` shows what was learned, with its
cross-validation, and scores nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from metaagent.learning.proposals import Case
from metaagent.learning.synthesis.json.fields import learn, program_of
from metaagent.learning.synthesis.json.rows import Example, examples, field_paths, rows, same
from metaagent.records import ErrorEvent, ErrorKind, Outcome
from metaagent.remedies.json.fields.describe import describe
from metaagent.remedies.json.fields.program import run
from metaagent.tasks.index import SpecIndex

COLUMNS = (
    "salt", "mined", "tasks", "exact before", "exact after", "fields", "wrong before", "wrong after", "broken",
    "seconds", "us a reply",
)  # fmt: skip


def read_cases(workspace: Path, protocol: str, name: str | None) -> list[Case]:
    index = SpecIndex(workspace)
    tasks = {task.id: task for task in index.tasks() if name is None or task.set == name}
    ledger = sqlite3.connect(f"file:{workspace / '.metaagent' / 'ledger.db'}?mode=ro", uri=True)
    events: dict[str, list[ErrorEvent]] = {}
    columns = "id, attempt_id, step, task_id, kind, message, validator, public, location, expected, got"
    for number, attempt, step, task, kind, said, validator, public, place, *values in ledger.execute(
        f"SELECT {columns} FROM v_errors"
    ):
        made_of = (number, attempt, step, task, ErrorKind(kind), said, validator or "", bool(public), place or "")
        event = ErrorEvent(*made_of, *values)
        events.setdefault(event.attempt_id, []).append(event)
    made: dict[str, Case] = {}
    query = """SELECT a.id, a.task_id, a.outcome, a.score, (SELECT s.reply FROM v_steps s WHERE s.attempt_id = a.id
               AND s.kind = 'model' ORDER BY s.number LIMIT 1) FROM v_attempts a
               WHERE a.outcome IS NOT NULL AND (? = '' OR a.protocol LIKE ? || '%') ORDER BY a.id"""
    for attempt, task, outcome, score, reply in ledger.execute(query, (protocol, protocol)):
        if task in tasks and task not in made and reply is not None:
            found = tuple(events.get(attempt, ()))
            made[task] = Case(tasks[task], attempt, reply, reply, Outcome(outcome), score or 0.0, found)
    return list(made.values())


def part(group: str, salt: str) -> float:
    return int.from_bytes(hashlib.sha256(f"{salt}:{group}".encode()).digest()[:6], "big") / 2**48


def count(found: Sequence[Example], program: dict[str, object] | None) -> tuple[int, int, int]:
    """Tasks exact, fields right, right fields broken; a field is a path of the wanted document."""
    exact = right = broken = 0
    for example in found:
        document = (
            example.document
            if program is None
            else run(program, example.document, example.text, example.title, example.logprobs)
        )
        good = True
        for path in field_paths([example]):
            before = rows([example], path)
            after = rows([_with(example, document)], path)
            for was, now in zip(before, after, strict=True):
                holds = same(now.own, was.expected) or (was.right and same(now.own, was.own))
                right += holds
                broken += was.right and not holds
                good = good and holds
        exact += good
    return exact, right, broken


def by_field(found: Sequence[Example], program: dict[str, object]) -> str:
    """Each field's wrong values before and after, and right ones broken."""
    said = []
    for path in field_paths(found):
        before = after = broken = 0
        for example in found:
            document = run(program, example.document, example.text, example.title, example.logprobs)
            for was, now in zip(rows([example], path), rows([_with(example, document)], path), strict=True):
                holds = same(now.own, was.expected)
                before, after, broken = (
                    before + (not was.right),
                    after + (not holds),
                    broken + (was.right and not holds),
                )
        said.append(f"{path} {before} to {after}, {broken} broken")
    return "; ".join(said)


def _with(example: Example, document: object) -> Example:
    return replace(example, document=document)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--salt", nargs="+", default=["a", "b", "c"])
    parser.add_argument("--mine", type=float, default=0.3)
    parser.add_argument("--protocol", default="", help="the beginning of a protocol's hash; any when left out")
    parser.add_argument("--set", default=None)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--fields", action="store_true", help="totals by field as well")
    parser.add_argument("--mine-only", action="store_true")
    given = parser.parse_args()
    cases = read_cases(given.workspace, given.protocol, given.set)
    print(f"{len(cases)} tasks with a reply")
    if not given.mine_only:
        print(f"| {' | '.join(COLUMNS)} |\n{'| --- ' * len(COLUMNS)}|")
    for salt in given.salt:
        mine = [case for case in cases if part(case.task.group or case.task.id, salt) < given.mine]
        rest = [case for case in cases if part(case.task.group or case.task.id, salt) >= given.mine]
        start = time.monotonic()
        learned = learn(examples(mine), 0, given.seconds)
        seconds = time.monotonic() - start
        program = program_of(learned)
        if given.mine_only:
            for one in learned:
                state = f"mended {one.mended}, harmed {one.harmed}: {'kept' if one.accepted else 'dropped'}"
                print(f"{one.path}: {one.wrong} wrong of {len(one.rows)}, {state}")
            print(
                "\n".join(describe(program)),
                f"\n{len(mine)} mined, {seconds:.1f} s, {len(json.dumps(program))} characters",
            )
            continue
        held = examples(rest)
        fields = sum(len(rows([example], path)) for example in held for path in field_paths([example]))
        before, after = count(held, None), count(held, program)
        start = time.perf_counter()
        for example in held:
            run(program, example.document, example.text, example.title, example.logprobs)
        micro = (time.perf_counter() - start) / max(1, len(held)) * 1e6
        print(
            f"| {salt} | {len(mine)} | {len(held)} | {before[0]} | {after[0]} | {fields} | {fields - before[1]} | "
            f"{fields - after[1]} | {after[2]} | {seconds:.0f} | {micro:.0f} |"
        )
        if given.fields:
            print(by_field(held, program))


if __name__ == "__main__":
    main()
