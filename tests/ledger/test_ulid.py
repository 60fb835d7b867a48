from __future__ import annotations

import os
from datetime import UTC, datetime
from unittest import mock

import pytest

from metaagent.ledger.ulid import UlidMaker, new_ulid, ulid_floor, ulid_time


def test_they_increase_strictly_and_are_26_characters_of_the_alphabet() -> None:
    made = [new_ulid() for _ in range(5000)]
    assert made == sorted(set(made))
    assert all(len(ulid) == 26 and set(ulid) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ") for ulid in made)


def test_they_increase_while_the_clock_steps_back() -> None:
    make = UlidMaker()
    with mock.patch("metaagent.ledger.ulid.time.time_ns", side_effect=[5_000_000_000, 4_000_000_000, 3_000_000_000]):
        made = [make(), make(), make()]
    assert made == sorted(set(made))


def test_they_go_on_after_what_another_process_made_although_the_clock_stepped_back() -> None:
    with mock.patch("metaagent.ledger.ulid.time.time_ns", return_value=5_000_000_000):
        last = UlidMaker()()
    make = UlidMaker()
    with mock.patch("metaagent.ledger.ulid.time.time_ns", return_value=4_000_000_000):
        make.after(last)
        made = [make(), make()]
    assert last < made[0] < made[1]
    with mock.patch("metaagent.ledger.ulid.time.time_ns", return_value=9_000_000_000):
        assert ulid_floor(datetime.fromtimestamp(9, UTC)) <= make()


@pytest.mark.parametrize("text", ["", "REC-001", "Z" * 26, "7" * 26, "0" * 64, "0" * 25 + "u"])
def test_what_is_no_ulid_of_ours_holds_nothing_up(text: str) -> None:
    make = UlidMaker()
    make.after(text)
    assert ulid_time(make()) < datetime(2100, 1, 1, tzinfo=UTC)


def test_counting_carries_over_the_low_bits() -> None:
    make = UlidMaker()
    with mock.patch("metaagent.ledger.ulid.time.time_ns", return_value=5_000_000_000):
        first = make()
        make._low = (1 << 20) - 1
        made = [make(), make()]
    assert first < made[0] < made[1]


def test_the_time_is_in_it() -> None:
    moment = datetime(2026, 5, 4, 3, 2, 1, 987000, tzinfo=UTC)
    with mock.patch("metaagent.ledger.ulid.time.time_ns", return_value=int(moment.timestamp() * 1000) * 1_000_000):
        made = UlidMaker()()
    assert ulid_time(made) == moment
    assert ulid_floor(moment) <= made
    assert ulid_floor(moment)[:10] == made[:10]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_repeat_its_parent() -> None:
    new_ulid()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, "".join(new_ulid() for _ in range(50)).encode())
        os._exit(0)
    mine = {new_ulid() for _ in range(50)}
    os.waitpid(child, 0)
    theirs = os.read(read, 26 * 50).decode()
    os.close(read)
    os.close(write)
    assert not mine & {theirs[at : at + 26] for at in range(0, len(theirs), 26)}
