"""Notes before fields that take judgement: where what the model wrote does not tell what was meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from metaagent.learning.proposals import Bench, Case, Proposal
from metaagent.learning.synthesis.json.rows import examples, rows
from metaagent.learning.synthesis.json.unclear import misjudged
from metaagent.records import Remedy

FEWEST: Final = 5
SHARE: Final = 0.1
"""At least so many mine tasks, and such a share of them, take judgement in the field: a note costs tokens in every
reply."""
MOST: Final = 2


class NotedFields:
    name = "notes"
    kind = "option"

    def propose(self, cases: Sequence[Case], bench: Bench) -> list[Proposal]:  # noqa: ARG002 - the Protocol's signature
        """One for the fields that take judgement most often. What a value means cannot be put into a table; a model
        that first writes down what the text says of it judges better."""
        found = examples(cases)
        judged = sorted({field for case in cases for field in _judged(case.task.artifact.schema or {})})
        unclear = Counter({field: misjudged(rows(found, field)) for field in judged})
        enough = max(FEWEST, SHARE * len(cases))
        fields = [field for field, count in unclear.most_common(MOST) if count >= enough]
        if not fields:
            return []
        counts = ", ".join(f"{field} is misjudged in {unclear[field]}" for field in fields)
        return [
            Proposal(
                Remedy("option", "notes", {"fields": fields}),
                f"{counts} of {len(cases)} mine tasks",
                tuple(f"before {field}: a line of what the text says of it" for field in fields),
                gain=sum(unclear[field] for field in fields) / len(cases) / 20,
                beside=(Remedy("fixer", "json.notes"),),
            )
        ]


def _judged(schema: Mapping[str, Any]) -> set[str]:
    """The fields of an object that have a few values to choose from."""
    asked = schema.get("properties", {})
    return {name for name, one in asked.items() if isinstance(one, Mapping) and 2 <= len(one.get("enum", ())) <= 12}
