"""A program for the fields of JSON replies, learned from what mine tasks got and expected (synthesis/json)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metaagent.learning.proposals import Bench, Case, Proposal
from metaagent.learning.synthesis.json.fields import FEW, FOLDS, Learned, learn, program_of
from metaagent.learning.synthesis.json.rows import Example, examples, field_paths, rows, same
from metaagent.learning.synthesis.json.unclear import two_forms
from metaagent.records import Remedy
from metaagent.remedies.json.fields.describe import describe
from metaagent.remedies.json.fields.program import flat
from metaagent.remedies.json.notes import without_notes


class JsonFields:
    """Proposes at most one remedy: a program for all fields that can be mended."""

    name = "json.fields"
    kind = "fixer"

    def propose(self, cases: Sequence[Case], bench: Bench) -> list[Proposal]:
        found = examples(cases)
        if len(found) < FEW:
            return []
        learned = learn(found, bench.seed)
        accepted = [one for one in learned if one.accepted]
        if not accepted:
            return []
        return [_proposal(found, cases, accepted, _doubts(learned))]


def _doubts(learned: Sequence[Learned]) -> str:
    """What a person should look at before believing the keys, a clause for each field; empty where there is nothing."""
    first, last = ({one.path: one for one in stages} for stages in (reversed(learned), learned))
    doubts = [doubt.told(path) for path in last if (doubt := two_forms(first[path].rows, last[path].outputs))]
    return "".join(f"; {doubt}" for doubt in doubts)


def _proposal(found: Sequence[Example], cases: Sequence[Case], accepted: Sequence[Learned], doubts: str) -> Proposal:
    program = program_of(accepted)
    mended, harmed, gain = _tasks(found, cases, accepted)
    paths = {one.path for one in accepted}
    numbers = {
        "wrong": sum({one.path: one.wrong for one in reversed(accepted)}.values()),
        "mended": sum(one.mended for one in accepted),
        "harmed": sum(one.harmed for one in accepted),
    }
    why = (
        f"{numbers['mended']} of {numbers['wrong']} wrong values in {len(paths)} fields mended on cases left out, "
        f"{numbers['harmed']} right ones broken{doubts}"
    )
    return Proposal(
        Remedy("fixer", "json.fields", {"program": program}),
        why,
        tuple(describe(program)),
        tuple(mended),
        tuple(harmed),
        gain / max(1, len(cases)),
        FOLDS,
        numbers,
        tasks_left_out=True,
    )


def _tasks(
    found: Sequence[Example], cases: Sequence[Case], accepted: Sequence[Learned]
) -> tuple[list[str], list[str], float]:
    """Tasks that come out right, or no longer do, on held-out folds; and the sum of the change in their shares of
    fields."""
    bad = [0] * len(found)
    after = [0] * len(found)
    sizes = [max(1, len(flat(_delivered(example, cases)))) for example in found]
    for path in field_paths(found):
        stages = [one for one in accepted if one.path == path]
        learned = stages[-1] if stages else None
        group = stages[0].rows if stages else rows(found, path)
        values = learned.outputs if learned else [row.own for row in group]
        for row, value in zip(group, values, strict=True):
            right = same(value, row.expected)
            bad[row.example] += not row.right
            after[row.example] += not right
    ids = [example.task_id for example in found]
    mended = [ids[n] for n in range(len(found)) if bad[n] and not after[n]]
    harmed = [ids[n] for n in range(len(found)) if after[n] and not bad[n]]
    return mended, harmed, sum((bad[n] - after[n]) / max(sizes[n], bad[n]) for n in range(len(found)))


def _delivered(example: Example, cases: Sequence[Case]) -> dict[str, Any]:
    """What of the wanted document is judged: a note that the model was asked for is not."""
    return without_notes(example.expected, cases[example.case].task.artifact)
