"""Fingerprints: what is masked, exact groups, ids that stay, values that come back."""

from __future__ import annotations

import json
import random
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaagent.learning.fingerprints.fingerprint import Failure, Miner, regrouper
from metaagent.learning.fingerprints.masks import RUN, SEPARATED, collapse, collapse_fully, form_of, values_of
from metaagent.learning.fingerprints.stream import fingerprints, spool

TEXTS = st.text(st.sampled_from("ab f07/:.=,;()[]<>\"'%_-#@xz\\\u00e9\t"), max_size=60)


def template(text: str, kind: str = "log") -> str:
    miner = Miner()
    number = miner.failure(Failure(kind, (), text))
    return miner.groups()[number].template


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("took 20.29 seconds to build", "took <*> to build"),
        ("12 bytes (1.98 KB) sent", "<*> sent"),
        ("lifetime <1 sec", "lifetime <<*>"),
        ("GET /v2/54fa/servers?all=True&since=3 done", "GET <*> done"),
        ("input split hdfs://10.1.2.3:9000/a.log:0+7292", "input split <*>"),
        ("file C:\\Windows\\servicing\\x.sqm is open", "file <*> is open"),
        ("from 00:11:43:e3:ba:cc via eth1", "from <*> via <*>"),
        ("from ee:ff:43:e3:ba:cc via eth1", "from <*> via <*>"),
        ("at Sun Jul 24 02:38:22 2005", "at <*>"),
        ("session opened for user root by (uid=0)", "session opened for user <*> by (uid=<*>)"),
        ("user=root", "user=root"),
        ("Failed password for invalid user  from 1.2.3.4", "Failed password for invalid user <*> from <*>"),
        ("can't find child 3", "can't find child <*>"),
        ("block touch....1", "block touch....<*>"),
        ("Type::early beef1 cafe", "Type::early <*> cafe"),
        ("name 'total' is not defined", "name <*> is not defined"),
        ("", ""),
    ],
)
def test_templates(text: str, expected: str) -> None:
    assert template(text) == expected


def test_a_message_may_quote_a_sentence_and_a_log_line_does_not() -> None:
    assert template('expected "a b" and got "c d"', "assertion") == "expected <*> and got <*>"
    assert template('10.0.0.1 "GET /x HTTP/1.1" status 200') == '<*> "GET <*>" status <*>'


def test_kind_and_head_belong_to_the_signature() -> None:
    miner = Miner()
    failures = [
        Failure("a", ("x",), "m"),
        Failure("b", ("x",), "m"),
        Failure("a", ("y",), "m"),
        Failure("a", (), "x m"),
    ]
    assert len({miner.failure(failure) for failure in failures}) == 4
    assert len({group.id for group in miner.groups()}) == 4


def test_ids_are_the_same_in_every_run() -> None:
    miner = Miner()
    miner.line("session opened for user root by (uid=0)")
    assert miner.groups()[0].id == "65e91f0f0c"


@given(TEXTS)
def test_collapsing_twice_finds_the_runs(text: str) -> None:
    assert collapse_fully(collapse(text)) == RUN.sub("0", text)


@given(TEXTS, st.booleans())
def test_a_form_holds_the_whole_text(text: str, message: bool) -> None:
    collapsed = collapse_fully(collapse(text))
    form = form_of(collapsed, message=message)
    assert len(form.gaps) == len(form.words) + 1
    assert len(values_of(text, form)) == form.words.count("<*>")
    constants = [word for word in form.words if word != "<*>"]
    assert all(word in text for word in constants)
    assert not any("0" in gap or "0" in word for gap in form.gaps for word in form.words)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["log", "assertion"]), TEXTS), max_size=40), st.randoms(use_true_random=False)
)
def test_the_partition_does_not_depend_on_the_order(items: list[tuple[str, str]], random: random.Random) -> None:
    assert groups_of(items) == groups_of(shuffled(items, random))


def groups_of(items: list[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, str]]:
    miner = Miner()
    numbers = [miner.failure(Failure(kind, (), text)) for kind, text in items]
    groups = miner.groups()
    return {item: (groups[n].id, groups[n].template) for item, n in zip(items, numbers, strict=True)}


def shuffled(items: list[tuple[str, str]], random: random.Random) -> list[tuple[str, str]]:
    again = list(items)
    random.shuffle(again)
    return again


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=30))
def test_every_failure_has_one_value_for_each_variable(texts: list[str]) -> None:
    miner = Miner()
    found = [miner.line_values(text) for text in texts]
    groups = miner.groups()
    for number, values in found:
        own = [] if values is None else values.split(SEPARATED)
        found_values = regrouper(miner.signatures[number], groups[number])(own)
        assert len(found_values) == groups[number].words.count("<*>")


def test_a_cache_that_starts_anew_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"{word} {i} of {i % 7}" for i in range(200) for word in ("read", "wrote", "lost")]
    whole = Miner()
    numbers = [whole.line(line) for line in lines]
    monkeypatch.setattr("metaagent.learning.fingerprints.fingerprint.CACHED", 2)
    small = Miner()
    assert [small.line(line) for line in lines] == numbers
    assert small.groups() == whole.groups()


def test_the_stream_gives_one_record_for_each_failure_in_order(tmp_path) -> None:  # type: ignore[no-untyped-def]
    failures = [Failure("log", (), f"user {name} left room {i}") for i, name in enumerate(["ann", "bob", "eve"] * 50)]
    with (tmp_path / "spool").open("w+b") as file:
        miner = spool(iter(failures), file)
        found = list(fingerprints(miner, file))
    assert [json.loads(values)[-1] for _, values in found] == [str(i) for i in range(150)]
    assert miner.groups()[found[0][0]].template.endswith("left room <*>")


@given(TEXTS, st.sampled_from(["log", "assertion"]))
def test_values_are_json_and_the_same_by_every_way(text: str, kind: str) -> None:
    with BytesIO() as file:
        miner = spool([Failure(kind, (), text), Failure(kind, (), text)], file)
        (number, first), (again, second) = fingerprints(miner, file)
    assert (number, first) == (again, second)
    form = form_of(collapse_fully(collapse(text)), message=kind != "log")
    assert json.loads(first) == values_of(text, form)
