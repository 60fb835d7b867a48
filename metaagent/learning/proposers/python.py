"""Rewrites of Python answers, learned from what mine tests got and expected (synthesis/python)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from metaagent.learning.proposals import Bench, Case, Proposal
from metaagent.learning.replay import replayed
from metaagent.learning.synthesis.python.house import House, read_house
from metaagent.learning.synthesis.python.lab import Lab, libraries, subject
from metaagent.learning.synthesis.python.rules import Rule, taken
from metaagent.learning.synthesis.python.search import Answer, Credit, Search
from metaagent.learning.synthesis.python.vocabulary import guards, vocabulary
from metaagent.learning.synthesis.worked import limit
from metaagent.records import Remedy
from metaagent.remedies.python.rewrites import cleaned, readable
from metaagent.remedies.python.tree import answer_function, parse
from metaagent.remedies.python.wrapper import parameters
from metaagent.tasks.brief import brief

FEWEST: Final = 8
"""Mine tasks below which leaving some out says nothing."""
SHARE: Final = 0.75
"""Of the time is for the search; the rest for judging what came of it."""


class PythonRewrites:
    name = "python"
    kind = "fixer"

    def propose(self, cases: Sequence[Case], bench: Bench) -> list[Proposal]:
        """One proposal with all rules that do good to tasks left out of their learning; empty where there are none."""
        fixtures = libraries(cases)
        found = [self._with(cases, bench, fixture) for fixture in fixtures[:2]] if fixtures else []
        found += [self._with(cases, bench, None)] if not fixtures else []
        return [proposal for proposal in found if proposal is not None]

    def _with(self, cases: Sequence[Case], bench: Bench, fixture: str | None) -> Proposal | None:
        house = House("") if fixture is None else read_house(bench.root / fixture)
        answers = [one for case in cases if (one := _answer(case, house)) is not None]
        if len(answers) < FEWEST:
            return None
        answers += [one for case in cases if (one := _reference(case, house)) is not None]
        search = _search(answers, house, bench)
        return _proposal(cases, bench, house, search.accepted(answers))


def _answer(case: Case, house: House) -> Answer | None:
    asked = subject(case.task)
    if asked is None:
        return None
    told = brief(case.task)
    return Answer(asked, told, cleaned(case.artifact, told, house.settings()), _uses(case, house))


def _reference(case: Case, house: House) -> Answer | None:
    """What is right for the task stands for the answers that a model may give another time: a rule must leave it be."""
    asked, told = subject(case.task), brief(case.task)
    if asked is None or case.task.reference is None:
        return None
    return Answer(asked, told, cleaned(case.task.reference, told, house.settings()), _uses(case, house), reference=True)


def _uses(case: Case, house: House) -> frozenset[str]:
    return taken(parse(case.task.reference or ""), house)


def _search(answers: Sequence[Answer], house: House, bench: Bench) -> Search:
    references = [one.code for one in answers if one.reference]
    words = vocabulary(house, references)
    refusals = guards(house, references, _messages(answers))
    return Search(Lab(bench.judge), house, words, refusals, limit(SHARE * bench.seconds))


def _messages(answers: Sequence[Answer]) -> list[tuple[str, str]]:
    """The messages that exceptions are expected with, names and values of parameters as holes; those of two groups."""
    seen: dict[tuple[str, str], set[str]] = {}
    for one in answers:
        for test in one.subject.tests:
            raises = test["raises"]
            if raises is not None:
                template = _template(raises.get("message") or "", one, test)
                seen.setdefault((raises["type"], template), set()).add(one.group)
    return [key for key, groups in seen.items() if len(groups) > 1]


def _template(message: str, one: Answer, test: Mapping[str, Any]) -> str:
    tree = parse(one.code)
    function = None if tree is None else answer_function(tree, one.brief)
    names = [] if function is None else parameters(function)
    made = message.replace("{", "{{").replace("}", "}}")
    for name, value in zip(names, test["args"], strict=False):
        shown = repr(value)
        if shown in made and re.search(rf"\b{name}\b", made):
            return re.sub(rf"\b{name}\b", "{name}", made.replace(shown, "{value!r}", 1), count=1)
    return made


def _proposal(
    cases: Sequence[Case], bench: Bench, house: House, accepted: Sequence[tuple[Rule, Credit]]
) -> Proposal | None:
    learned = [rule for rule, _ in accepted]
    settings: dict[str, Any] = {"rules": learned}
    if house.name:
        settings["library"] = house.settings()
    remedy = Remedy("fixer", "python.rewrites", settings)
    change = replayed(cases, (remedy,), bench.judge)
    if change.gain <= 0:
        return None
    tests = sum(len(one.tests) for case in cases if (one := subject(case.task)) is not None)
    mended, broken = sum(one.mended for _, one in accepted), sum(one.broken for _, one in accepted)
    why = (
        f"mends {len(change.mended)} of {len(cases)} mine tasks by replay, harms {len(change.harmed)}; with each"
        f" group of tasks left out in turn its {len(learned)} rules mend {mended} tests of {tests}, break {broken}"
    )
    numbers = {"mended_held_out": float(mended), "broken_held_out": float(broken), "rules": float(len(learned))}
    lines = (*readable(learned), *([f"imports from `{house.name}` made to fit what it has"] if house.name else []))
    gain = min(change.gain, (mended - broken) / tests) if learned else change.gain
    return Proposal(
        remedy, why, lines, change.mended, change.harmed, gain, len({_group(one) for one in cases}), numbers
    )


def _group(case: Case) -> str:
    return case.task.group or case.task.id
