"""Merges: which words are values of a variable, which are not, and how a merge explains itself."""

from __future__ import annotations

import random
from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from metaagent.learning.fingerprints.fingerprint import Miner
from metaagent.learning.fingerprints.merge import Difference, align, differences, merge

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d.e", "f.g", "<*>", "x1", "y1"]), min_size=1, max_size=5).map(
    squeezed := (lambda words: tuple(word for i, word in enumerate(words) if not (i and word == "<*>" == words[i - 1])))
)
TABLES = st.dictionaries(WORDS, st.integers(1, 200), max_size=25)


def templates(lines: Iterable[str]) -> set[str]:
    miner = Miner()
    for line in lines:
        miner.line(line)
    return {group.template for group in miner.groups()}


def test_states_stay_apart() -> None:
    lines = ["VM Started (event)", "VM Paused (event)", "VM Stopped (event)", "VM Resumed (event)"] * 20
    assert len(templates(lines)) == 4


def test_names_with_a_common_one_merge() -> None:
    lines = ["login of root was refused"] * 40 + [f"login of {n} was refused" for n in ("ann", "bob", "eve")]
    assert templates(lines) == {"login of <*> was refused"}


def test_twelve_words_are_a_variable() -> None:
    names = ["ann", "bob", "carl", "dora", "eve", "fred", "gina", "hal", "ida", "jim", "kay", "lea"]
    assert templates(f"{name} left the room" for name in names for _ in range(9)) == {"<*> left the room"}
    assert len(templates(f"{name} left the room" for name in names[:-1] for _ in range(9))) == 11


def test_words_that_differ_in_one_character_are_a_variable() -> None:
    assert templates(f"network {c}_net: none" for c in "ABC") == {"network <*>: none"}
    assert len(templates(f"network {c}_net: none" for c in "AB")) == 2


def test_dotted_names_merge_at_once_and_what_names_itself_does_not() -> None:
    assert templates(["class a.b.Cat is loaded", "class a.b.Dog is loaded"]) == {"class <*> is loaded"}
    assert len(templates(["got action.SCREEN_ON now", "got action.SCREEN_OFF now"])) == 2
    assert len(templates(["caught java.io.IOException now", "caught java.lang.Error now"])) == 2
    assert len(templates(["a requests.exceptions.ReadTimeout", "a requests.exceptions.InvalidURL"])) == 2
    assert len(templates(["a db.utils.OperationalFault", "a db.utils.ProgrammingFault"])) == 2


def test_a_word_beside_a_variable_goes_into_it_when_it_is_rare() -> None:
    lines = [f"10.0.0.{i}:80 error: no proxy" for i in range(40)] + [
        "wpad:80 error: no proxy",
        "host:80 error: no proxy",
    ]
    assert templates(lines) == {"<*> error: no proxy"}


def test_a_merge_tells_where_its_members_differ() -> None:
    members = [("login", "of", "root", "<*>"), ("login", "of", "ann", "<*>")]
    assert differences(members, ("login", "of", "<*>")) == (Difference(2, ("ann <*>", "root <*>")),)


@settings(deadline=None)
@given(TABLES, st.randoms(use_true_random=False))
def test_a_merge_is_a_function_of_the_table(table: dict[tuple[str, ...], int], random: random.Random) -> None:
    items = list(table.items())
    random.shuffle(items)
    assert merge(dict(items)) == merge(table)


@settings(deadline=None)
@given(TABLES)
def test_every_signature_fits_its_group(table: dict[tuple[str, ...], int]) -> None:
    for words, group in merge(table).items():
        spans = align(words, group)
        assert [start for start, _ in spans] == [0, *(end for _, end in spans[:-1])]
        assert spans[-1][1] == len(words)
        for (start, end), word in zip(spans, group, strict=True):
            assert word == "<*>" or words[start:end] == (word,)
