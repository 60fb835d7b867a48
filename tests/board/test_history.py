from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from metaagent.board.history import (
    MemoryHistory,
    before_latest,
    closest,
    find_base,
    format_stamp,
    next_stamp,
    person_stamp,
    root,
)

NOW = datetime(2026, 3, 1, 12, 0, 0, 999, tzinfo=UTC)


def test_a_stamp_has_milliseconds() -> None:
    assert format_stamp(NOW + timedelta(milliseconds=7)) == "2026-03-01T12:00:00.007Z"


@given(st.lists(st.integers(-5000, 5000), max_size=20))
def test_each_stamp_is_later_than_the_ones_before_whatever_the_clock_does(steps: list[int]) -> None:
    stamps: list[str] = []
    for step in steps:
        stamps.append(next_stamp(NOW + timedelta(milliseconds=step), stamps[-1:]))
    assert stamps == sorted(set(stamps))


def test_a_stamp_of_the_far_future_or_of_nonsense_is_not_followed() -> None:
    assert next_stamp(NOW, ["2999-01-01T00:00:00.000Z", "soon", None]) == "2026-03-01T12:00:00.000Z"


def test_a_persons_version_is_named_after_the_one_it_was_loaded_from() -> None:
    stamp = person_stamp("2026-01-01T00:00:00.000Z", NOW)
    assert root(stamp) == "2026-01-01T00:00:00.000Z"
    assert person_stamp(stamp, NOW) == stamp


def history(*versions: tuple[str, bytes]) -> MemoryHistory:
    made = MemoryHistory()
    for stamp, data in versions:
        made.record(stamp, data, "tool")
    return made


def test_the_base_is_the_version_that_the_stamp_names() -> None:
    made = history(("s1", b"a\n"), ("s2", b"b\n"), ("s3", b"c\n"))
    latest = made.latest()
    assert latest is not None
    assert find_base(made, latest, "s1", b"c\n").data == b"a\n"
    assert find_base(made, latest, "s3", b"a\n").data == b"c\n"


def test_of_several_saves_from_one_editor_the_closest_is_the_base() -> None:
    made = history(("s1", b"a\n"), ("s1+t1", b"a\nb\n"), ("s1+t2", b"a\nb\nc\n"), ("s2", b"a\nB\nC\n"))
    latest = made.latest()
    assert latest is not None
    assert find_base(made, latest, "s1", b"a\nb\nc\nd\n").data == b"a\nb\nc\n"
    assert find_base(made, latest, "s1", b"a\n").data == b"a\n"


def test_an_unknown_stamp_leads_to_the_closest_and_says_that_it_is_a_guess() -> None:
    made = history(("s1", b"a\nb\n"), ("s2", b"x\ny\n"))
    latest = made.latest()
    assert latest is not None
    for stamp in (None, "s9"):
        base = find_base(made, latest, stamp, b"a\nb\nc\n")
        assert (base.data, base.guessed) == (b"a\nb\n", True)


def test_an_old_version_is_found_by_its_stamp_alone() -> None:
    made = history(("s0", b"a\n"), *((f"t{number}", b"x\n") for number in range(60)))
    latest = made.latest()
    assert latest is not None
    assert find_base(made, latest, "s0", b"a\nb\n").guessed is False


def test_closest_prefers_the_newest_of_equals() -> None:
    assert closest(b"a\n", [b"b\n", b"c\n"]) == b"b\n"


def test_undo_skips_versions_that_differ_only_in_the_stamp() -> None:
    made = history(("1", b"old\n"), ("2", b"Last Updated: 2\nnew\n"), ("3", b"Last Updated: 3\nnew\n"))
    found = before_latest(made)
    assert found is not None
    assert found.stamp == "1"
    assert before_latest(history(("1", b"x"))) is None
