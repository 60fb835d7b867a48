"""Which tasks a learned rewrite of Python is for."""

from __future__ import annotations

from metaagent.learning.synthesis.python.triggers import About, Effect, aim, unit


def effect(task: str, group: str, words: str, gain: float, harm: float = 0.0, named: str = "") -> Effect:
    return Effect(About(task, group, frozenset(words.split()), frozenset(named.split())), gain, harm)


def others(count: int = 6) -> list[Effect]:
    return [effect(f"o{number}", f"o{number}", f"other{number} thing", 0.0) for number in range(count)]


def test_of_words_that_do_as_well_the_one_in_the_names_of_functions_is_taken() -> None:
    hurt = effect("h", "h", "book shelf", 0.0, 3.0)
    effects = [
        effect("a", "a", "find account booking last", 1.0, named="find last"),
        effect("b", "b", "find account name place", 1.0, named="find place"),
        hurt,
        *others(),
    ]
    aimed = aim(effects)
    assert aimed is not None and aimed.when == {"any": ["find"]}
    alone = aim([one for one in effects if one.about.task != "b"], fewest=1)
    assert alone is not None and alone.when["any"][0] in ("find", "last")


def test_a_rule_for_one_group_has_its_tasks_as_witnesses() -> None:
    effects = [effect("a", "labels", "label name", 1.0), effect("b", "labels", "label row", 1.0), *others()]
    assert [unit(effects)(one.about) for one in effects[:2]] == ["a", "b"]
    aimed = aim(effects)
    assert aimed is not None and aimed.witnesses == 2
    apart = [*effects, effect("c", "else", "label", 1.0)]
    assert [unit(apart)(one.about) for one in apart[:2]] == ["labels", "labels"]
    assert aim([effects[0], *others()]) is None
