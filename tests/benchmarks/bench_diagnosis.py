"""Diagnosis on failures whose cause is known: it was planted, by configuration, in real runs on a scripted model.

    python -m tests.benchmarks.bench_diagnosis [--each 32] [--seed 1]

Seven faults, two halves of different wordings and seeds; what a half's failures are ascribed to is read from its ledger
alone. ``unknown`` counts as wrong. The rates of the first half are those of ``metaagent.learning.diagnosis.RATES``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaagent.learning.diagnosis import Cause, Diagnosis, company, diagnose
from metaagent.learning.insights import signals_of
from metaagent.ledger import trust
from metaagent.ledger.signals import failed_attempts
from metaagent.orchestrator.evaluate import evaluate
from metaagent.statistics import wilson
from metaagent.workspace import Workspace

SET = """\
set: planted
goal: {goal}
domain: data.json.{name}
artifact:
  format: json
  schema:
    type: object
    required: [{fields}]
    properties: {{{properties}}}
rows: planted.jsonl
inputs: [text]
expect: [{fields}]
{checks}"""
BOARD = "# Board\nLast Updated: 2026-02-02T10:30:00.000Z\n\n## Active Agents\n\n## Current Tasks\n\n### INBOX\n"


@dataclass(frozen=True)
class Wording:
    """What the notes of one half talk about, and how the house there wants its values."""

    goal: str
    fields: tuple[str, str, str]
    note: Callable[[random.Random], tuple[str, dict[str, Any]]]
    house: Callable[[dict[str, Any]], dict[str, Any]]


def _bill(chance: random.Random) -> tuple[str, dict[str, Any]]:
    first, last = ("Ada", "Boris", "Chloe", "Dmitri", "Elif"), ("Stone", "Marsh", "Weld", "Crane")
    name = f"{chance.choice(first)} {chance.choice(last)}"
    total, day = chance.randrange(10, 900), chance.randrange(10, 28)
    return f"Bill for {name}: {total} due on {day}/3/2024.", {"name": name, "total": total, "day": f"{day}/3/2024"}


def _trip(chance: random.Random) -> tuple[str, dict[str, Any]]:
    port = chance.choice(("lisbon", "hamburg", "odesa", "piraeus", "marseille", "valencia"))
    hours, code = (
        chance.randrange(2, 40),
        f"{chance.choice('QWERTZ')}{chance.randrange(100, 999)}-{chance.choice('abc')}",
    )
    return f"Ship {code} leaves {port}, {hours} h at sea.", {"port": port, "hours": hours, "code": code}


HALVES = {
    "first": Wording(
        "Turn the bill into a record.",
        ("name", "total", "day"),
        _bill,
        lambda v: {"name": v["name"].upper(), "total": v["total"] * 100, "day": _iso(v["day"])},
    ),
    "second": Wording(
        "Read the harbour master's note.",
        ("port", "hours", "code"),
        _trip,
        lambda v: {"port": v["port"].title(), "hours": v["hours"] * 1000, "code": v["code"].replace("-", "").upper()},
    ),
}


def _iso(day: str) -> str:
    number, month, year = day.split("/")
    return f"{year}-{int(month):02}-{int(number):02}"


def _wrong(values: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Answers that have nothing to do with what is expected."""
    letters = "bcdfghjklmnpqrstvwxz"
    return {
        key: chance.randrange(10_000, 99_999) if isinstance(value, int) else "".join(chance.choices(letters, k=9))
        for key, value in values.items()
    }


Reply = Callable[[dict[str, Any], random.Random], dict[str, Any]]


def _said(values: dict[str, Any], _chance: random.Random) -> dict[str, Any]:
    return {"json": values}


def _cut(finish: str) -> Reply:
    return lambda values, chance: {"reply": json.dumps(values)[: chance.randrange(12, 30)], "finish": finish}


def _failing(*reasons: str) -> Reply:
    return lambda _values, chance: {"error": chance.choice(reasons)}


MISSING = "import a_program_that_is_not_here\n\ndef check(artifact, task):\n    return []\n"
BROKEN = "def check(artifact, task):\n    return task['no such key']\n"


@dataclass(frozen=True)
class Fault:
    """``house``: whether the key wants what the prompt does not tell; ``check``: a check of the user's that breaks."""

    cause: Cause
    reply: Reply
    house: bool = False
    check: str = ""


FAULTS: dict[str, Fault] = {
    "truncated context": Fault(Cause.CONTEXT, _failing("context")),
    "wrong option: num_predict": Fault(Cause.CONTEXT, _cut("length")),
    "wrong option: a stop word": Fault(Cause.PROMPT, _cut("stop")),
    "missing tool": Fault(Cause.TOOL, _said, check=MISSING),
    "dead backend": Fault(Cause.EXTERNAL, _failing("connect", "reset", "no_done", "first_token", "html")),
    "broken validator": Fault(Cause.TOOL, _said, check=BROKEN),
    "misleading prompt": Fault(Cause.PROMPT, _said, house=True),
    "too hard a task": Fault(Cause.EXTERNAL, lambda values, chance: {"json": _wrong(values, chance)}),
}


def plant(root: Path, fault: Fault, wording: Wording, count: int, chance: random.Random) -> Workspace:
    """A workspace whose every task fails for that one reason."""
    (root / "tasks").mkdir(parents=True)
    (root / "checks").mkdir()
    (root / ".metaagent").mkdir()
    (root / "WORKING.md").write_text(BOARD, encoding="utf-8")
    rows, rules = [], []
    for number in range(count):
        text, values = wording.note(chance)
        text = f"{text} ({number})"
        wanted = wording.house(values) if fault.house else values
        rows.append({"id": f"P-{number:03}", "text": text, **wanted})
        rules.append({"contains": text, **fault.reply(values, chance)})
    checks = "checks:\n  public:\n    - json.parse\n    - json.schema\n"
    if fault.check:
        (root / "checks" / "planted.py").write_text(fault.check, encoding="utf-8")
        checks += "    - user: checks/planted.py\n"
    kinds = [(name, "integer" if isinstance(values[name], int) else "string") for name in wording.fields]
    properties = ", ".join(f"{name}: {{type: {kind}}}" for name, kind in kinds)
    body = SET.format(
        goal=wording.goal,
        name=wording.fields[0],
        fields=", ".join(wording.fields),
        properties=properties,
        checks=checks,
    )
    (root / "tasks" / "planted.yaml").write_text(body, encoding="utf-8")
    (root / "tasks" / "planted.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (root / "script.json").write_text(json.dumps({"rules": rules}), encoding="utf-8")
    (root / ".metaagent" / "config.yaml").write_text("backend: scripted:script.json\n", encoding="utf-8")
    workspace = Workspace(root)
    with workspace.open_ledger() as ledger:
        trust.record(ledger, [(trust.WORKSPACE, trust.ANY)], "bench")
    return workspace


def diagnosed(workspace: Workspace) -> list[Diagnosis]:
    """What each failed attempt of the workspace is ascribed to."""
    evaluate(workspace, "planted", "0", lambda _event: None)
    with workspace.open_ledger(read_only=True) as ledger:
        signals = [signals_of(one) for one in failed_attempts(ledger, None)]
    others = company(signals)
    return [diagnose(one, others) for one in signals]


def half(name: str, each: int, seed: int) -> tuple[list[tuple[str, Cause, Diagnosis]], Counter[str]]:
    found = []
    for number, (fault_name, fault) in enumerate(FAULTS.items()):
        chance = random.Random(f"{name}/{seed}/{number}")
        with tempfile.TemporaryDirectory() as folder:
            workspace = plant(Path(folder) / "place", fault, HALVES[name], each, chance)
            found += [(fault_name, fault.cause, one) for one in diagnosed(workspace)]
    return found, Counter(one.rule for _, _, one in found)


def table(name: str, found: list[tuple[str, Cause, Diagnosis]]) -> None:
    right = sum(cause is one.cause for _, cause, one in found)
    share = wilson(right, len(found))
    print(f"\n{name} half: {right} of {len(found)} right, {share.low:.1%} to {share.high:.1%}\n")
    print("| planted | cause | failures | right | named |\n| --- | --- | ---: | ---: | --- |")
    for fault_name, fault in FAULTS.items():
        mine = [one for planted, _, one in found if planted == fault_name]
        named = ", ".join(
            f"{rule or 'unknown'} {count}" for rule, count in Counter(one.rule for one in mine).most_common()
        )
        hits = sum(one.cause is fault.cause for one in mine)
        print(f"| {fault_name} | {fault.cause} | {len(mine)} | {hits} | {named} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    os.environ.pop("METAAGENT_BACKEND", None)
    for name in HALVES:
        found, rules = half(name, given.each, given.seed)
        table(name, found)
        rates = {
            rule: (sum(c is o.cause for _, c, o in found if o.rule == rule), n) for rule, n in rules.items() if rule
        }
        print(f"\nrates: {rates}")


if __name__ == "__main__":
    main()
