"""The page: whole, harmless, and in need of nothing from outside."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from metaagent.learning.ablation import Result, Without, without
from metaagent.learning.report import Arm, Compared, Interval
from metaagent.learning.verdict import Facts, decide
from metaagent.monitor.page import Grid, Report, bar_chart, page
from metaagent.statistics import wilson

FACTS = Facts(60, 9, 6, 0.1, 30, Interval(0.5, 0.3, 0.7), 20, None, "", 4.0)


ABLATION = (
    without(
        "fixer",
        "h",
        "replayed",
        {"A": Result(False, 0.5), "B": Result(True, 1.0)},
        {"A": Result(True, 1.0), "B": Result(True, 1.0)},
    ),
    Without("strategy", "h", "not measured", next="metaagent evaluate --protocol <h>"),
)


def made(**fields: object) -> str:
    arm = Arm("v1 <b>", "h", 0, 20, wilson(5, 20), 0.2, 1.0, 400.0, None, 0.0)
    compared = Compared("v1 <b>", "h1", 0, 20, 8, 1, Interval(0.5, 0.3, 0.7), Interval(None), None)
    given: dict[str, object] = {"arms": (arm,), "compared": (compared,), "ablation": ABLATION, **fields}
    report = Report("What <was> learned", "2026-11-27", decide(FACTS), **given)  # type: ignore[arg-type]
    return page([report, report], [Grid("P & Q", ("a", "n"), (("<x>", 3),), frozenset({"n"}))])


class Tags(HTMLParser):
    """Every element is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the parser's signature
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        """A shape closes itself."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_page_is_whole_and_says_the_verdict() -> None:
    text = made()
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    assert '<p class="verdict go">go</p>' in text
    assert "50% (30% to 70%)" in text and "5 of 20" in text


def test_the_ablation_says_what_is_known_and_how_to_know_the_rest() -> None:
    text = made()
    assert "<td>fixers</td><td>replayed</td>" in text and "1 → 0" in text and "25.0% → 0.0%" in text
    assert "without strategies: not measured: <code>metaagent evaluate --protocol &lt;h&gt;</code>" in text
    assert "contributes" not in made(ablation=())


def test_names_from_elsewhere_are_text_not_markup() -> None:
    text = made()
    assert "<was>" not in text and "<x>" not in text and "<b>" not in text
    assert "P &amp; Q" in text


def test_a_page_opens_without_a_network() -> None:
    assert not re.search(r"https?:|//|<script|<link|@import|url\(", made().replace("<!doctype html>", ""))


def test_a_chart_keeps_to_its_bounds_and_its_letters_their_size() -> None:
    text = bar_chart([("a < b", 1.0, 0.5, 1.0, "9 of 9"), ("none", 0.0, 0.0, 0.4, "0 of 9")], "shares")
    assert "viewBox" not in text and "a &lt; b" in text
    shares = [float(found) for found in re.findall(r'(?:x1|x2|width)="([\d.]+)%"', text)]
    assert max(shares) == 100 and min(shares) == 0
    assert 'width="0.00%"' in text and 'x2="40.00%"' in text


def test_a_table_without_rows_says_so() -> None:
    assert '<p class="soft">none yet</p>' in page([], [Grid("Weeks", ("week",), ())])


def test_kinds_of_task_that_were_never_met_have_a_table_of_their_own() -> None:
    compared = Compared("v1", "h1", 0, 4, 3, 0, Interval(0.75, 0.2, 0.9), Interval(0.5, 0.1, 0.8), 0.0)
    assert "never met" not in made()
    assert "75% (20% to 90%)" in made(unseen=(compared,)).partition("never met")[2]


def test_what_does_not_count_is_said() -> None:
    assert '<p class="soft">left out: results of 3 tasks</p>' in made(left_out=("left out: results of 3 tasks",))


def test_nothing_measured_is_said() -> None:
    assert "Nothing is measured on sealed tasks yet." in made(arms=(), compared=())
