"""What a number of ended attempts comes to: shares with intervals, latency, tokens, cost. Pure: rows in, values out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metaagent.statistics import Proportion, percentile, wilson

Row = Mapping[str, Any]
BY = ("agent", "domain", "model", "protocol")


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds of an attempt, by nearest rank. None where nothing ended."""

    p50: float | None
    p90: float | None
    p99: float | None
    longest: float | None


@dataclass(frozen=True, slots=True)
class Measures:
    """One group of attempts. ``completion`` and ``first_try`` count tasks (their attempts depend on each other),
    ``success`` counts attempts that came to a verdict, ``errors`` attempts with at least one error event of the kind.

    ``tokens_per_solved`` spreads all tokens, those of failed attempts too, over the tasks that were solved.
    ``interventions`` are decisions and board edits by persons on tasks of this group.
    """

    name: str
    attempts: int
    completion: Proportion
    first_try: Proportion
    success: Proportion
    inconclusive: int
    interrupted: int
    errors: Mapping[str, Proportion]
    latency: Latency
    calls: int
    prompt_tokens: int
    reply_tokens: int
    tokens_per_solved: float | None
    cost: float
    interventions: int


def measure(
    attempts: Sequence[Row], events: Iterable[Row], interventions: Iterable[Row], by: str | None = None
) -> tuple[Measures, ...]:
    """All attempts together first, then one entry for each value of ``by``, the largest group first.

    ``attempts``: rows of v_attempts that have ended; ``events``: (attempt_id, kind) rows; ``interventions``: rows with
    a task_id.
    """
    kinds: dict[str, set[str]] = defaultdict(set)
    for event in events:
        kinds[event["attempt_id"]].add(event["kind"])
    touched = [row["task_id"] for row in interventions]
    groups: dict[str, list[Row]] = defaultdict(list)
    if by is not None:
        for row in attempts:
            groups[row[by] or "(none)"].append(row)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return tuple(_group(name, rows, kinds, touched) for name, rows in [("all", list(attempts)), *ordered])


def _group(name: str, rows: list[Row], kinds: Mapping[str, set[str]], touched: list[str]) -> Measures:
    tasks: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["id"]):
        tasks[row["task_id"]].append(row)
    solved = sum(any(_passed(row) for row in group) for group in tasks.values())
    at_once = sum(bool(_passed(group[0]) and group[0]["passed_first"]) for group in tasks.values())
    judged = [row for row in rows if row["outcome"] in ("pass", "fail")]
    tokens = sum(row["prompt_tokens"] + row["reply_tokens"] for row in rows)
    return Measures(
        name=name,
        attempts=len(rows),
        completion=wilson(solved, len(tasks)),
        first_try=wilson(at_once, len(tasks)),
        success=wilson(sum(map(_passed, judged)), len(judged)),
        inconclusive=sum(row["outcome"] == "inconclusive" for row in rows),
        interrupted=sum(row["outcome"] == "interrupted" for row in rows),
        errors=_errors(rows, kinds),
        latency=_latency([row["seconds"] for row in rows if row["outcome"] != "interrupted"]),
        calls=sum(row["calls"] for row in rows),
        prompt_tokens=sum(row["prompt_tokens"] for row in rows),
        reply_tokens=sum(row["reply_tokens"] for row in rows),
        tokens_per_solved=tokens / solved if solved else None,
        cost=sum(row["cost"] for row in rows),
        interventions=sum(task in tasks for task in touched),
    )


def _passed(row: Row) -> bool:
    return bool(row["outcome"] == "pass")


def _errors(rows: list[Row], kinds: Mapping[str, set[str]]) -> dict[str, Proportion]:
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        for kind in kinds.get(row["id"], ()):
            counts[kind] += 1
    return {
        kind: wilson(count, len(rows)) for kind, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    }


def _latency(seconds: list[float]) -> Latency:
    return Latency(
        percentile(seconds, 0.5), percentile(seconds, 0.9), percentile(seconds, 0.99), max(seconds, default=None)
    )
