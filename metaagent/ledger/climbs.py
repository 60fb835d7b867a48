"""The rungs that attempts climbed, one by one, and which of them solved its task: what ladders are ordered by."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import groupby

from metaagent.ledger import digests
from metaagent.ledger.database import Ledger, Row

_STEPS = f"""
    SELECT s.attempt_id, s.kind, s.name, s.number, coalesce(a.domain, '') AS domain, o.outcome,
           EXISTS (SELECT 1 FROM verdicts v WHERE v.attempt_id = s.attempt_id AND v.step = s.number
                   AND v.public = 1 AND v.outcome = 'fail') AS known
    FROM steps s JOIN attempts a ON a.id = s.attempt_id JOIN outcomes o ON o.attempt_id = a.id
    WHERE a.model = ? AND o.outcome IN ('pass', 'fail') AND s.kind IN ('model', 'validation')
      AND s.name NOT LIKE 'advice.%' AND a.task_id IN (SELECT value FROM json_each(?)) AND {digests.PRESENT}
    ORDER BY s.attempt_id, s.number"""
PLAN = "plan"


@dataclass(frozen=True, slots=True)
class Climbed:
    """``known``: a public check had failed the rung before, so that asking again was told why; None for the first."""

    domain: str
    rung: str
    known: bool | None
    solved: bool


def climbed(ledger: Ledger, tasks: Collection[str], model: str) -> list[Climbed]:
    """Of the decided attempts of a model, as it was last met, at these tasks, in order."""
    rows = ledger.query(_STEPS, (model, json.dumps(sorted(tasks)), digests.as_json(digests.newest(ledger))))
    return [one for _, steps in groupby(rows, lambda row: row["attempt_id"]) for one in _rungs(list(steps))]


def _rungs(steps: list[Row]) -> Iterator[Climbed]:
    """A rung that plans makes two calls, both of that name; the last rung of an attempt that passed has solved it."""
    asked = [index for index, step in enumerate(steps) if step["kind"] == "model"]
    starts = [
        index
        for place, index in enumerate(asked)
        if not (steps[index]["name"] == PLAN and _planned_before(steps, asked[:place]))
    ]
    for index in starts:
        judged = [step["known"] for step in steps[:index] if step["kind"] == "validation"]
        solved = index == starts[-1] and steps[0]["outcome"] == "pass"
        known = None if index == starts[0] else bool(judged and judged[-1])
        yield Climbed(steps[0]["domain"], steps[index]["name"], known, solved)


def _planned_before(steps: list[Row], asked: list[int]) -> bool:
    """Whether the call after these carries out a plan: an odd number of calls of that name stand right before it."""
    names = [steps[index]["name"] for index in asked]
    trailing = next((place for place, name in enumerate(reversed(names)) if name != PLAN), len(names))
    return trailing % 2 == 1
