"""Replays: what fixers would make of replies that are there already. No model call; exact, since a fixer is pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metaagent.learning.proposals import Case, Judge
from metaagent.records import Outcome, Remedy
from metaagent.remedies.delivery import artifact_of
from metaagent.remedies.fixers import fix
from metaagent.tasks.brief import brief


@dataclass(frozen=True, slots=True)
class Change:
    """``mended``: task ids that fail as they are and pass when fixed; ``harmed`` the reverse; ``gain``: the mean change
    of the score over all cases; ``scores``: each case's score after, in order."""

    mended: tuple[str, ...]
    harmed: tuple[str, ...]
    gain: float
    scores: tuple[float, ...]


def replayed(cases: Sequence[Case], fixers: Sequence[Remedy], judge: Judge, *, afresh: bool = False) -> Change:
    """What ``fixers`` make of the artifacts as they were judged; ``afresh``: of the replies, without what the fixers in
    force made of them."""
    texts = [_after(case, fixers, afresh) for case in cases]
    changed = [index for index, (case, text) in enumerate(zip(cases, texts, strict=True)) if text != case.artifact]
    judged = dict(zip(changed, judge([(cases[index].task, texts[index]) for index in changed]), strict=True))
    mended, harmed, scores = [], [], []
    for index, case in enumerate(cases):
        after = judged.get(index)
        if after is None or after.outcome is Outcome.INCONCLUSIVE:  # what cannot be judged changes nothing
            scores.append(case.score)
            continue
        scores.append(after.score)
        passed = after.outcome is Outcome.PASS
        if passed and not case.passed:
            mended.append(case.task.id)
        elif case.passed and not passed:
            harmed.append(case.task.id)
    before = sum(case.score for case in cases)
    gain = (sum(scores) - before) / len(cases) if cases else 0.0
    return Change(tuple(mended), tuple(harmed), gain, tuple(scores))


def _after(case: Case, fixers: Sequence[Remedy], afresh: bool) -> str:
    text = artifact_of(case.reply, case.task.artifact.format) if afresh else case.artifact
    made = fix(fixers, text, brief(case.task), case.logprobs)
    return made[-1].text if made else text
