"""Rules: one line in the prompt, a template filled from a pattern of public findings, behind a trigger.

Only what a public check found becomes a rule: it states the task's own form. What key checks know is learned by fixers
and exemplars, where it can be measured; prose about it did nothing or harm on a small model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from metaagent.learning.proposals import Bench, Case, Proposal
from metaagent.records import ErrorKind, Remedy

FEWEST = 3
TEMPLATES: dict[ErrorKind, str] = {
    ErrorKind.FORMAT: "Reply with the {format} alone: no sentence before or after it, no code fence.",
    ErrorKind.SYNTAX: "Check that the {format} is complete: every bracket, quote and block is closed.",
    ErrorKind.NAME: "Define or import every name that you use.",
    ErrorKind.SIGNATURE: "Keep the name and the parameters exactly as the task gives them.",
    ErrorKind.SCHEMA: "Give every field that the form asks for, each with the type it asks for.",
}


class PatternRules:
    name = "rules"
    kind = "rule"

    def propose(self, cases: Sequence[Case], bench: Bench) -> list[Proposal]:  # noqa: ARG002 - the Protocol's signature
        """One for each kind of public finding that at least three mine tasks show."""
        seen: Counter[ErrorKind] = Counter()
        for case in cases:
            seen.update({event.kind for event in case.events if event.public and event.kind in TEMPLATES})
        form = Counter(case.task.artifact.format for case in cases).most_common(1)
        found = []
        for kind, number in sorted(seen.items(), key=lambda pair: (-pair[1], pair[0])):
            if number >= FEWEST:
                text = TEMPLATES[kind].format(format=form[0][0])
                why = f"{number} of {len(cases)} mine tasks failed by {kind}"
                found.append(
                    Proposal(Remedy("rule", f"{kind}", {"text": text}), why, (text,), gain=number / len(cases) / 20)
                )
        return found
