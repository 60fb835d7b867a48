from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.errors import UsageError
from metaagent.tasks.graph import find_cycle, order, ready, refuse_cycle, unknown, waiting_for

graphs = st.dictionaries(st.sampled_from("ABCDEFGH"), st.lists(st.sampled_from("ABCDEFGHXY"), max_size=4), max_size=8)


@given(graphs)
def test_a_graph_has_an_order_or_a_cycle(depends: dict[str, list[str]]) -> None:
    cycle = find_cycle(depends)
    if cycle is not None:
        assert cycle[0] == cycle[-1]
        assert all(following in depends[one] for one, following in pairwise(cycle))
        return
    ordered = order(depends)
    assert sorted(ordered) == sorted(depends)
    for task_id, needed in depends.items():
        assert all(ordered.index(one) < ordered.index(task_id) for one in needed if one in depends)


@given(graphs, st.sets(st.sampled_from("ABCDEFGHXY")))
def test_ready_is_what_waits_for_nothing(depends: dict[str, list[str]], done: set[str]) -> None:
    free = ready(depends, done)
    assert set(free) == {one for one in depends if one not in done and set(depends[one]) <= done}
    assert set(waiting_for(depends, done)) == set(depends) - done


@given(graphs)
def test_doing_what_is_ready_does_all_but_cycles_and_unknown(depends: dict[str, list[str]]) -> None:
    done: set[str] = set()
    while free := ready(depends, done):
        done |= set(free)
    if find_cycle(depends) is None and not unknown(depends):
        assert done == set(depends)


def test_the_cycle_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        refuse_cycle({"C": ["A"], "A": ["B"], "B": ["A"]})
    assert caught.value.message == "the dependencies form a cycle: A -> B -> A"
    assert caught.value.mend == "take B out of the depends: of A"
    assert find_cycle({"A": ["A"]}) == ("A", "A")


def test_order_keeps_what_was_given_where_it_can() -> None:
    assert order({"D": [], "A": ["C"], "B": [], "C": []}) == ("D", "B", "C", "A")


def test_unknown_dependencies_are_told() -> None:
    assert unknown({"A": ["B", "X", "Y"], "B": []}, known={"Y"}) == {"A": ("X",)}


def test_a_long_chain_is_a_chain_like_any_other() -> None:
    chain = {f"T-{n}": [f"T-{n + 1}"] for n in range(20_000)}
    chain["T-20000"] = []
    assert find_cycle(chain) is None
    assert order(chain)[0] == "T-20000"
