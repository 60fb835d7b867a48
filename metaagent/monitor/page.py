"""One self-contained page: no script, no network, charts as inline SVG. Pure: a report in, HTML out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from metaagent.learning.ablation import Without, plural
from metaagent.learning.report import Arm, Compared, Interval
from metaagent.learning.verdict import Decision, Verdict

STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5b6775; --line: #d8dee6; --paper: #fff; --bar: #2f6fb2;
  --good: #1d7f4e; --bad: #b3352b; --open: #8a6d00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa7b5; --line: #3a4653; --paper: #161c23;
  --bar: #6aa7e8; --good: #5cc48d; --bad: #ef8177; --open: #e0bd4a; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 2.5rem 0 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .4rem 0; } .soft { color: var(--soft); } .go { color: var(--good); } .no-go { color: var(--bad); }
.not { color: var(--open); } .verdict { font-size: 1.3rem; font-weight: 600; margin: .8rem 0 .2rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; color: var(--soft); font-size: .85rem; } td.n, th.n { text-align: right; white-space: nowrap; }
td.go, td.no-go, td.not { white-space: nowrap; }
.grid td:not(.n) { min-width: 6rem; } .grid td.long { min-width: 14rem; } code { overflow-wrap: anywhere; }
.chart { display: block; max-width: 46rem; overflow: visible; margin: .3rem 0 1rem; }
svg text { font: 13px system-ui, sans-serif; fill: var(--ink); }
svg .axis { stroke: var(--line); } svg .bar { fill: var(--bar); }
svg .whisker { stroke: var(--ink); stroke-width: 1.5; }
svg .tick { fill: var(--soft); font-size: 11px; }
"""
LONG = 40
"""Characters of a text that is given room to be read in, where a table is wider than the screen."""
GENERATOR = '<meta name="generator" content="metaagent">'
"""By this a page is known for one that may be written anew."""
_META = f'<meta charset="utf-8">{GENERATOR}<meta name="viewport" content="width=device-width">'
_CLASSES = {Verdict.GO: "go", Verdict.NO_GO: "no-go", Verdict.NOT_ENOUGH: "not"}


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: the columns that hold numbers are named in ``numbers``."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    numbers: frozenset[str] = frozenset()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What learning came to for one domain and model. ``unseen``: comparisons on families that were never mined;
    ``left_out``: what was measured and does not count, in plain words."""

    title: str
    made: str
    decision: Decision
    arms: tuple[Arm, ...]
    compared: tuple[Compared, ...]
    in_force: str = ""
    ablation: tuple[Without, ...] = ()
    unseen: tuple[Compared, ...] = ()
    left_out: tuple[str, ...] = ()


def page(reports: Sequence[Report], grids: Sequence[Grid] = ()) -> str:
    """A whole HTML document: the reports one after the other, then the tables that they share."""
    parts = [part for report in reports for part in _report(report)] + [_grid(grid) for grid in grids]
    title = "Does it improve?"
    head = f"{_META}<title>{title}</title><style>{STYLE}</style>"
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{body}\n</body>\n</html>\n'


def _report(report: Report) -> list[str]:
    return [
        f"<h1>{escape(report.title)}</h1>",
        f'<p class="soft">made {escape(report.made)}; sealed tasks are those that learning never saw</p>',
        _decision(report.decision),
        *_arms(report.arms),
        *(f'<p class="soft">{escape(said)}</p>' for said in report.left_out),
        *_comparisons(report.compared, "Against zero-shot, the same tasks"),
        *_comparisons(report.unseen, "The same on kinds of task that learning never met"),
        *_ablation(report),
    ]


def _decision(decision: Decision) -> str:
    marks = {True: "holds", False: "does not hold", None: "not measurable yet"}
    classes = {True: "go", False: "no-go", None: "not"}
    rows = "".join(
        f"<tr><td>{escape(rule.rule)}</td><td>{escape(rule.measured)}</td>"
        f'<td class="{classes[rule.holds]}">{marks[rule.holds]}</td></tr>'
        for rule in decision.rules
    )
    return (
        f'<p class="verdict {_CLASSES[decision.verdict]}">{escape(decision.verdict)}</p><p>{escape(decision.why)}</p>'
        f'<h2>Go or no-go, rule by rule</h2><div class="wide"><table><tr><th>rule</th><th>measured</th><th></th></tr>'
        f"{rows}</table></div>"
    )


def _arms(arms: Sequence[Arm]) -> Iterable[str]:
    if not arms:
        yield "<h2>Failed sealed tasks</h2><p>Nothing is measured on sealed tasks yet.</p>"
        return
    bars = [
        (arm.name, arm.failed.share or 0.0, arm.failed.low, arm.failed.high, f"{arm.failed.k} of {arm.n}")
        for arm in arms
    ]
    yield "<h2>Failed sealed tasks, with 95% intervals</h2>" + bar_chart(bars, "share of sealed tasks that failed")
    columns = ("arm", "tasks", "failed", "wrong units", "calls/task", "tokens/task", "seconds/task")
    rows = tuple(
        (
            *(arm.name, arm.n, arm.failed.k, f"{arm.error_rate:.1%}", f"{arm.calls_per_task:.2f}"),
            *(f"{arm.tokens_per_task:.0f}", "-" if arm.seconds_per_task is None else f"{arm.seconds_per_task:.1f}"),
        )
        for arm in arms
    )
    yield _grid(Grid("", columns, rows, frozenset(columns[1:])))


def _comparisons(compared: Sequence[Compared], title: str) -> Iterable[str]:
    if not compared:
        return
    columns = ("arm", "tasks", "gains", "losses", "fewer failed tasks", "fewer wrong units", "right ones broken")
    rows = tuple(
        (
            *(one.name, one.n, one.gains, one.losses, interval(one.fewer_failed), interval(one.fewer_errors)),
            "-" if one.broken is None else f"{one.broken:.1%}",
        )
        for one in compared
    )
    yield _grid(Grid(title, columns, rows, frozenset(columns[1:])))


def _ablation(report: Report) -> Iterable[str]:
    if not report.ablation:
        return
    columns = ("without", "from", "tasks", "failed", "wrong units", "fewer failed", "fewer wrong", "gains/losses")
    rows = tuple(ablation_cells(row) for row in report.ablation)
    title = f"What each kind of remedy of {report.in_force} contributes"
    note = (
        "Without one kind → with it, on the same sealed tasks; fewer by so many points of all tasks, or of all units."
    )
    yield _grid(Grid(title, columns, rows, frozenset(columns[2:]), note))
    for row in report.ablation:
        if not row.n:
            yield f'<p class="soft">without {plural(row.kind)}: not measured: <code>{escape(row.next)}</code></p>'


def ablation_cells(row: Without) -> tuple[object, ...]:
    """A row of the ablation: kind, source, tasks, failed and wrong units without it and with it, what it brings."""
    if row.errors_without is None or row.errors_with is None:
        return (plural(row.kind), row.how, *["-"] * 6)
    return (
        *(plural(row.kind), row.how, row.n, f"{row.failed_without.k} → {row.failed_with.k}"),
        f"{row.errors_without:.1%} → {row.errors_with:.1%}",
        *(points(row.fewer_failed), points(row.fewer_errors), f"{row.gains}/{row.losses}"),
    )


def points(found: Interval) -> str:
    """A difference of shares with its 95% interval, in points."""
    if found.value is None or found.low is None or found.high is None:
        return "-"
    return f"{100 * found.value:.0f} ({100 * found.low:.0f} to {100 * found.high:.0f})"


def interval(found: Interval) -> str:
    """A relative change with its 95% interval."""
    if found.value is None:
        return "-"
    if found.low is None or found.high is None:
        return f"{found.value:.0%}"
    return f"{found.value:.0%} ({found.low:.0%} to {found.high:.0%})"


def _grid(grid: Grid) -> str:
    def cell(tag: str, column: str, value: object) -> str:
        kind = ' class="n"' if column in grid.numbers else ' class="long"' if len(str(value)) > LONG else ""
        return f"<{tag}{kind}>{escape(str(value))}</{tag}>"

    head = "".join(cell("th", column, column) for column in grid.columns)
    rows = "".join(
        "<tr>" + "".join(cell("td", *pair) for pair in zip(grid.columns, row, strict=True)) + "</tr>"
        for row in grid.rows
    )
    title = f"<h2>{escape(grid.title)}</h2>" if grid.title else ""
    note = f'<p class="soft">{escape(grid.note)}</p>' if grid.note else ""
    if not grid.rows:
        return f'{title}{note}<p class="soft">none yet</p>'
    return f'{title}{note}<div class="wide"><table class="grid"><tr>{head}</tr>{rows}</table></div>'


def bar_chart(bars: Sequence[tuple[str, float, float, float, str]], caption: str) -> str:
    """Horizontal bars from 0 to 1: (name, value, low, high, note); the whisker is the interval. Lengths are shares of
    the width and letters keep their size, so that it can be read on a narrow screen too."""
    step, height, first = 48, 18, 22
    tall = step * len(bars) + 22
    parts = [f'<svg class="chart" width="100%" height="{tall}" role="img" aria-label="{escape(caption)}">']
    for tick, anchor in ((0, "start"), (25, "middle"), (50, "middle"), (75, "middle"), (100, "end")):
        parts.append(f'<line class="axis" x1="{tick}%" y1="0" x2="{tick}%" y2="{tall - 20}"/>')
        parts.append(f'<text class="tick" x="{tick}%" y="{tall - 6}" text-anchor="{anchor}">{tick}%</text>')
    for number, (name, value, low, high, note) in enumerate(bars):
        top = number * step
        y, middle = top + first, top + first + height / 2
        parts.append(f'<text x="2" y="{top + 16}">{escape(name)}</text>')
        parts.append(f'<text x="100%" dx="-2" y="{top + 16}" text-anchor="end">{value:.0%}, {escape(note)}</text>')
        parts.append(f'<rect class="bar" x="0" y="{y}" width="{value:.2%}" height="{height}" rx="2"/>')
        parts.append(f'<line class="whisker" x1="{low:.2%}" y1="{middle}" x2="{high:.2%}" y2="{middle}"/>')
        for end in (low, high):
            parts.append(f'<line class="whisker" x1="{end:.2%}" y1="{middle - 5}" x2="{end:.2%}" y2="{middle + 5}"/>')
    return "".join(parts) + "</svg>"
