"""The search for rules: greedy, a rule at a time, each the one that mends most of what is left on the mine tasks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from metaagent.learning.synthesis.python.house import House
from metaagent.learning.synthesis.python.lab import Lab, Subject, common
from metaagent.learning.synthesis.python.rules import Fit, Rule, gives, replacements, rules
from metaagent.learning.synthesis.python.triggers import HARM, About, Aimed, Effect, aim, effect, unit, worthwhile
from metaagent.learning.synthesis.python.vocabulary import Guard, Vocabulary
from metaagent.records import Brief
from metaagent.remedies.python.rewrites import rewritten
from metaagent.remedies.python.tree import answer_function, parse
from metaagent.remedies.python.words import applies, ranges, split, words
from metaagent.remedies.python.wrapper import parameters

MOST_RULES: Final = 14
MOST_TESTS: Final = 5
"""Wrong tests of a task that are looked into: the rest says the same."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A mine task with the code of its answer, cleaned; or with its reference, which no rule should break."""

    subject: Subject
    brief: Brief
    code: str
    uses: frozenset[str] = frozenset()
    """What the reference of the task takes from the library."""
    reference: bool = False

    @property
    def group(self) -> str:
        return self.subject.task.group or self.subject.task.id

    @property
    def words(self) -> frozenset[str]:
        return words(self.brief)

    @property
    def about(self) -> About:
        return About(self.subject.task.id, self.group, self.words, split(self.subject.entry), self.uses)


@dataclass(frozen=True, slots=True)
class Credit:
    """Tests that a rule mends and breaks in tasks that it was not aimed at."""

    mended: int
    broken: int

    @property
    def net(self) -> float:
        return self.mended - HARM * self.broken


@dataclass(slots=True)
class Search:
    """What stays the same over all folds of one search."""

    lab: Lab
    house: House
    vocabulary: Vocabulary
    guards: tuple[Guard, ...]
    over: Callable[[], bool]
    shared: dict[str, Any] = field(default_factory=dict)
    library: dict[str, Any] = field(default_factory=dict)
    sources: dict[tuple[str, str, str], str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.library = self.house.settings()
        self.shared = common(self.vocabulary, self.guards, self.library)

    def accepted(self, answers: Sequence[Answer]) -> list[tuple[Rule, Credit]]:
        """Rules that earn credit on groups left out. What earns none goes, and the search goes on without it."""
        kept: list[Rule] = []
        while True:
            learned = self.learn(answers, kept)
            credits = [(rule, self.credit(answers, learned, rule)) for rule in learned]
            bad = [rule for rule, one in credits if one.net <= 0]
            if not bad or self.over():
                return [(rule, one) for rule, one in credits if one.net > 0]
            self.refused |= {identity(rule) for rule in bad}
            kept = [rule for rule in learned if rule not in bad]

    def learn(self, answers: Sequence[Answer], kept: Sequence[Rule] = ()) -> list[Rule]:
        """Rules for these answers, ``kept`` among them; no more where none is worth its while."""
        learned = list(kept)
        while len(learned) < MOST_RULES and not self.over():
            found = self._next(answers, learned)
            if found is None:
                break
            learned = found
        return learned

    def marks(
        self, answers: Sequence[Answer], before: Sequence[Rule], after: Sequence[Sequence[Rule]]
    ) -> list[list[str]]:
        """For each answer the lab's marks: as ``before`` leaves it, then for each of ``after``."""
        asked = []
        for one in answers:
            base = self.source(one, before)
            asked.append((one.subject, [base, *(self.source(one, each) for each in after)]))
        return self.lab.trial(asked)

    def source(self, one: Answer, learned: Sequence[Rule]) -> str:
        fitting = [rule for rule in learned if applies(rule, one.words)]
        key = (one.subject.task.id, one.code, json.dumps(fitting))
        if key not in self.sources:
            self.sources[key] = rewritten(one.code, one.brief, fitting, self.library)
        return self.sources[key]

    def _next(self, answers: Sequence[Answer], learned: list[Rule]) -> list[Rule] | None:
        """The program with one rule more, or None."""
        options = [(learned, rule, (*learned, rule)) for rule in self._candidates(answers, learned)]
        options += [(learned, rule, (rule, *learned)) for _, rule, _ in options if learned and rule["kind"] == "result"]
        if not options:
            return None
        tables = self.marks(answers, learned, [program for _, _, program in options])
        best: tuple[float, list[Rule]] | None = None
        known: dict[tuple[frozenset[str], tuple[str, ...]], Aimed | None] = {}
        for number, (_, rule, program) in enumerate(options, 1):
            column = tuple(rows[number] for rows in tables)
            key = gives(rule, self.house), column
            if key not in known:
                before = [rows[0] for rows in tables]
                known[key] = aim(list(map(_effect, answers, before, column)), key[0])
            aimed = known[key]
            if aimed is not None and worthwhile(aimed) and (best is None or aimed.net > best[0] + 1e-9):
                best = (aimed.net, [_aimed(one, aimed) if one is rule else one for one in program])
        return None if best is None else best[1]

    def credit(self, answers: Sequence[Answer], learned: Sequence[Rule], rule: Rule) -> Credit:
        """What a rule does to tasks that its trigger was not learned from, one group of them left out at a time (one
        task where a rule mends something in one group only), and aimed anew by the others alone: a word that is in one
        task by chance earns nothing in another."""
        others = [one for one in learned if one is not rule]
        bare = {key: value for key, value in rule.items() if key != "when"}
        tables = self.marks(answers, others, [[bare if one is rule else one for one in learned]])
        effects = [_effect(one, before, after) for one, (before, after) in zip(answers, tables, strict=True)]
        mended, broken, left_out = 0, 0, unit(effects)
        for fold in sorted({left_out(one.about) for one in effects if one.gain or one.harm}):
            aimed = aim([one for one in effects if left_out(one.about) != fold], gives(rule, self.house), fewest=1)
            if aimed is None or aimed.net <= aimed.harm:
                continue
            for answer, (before, after) in zip(answers, tables, strict=True):
                if left_out(answer.about) == fold and applies({"when": aimed.when}, answer.words):
                    mended += after.count("m")
                    broken += sum(old == "U" and new in "tx" for old, new in zip(before, after, strict=True))
        return Credit(mended, broken)

    def _candidates(self, answers: Sequence[Answer], learned: Sequence[Rule]) -> list[Rule]:
        fits = self._fits(answers, learned)
        known = {identity(rule) for rule in learned} | self.refused
        found = rules(fits, self.vocabulary, self.guards, self.house)
        wrong = {fit.group for fit in fits}
        failing = [one for one in answers if one.group in wrong and not one.reference]
        found += self._replacing(failing, learned)
        return [rule for rule in found if identity(rule) not in known]

    def _fits(self, answers: Sequence[Answer], learned: Sequence[Rule]) -> list[Fit]:
        asked: list[tuple[Subject, dict[str, Any]]] = []
        about: list[tuple[Answer, Mapping[str, Any]]] = []
        marked = self.marks(answers, learned, [])
        for one, (row,) in zip(answers, marked, strict=True):
            source = self.source(one, learned)
            tree = parse(source)
            function = None if tree is None else answer_function(tree, one.brief)
            if function is None:
                continue
            names = parameters(function)
            wrong = [test for test, mark in zip(one.subject.tests, row, strict=True) if mark == "u"]
            for test in wrong[:MOST_TESTS]:
                question = {
                    "source": source,
                    "entry": one.subject.entry,
                    "test": test,
                    "parameters": names,
                    "ranges": ranges(one.brief, names),
                }
                asked.append((one.subject, question))
                about.append((one, test))
        said = self.lab.discover(asked, self.shared)
        return [
            Fit(one.subject.task.id, one.group, json.dumps([test["expected"], test["raises"]], sort_keys=True), found)
            for (one, test), found in zip(about, said, strict=True)
            if found.get("said")
        ]

    def _replacing(self, answers: Sequence[Answer], learned: Sequence[Rule]) -> list[Rule]:
        """Replacements that mend a test in two of the groups that they are found in: the rest is not looked at."""
        by_group = {one.group: one for one in answers}
        failing = {group: self.source(one, learned) for group, one in by_group.items()}
        found = replacements(failing, self.house)
        wanted: dict[str, list[Rule]] = {}
        for rule, groups in found:
            for group in groups:
                wanted.setdefault(group, []).append(rule)
        asked = [
            (
                by_group[group].subject,
                [failing[group], *(self.source(by_group[group], [*learned, rule]) for rule in each)],
            )
            for group, each in wanted.items()
        ]
        mends: dict[str, int] = {}
        for rows, each in zip(self.lab.trial(asked), wanted.values(), strict=True):
            for row, rule in zip(rows[1:], each, strict=True):
                mends[identity(rule)] = mends.get(identity(rule), 0) + ("m" in row)
        return [rule for rule, _ in found if mends.get(identity(rule), 0) > 1][:20]


def _effect(one: Answer, before: str, after: str) -> Effect:
    return effect(one.about, before, after)


def _aimed(rule: Rule, aimed: Aimed) -> Rule:
    return {**rule, "when": dict(aimed.when)} if aimed.when else rule


def identity(rule: Rule) -> str:
    return json.dumps({key: value for key, value in rule.items() if key != "when"}, sort_keys=True)
