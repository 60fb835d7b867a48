"""What is printed: harmless text, aligned tables, one JSON shape."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.cli import render
from metaagent.cli.render import Column, Table, bar, cell, json_text, plain_table, printable
from metaagent.records import Outcome


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Callable[[Table], str]:
    """What a table looks like on a terminal of 40 columns."""

    def draw(table: Table) -> str:
        stream = Terminal()
        monkeypatch.setenv("COLUMNS", "40")
        with contextlib.redirect_stdout(stream):
            render.show(table)
        return stream.getvalue()

    return draw


@given(st.text())
def test_no_text_reaches_a_terminal_as_a_command(text: str) -> None:
    shown = printable(text)
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in shown)
    assert not set(shown) & set("\u202e\u2066\u2028\u200b")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[2J\x1b]0;title\x07", "\\e[2J\\e]0;title\\x07"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202edef", "abc\\u202edef"),
        ("Ünïcödé ✅ 東京", "Ünïcödé ✅ 東京"),
    ],
)
def test_harmful_characters_are_shown_not_sent(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_lines_are_kept_where_they_are_wanted() -> None:
    assert printable("a\r\n\tb\x1b", lines=True) == "a\n\tb\\e"


def test_a_piped_table_is_aligned_and_plain() -> None:
    table = Table(["id", Column("tokens", right=True), "title"], [("A-1", 5, "東京"), ("A-20", 1234, "x\x1b[1m")])
    assert plain_table(table) == "ID    TOKENS  TITLE\nA-1        5  東京\nA-20    1234  x\\e[1m\n"


def test_wide_characters_take_two_columns() -> None:
    assert plain_table(Table(["name", "n"], [("東京", 1), ("ab", 2)])).splitlines()[1:] == ["東京  1", "ab    2"]


def test_an_empty_table_prints_nothing_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    render.show(Table(["id"], [], empty="no tasks"))
    assert capsys.readouterr() == ("", "no tasks\n")


def test_a_terminal_gets_colour_within_its_columns(drawn: Callable[[Table], str]) -> None:
    table = Table(["id", Column("status", paint={"DONE": "green"})], [("A-1", "DONE"), ("A-2", "word " * 20)])
    lines = drawn(table).splitlines()
    assert any("\x1b[32m" in line for line in lines)
    assert all(len(_without_colour(line)) <= 40 for line in lines)


def test_a_narrow_terminal_keeps_ids_whole_and_titles_readable(drawn: Callable[[Table], str]) -> None:
    table = Table(["id", "status", "agent", "title"], [("TASK-001", "IN_PROGRESS", "agent:executor:main", "x" * 60)])
    line = _without_colour(drawn(table)).splitlines()[1]
    assert line == "TASK-001  IN_PR…  agent…  xxxxxxxxxxxxxx"  # 40 columns


def test_a_narrow_terminal_leaves_out_minor_columns_first(drawn: Callable[[Table], str]) -> None:
    columns = ["attempt", Column("started", minor=2), Column("agent", minor=1), "reason"]
    rows = [("01KG0000000000", "2026-02-02 10:00:00", "agent:executor:main", "it failed")]
    assert [line.rstrip() for line in _without_colour(drawn(Table(columns, rows))).splitlines()] == [
        "ATTEMPT         REASON",
        "01KG0000000000  it failed",
    ]  # 40 columns: the last may shrink to 20, the attempt stays whole


def test_counts_have_their_plural() -> None:
    assert [render.counted(n, "try", "tries") for n in (0, 1, 2)] == ["0 tries", "1 try", "2 tries"]
    assert render.counted(2, "call") == "2 calls"


@given(st.lists(st.integers(1, 200), min_size=1, max_size=8), st.integers(20, 200))
def test_widths_fit_where_they_can(widths: list[int], available: int) -> None:
    fitted = render.fit(widths, available)
    assert fitted[0] == widths[0] or len(widths) == 1
    assert all(new <= old for new, old in zip(fitted, widths, strict=True))
    least = [min(one, 6) for one in widths[1:]]
    if widths[0] + sum(least) + 2 * len(least) <= available:
        assert sum(fitted) + 2 * len(least) <= available or len(widths) == 1


def test_no_color_is_honoured_on_a_terminal(drawn: Callable[[Table], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in drawn(Table([Column("status", paint={"DONE": "green"})], [("DONE",)]))


def test_colour_can_be_forced_into_a_pipe(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICOLOR_FORCE", "1")
    render.show(Table([Column("status", paint={"DONE": "green"})], [("DONE",)]))
    assert "\x1b[32m" in capsys.readouterr().out


def test_rich_markup_in_a_title_is_text(drawn: Callable[[Table], str]) -> None:
    assert "[red]not red[/red]" in _without_colour(drawn(Table(["title"], [("[red]not red[/red]",)])))


def _without_colour(text: str) -> str:
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@dataclass(frozen=True, slots=True)
class Thing:
    at: datetime
    where: Path
    outcome: Outcome
    parts: tuple[int, ...]


def test_values_have_one_json_form() -> None:
    thing = Thing(datetime(2026, 2, 2, 10, 30, tzinfo=UTC), Path("a/b"), Outcome.PASS, (1, 2))
    assert json.loads(json_text({"x": thing})) == {
        "x": {"at": "2026-02-02T10:30:00.000Z", "where": "a/b", "outcome": "pass", "parts": [1, 2]}
    }


@given(st.dictionaries(st.text(), st.text()))
def test_json_is_harmless_and_still_the_same_value(value: dict[str, str]) -> None:
    text = json_text(value)
    assert json.loads(text) == value
    assert printable(text) == text


@pytest.mark.parametrize(("share", "shown"), [(0, ""), (1, "████"), (0.5, "██"), (2, "████"), (0.125, "▌")])
def test_a_bar_shows_a_share(share: float, shown: str) -> None:
    assert bar(share, size=4) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (True, "yes"), (1.5, "1.5"), (2.0, "2"), (["a", "b"], "a, b"), (Outcome.FAIL, "fail")],
)
def test_cells(value: object, shown: str) -> None:
    assert cell(value) == shown
