"""Classifiers: what else the model thought of where it wrote one of a few values. A model that says one value too
often, and knows more than it says, is set right; one that knows nothing is left alone."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

import pytest

from metaagent.learning.proposals import Case
from metaagent.learning.proposers.json import JsonFields
from metaagent.learning.replay import replayed
from metaagent.learning.synthesis.json.classify import RIDGE, classifier
from metaagent.learning.synthesis.json.rows import examples, rows
from metaagent.remedies.fixers import fix
from metaagent.remedies.json.fields.describe import describe
from metaagent.remedies.json.fields.evaluate import evaluate
from metaagent.tasks.brief import brief
from tests.learning.values import BENCH, make_case, make_task, rejudge

STATES = ("due", "held", "open", "paid")
WORDS = {"due": "late", "held": "dispute", "open": "soon", "paid": "thanks"}
TOO_OFTEN = {"due": 3.0}


def claims(count: int, seed: int, known: float = 3.0, told: bool = True) -> list[Case]:
    """Claims of which the model sees the state through noise, ``known`` above it. It shows in words that no value
    allows; what it writes is "due" by habit."""
    pick, made = random.Random(seed), list[Case]()
    for number in range(count):
        state = pick.choice(STATES)
        seen = {one: pick.gauss(0, 1) + known * (one == state) for one in STATES}
        logprobs = {json.dumps(one): round(value / 2 + TOO_OFTEN.get(one, 0.0) - 6, 3) for one, value in seen.items()}
        written = max(STATES, key=lambda one: logprobs[json.dumps(one)])
        logprobs |= {WORDS[one]: round(value - 9, 3) for one, value in seen.items()}
        text = f"claim {''.join(pick.choice('abcdefghijklmnop') for _ in range(12))}"
        task = make_task(f"T-{number}", {"state": state, "text": text}, text)
        reply = json.dumps({"state": written, "text": text})
        made.append(make_case(task, reply, logprobs={"state": logprobs} if told else {}))
    return made


def mended(found: Sequence[Case], fresh: Sequence[Case]) -> tuple[int, int, int]:
    """How many fresh claims fail as they are, and what the proposed program mends and harms of them."""
    (proposal,) = JsonFields().propose(found, BENCH)
    change = replayed(fresh, [proposal.remedy], rejudge)
    return sum(not case.passed for case in fresh), len(change.mended), len(change.harmed)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_habit_is_unlearned(seed: int) -> None:
    failing, gained, lost = mended(claims(60, seed), claims(200, seed + 100))
    assert failing > 80
    assert gained - lost > failing / 2 and gained > 3 * lost


def test_the_program_says_what_it_does() -> None:
    (proposal,) = JsonFields().propose(claims(60, 1), BENCH)
    (line,) = [one for one in describe(proposal.remedy.settings["program"]) if "classified" in one]
    assert line.startswith("state: own value -> classified by what else the model thought of: ")
    speaks_for = dict(part.split(" where ") for part in line.partition("thought of: ")[2].split("; "))
    assert all(f'"{WORDS[state]}"' in speaks_for[f'"{state}"'] for state in STATES), line


@pytest.mark.parametrize("told", [True, False])
def test_what_the_model_does_not_know_cannot_be_learned(told: bool) -> None:
    known = 0.0 if told else 3.0
    assert JsonFields().propose(claims(60, 4, known, told), BENCH) == []


def test_the_weights_are_those_of_ridge_regression() -> None:
    """Against the normal equations: the slopes of each value's regression make its gradient nothing."""
    found = rows(examples(claims(40, 7)), "state")
    made = classifier(found)
    assert made is not None
    expression, values = made
    weights = expression[1]
    tokens = [token for token in weights['"due"'] if token]
    least = [min(row.scope.logprobs.values()) for row in found]
    table = [[row.scope.logprobs.get(t, low) for t in tokens] for row, low in zip(found, least, strict=True)]
    for value, slopes in weights.items():
        target = [1.0 if json.dumps(row.expected) == value else -1.0 for row in found]
        said = [slopes[""] + sum(slopes[t] * x for t, x in zip(tokens, line, strict=True)) for line in table]
        rest = [want - got for want, got in zip(target, said, strict=True)]
        assert sum(rest) == pytest.approx(0, abs=0.2)  # weights are rounded
        for column, token in enumerate(tokens):
            mean = sum(line[column] for line in table) / len(table)
            spread = (sum((line[column] - mean) ** 2 for line in table) / len(table)) ** 0.5
            pull = sum(r * (line[column] - mean) / spread for r, line in zip(rest, table, strict=True))
            assert pull == pytest.approx(RIDGE * slopes[token] * spread, abs=0.2)
    # What is said of training rows comes from classifiers that did not see them.
    right = sum(value == row.expected for value, row in zip(values, found, strict=True))
    seen = sum(evaluate(expression, row.scope) == row.expected for row in found)
    assert right <= seen


def test_a_reply_without_log_probabilities_stays_as_it_is() -> None:
    (proposal,) = JsonFields().propose(claims(60, 1), BENCH)
    case = claims(1, 9)[0]
    assert fix([proposal.remedy], case.reply, brief(case.task)) == []
    assert fix([proposal.remedy], '{"state": "lost"}', brief(case.task), case.logprobs) == []
