"""``metaagent learn patterns``: the failures that come again, what they rest on, and a person's word on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.learn_errors import (
    Domain,
    Kind,
    Since,
    TaskOption,
    ValidatorOption,
    kind_named,
    task_named,
    validator_named,
)
from metaagent.cli.learn_promote import DryRun
from metaagent.cli.render import counted
from metaagent.cli.state import Column, State, Table, current, printable

if TYPE_CHECKING:
    from metaagent.learning.edits import Edit
    from metaagent.learning.mining import Evidence
    from metaagent.learning.patterns import Pattern
    from metaagent.ledger.error_events import EventFilters

app = typer.Typer(rich_markup_mode=None, add_completion=False, invoke_without_command=True)

_TRENDS = {"new": "yellow", "recurring": "red", "rising": "red", "falling": "green", "gone": "green"}


def complete_pattern(incomplete: str) -> list[tuple[str, str]]:
    """Ids of patterns with their templates, for shell completion. Silent about every problem."""
    from metaagent.errors import MetaagentError
    from metaagent.ledger.error_events import EventFilters

    state = current()
    try:
        found = mined(state, EventFilters(), least=1)
    except (MetaagentError, OSError, ValueError, LookupError):
        return []
    plain = str.maketrans("[]", "()")
    return [
        (one.id, printable(one.label or one.template)[:60].translate(plain))
        for one in found
        if one.id.startswith(incomplete)
    ]


PatternArgument = Annotated[
    str,
    typer.Argument(metavar="ID", help="A pattern, by its id or the beginning of it.", autocompletion=complete_pattern),
]


@app.callback()
def patterns(
    ctx: typer.Context,
    kind: Kind = None,
    task: TaskOption = None,
    domain: Domain = None,
    validator: ValidatorOption = None,
    since: Since = None,
    least: Annotated[int, typer.Option("--min", min=1, help="Only those of so many error events.")] = 3,
) -> None:
    """Groups of error events with one fingerprint: how many, how sure, and whether they come again."""
    if ctx.invoked_subcommand is not None:
        return
    from metaagent.cli.log import since_moment
    from metaagent.ledger.error_events import EventFilters

    state = current()
    filters = EventFilters(
        None, kind_named(kind), task_named(state, task), domain, validator_named(validator), since_moment(since)
    )
    found = mined(state, filters, least=1)
    shown = [one for one in found if one.events >= least]
    state.out("learn", [record(one) for one in shown], _table(shown))
    if len(found) > len(shown):
        state.notice(f"{len(found) - len(shown)} more groups have fewer than {least} error events: --min 1 shows them")
    if shown:
        state.notice(f"next: metaagent learn patterns show {shown[0].id}")


@app.command("show")
def show(pattern: PatternArgument) -> None:
    """Show one pattern with its evidence, and the most similar tasks that were solved and that failed."""
    from metaagent.cli.mine import mine_ledger
    from metaagent.learning import mining

    state = current()
    found = _find(state, pattern)
    with mine_ledger(state) as (ledger, tasks):
        evidence = mining.evidence(ledger, found, tasks)
    data = {**record(found), "tasks_affected": found.tasks, **_evidence_data(evidence)}
    state.out("learn", data, *_page(found, evidence))


@app.command("split")
def split(
    pattern: PatternArgument,
    signature: Annotated[
        list[str] | None, typer.Argument(help="Signatures of it to take out; default: all of them.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Take a merged pattern apart into its signatures; merge puts them together again."""
    from metaagent.learning import mining
    from metaagent.learning.edits import Edit

    state = current()
    found = _find(state, pattern)
    parts = mining.apart(found, signature or [])
    _edit(state, Edit("split", found.id, parts), dry_run, "\n".join(parts))


@app.command("merge")
def merge(
    pattern: Annotated[
        list[str],
        typer.Argument(
            metavar="ID ID...", help="The patterns; the first gives the id.", autocompletion=complete_pattern
        ),
    ],
    dry_run: DryRun = False,
) -> None:
    """Say that patterns are one; split takes them apart again."""
    from metaagent.learning import mining
    from metaagent.learning.edits import Edit

    state = current()
    found = [_find(state, text) for text in pattern]
    _edit(state, Edit("merge", found[0].id, mining.joined(found)), dry_run, found[0].id)


@app.command("label")
def label(
    pattern: PatternArgument,
    text: Annotated[str, typer.Argument(help='What to call it; "" takes the label away.')],
    dry_run: DryRun = False,
) -> None:
    """Give a pattern a name of your own."""
    from metaagent.learning.edits import Edit

    state = current()
    found = _find(state, pattern)
    _edit(state, Edit("label", found.id, found.group.members, " ".join(text.split())), dry_run, found.id)


def _edit(state: State, edit: Edit, dry_run: bool, text: str) -> None:
    """Notes it, unless it is only asked what would be noted, and says so."""
    from metaagent.ledger import pattern_edits

    if not dry_run:
        with state.ledger() as ledger:
            pattern_edits.record(ledger, edit.action, edit.pattern, edit.signatures, edit.text)
    data = {"action": edit.action, "pattern": edit.pattern, "signatures": edit.signatures, "dry_run": dry_run}
    state.out("learn", data, text)


def mined(state: State, filters: EventFilters, *, least: int) -> list[Pattern]:
    """The patterns of the workspace's ledger, from what may be looked at."""
    from dataclasses import replace

    from metaagent.cli.mine import mine_ledger
    from metaagent.learning import mining
    from metaagent.ledger.error_events import outdated

    if not state.has_ledger():
        return []
    with mine_ledger(state) as (ledger, tasks):
        wanted = replace(filters, tasks=tasks)
        if count := outdated(ledger, wanted):
            state.notice(f"left out: {counted(count, 'error event')} of models that have another content by now")
        return mining.patterns(ledger, tasks, filters=wanted, least=least)


def _find(state: State, text: str) -> Pattern:
    from metaagent.learning import mining
    from metaagent.ledger.error_events import EventFilters

    return mining.find(mined(state, EventFilters(), least=1), text)


def record(pattern: Pattern) -> dict[str, Any]:
    """One pattern as --json has it."""
    names = ("id", "kind", "validator", "label", "template", "route", "grouping", "events", "attempts")
    return {
        **{name: getattr(pattern, name) for name in names},
        "tasks": len(pattern.tasks),
        "reproducible": pattern.reproducible,
        "trend": pattern.trend,
        "first": pattern.first,
        "last": pattern.last,
        "expected": pattern.expected,
        "got": pattern.got,
        "members": pattern.group.members,
        "differences": pattern.group.differences,
    }


def _table(found: list[Pattern]) -> Table:
    columns: list[Column | str] = [
        "pattern",
        Column("kind", minor=1),
        Column("events", right=True, minor=2),
        Column("attempts", right=True),
        Column("recurrence", right=True),
        Column("grouping", right=True, minor=4),
        Column("reproducible", paint={"yes": "green"}),
        Column("trend", paint=_TRENDS),
        Column("first", minor=6),
        Column("last", minor=5),
        "template",
        Column("latest", minor=3),
    ]
    cells = [
        (
            one.id,
            one.kind,
            one.events,
            f"{one.attempts.k} of {one.attempts.n}",
            f"≥ {one.attempts.low:.0%}",
            f"≥ {one.grouping.low:.0%}",
            _yes(one.reproducible),
            one.trend,
            one.first[:10],
            one.last[:10],
            _short(one.label or one.template, 100),
            _values(one),
        )
        for one in found
    ]
    return Table(columns, cells, empty="no patterns yet: they need error events; next: metaagent run")


def _values(pattern: Pattern) -> str:
    """What the latest event expected and got, short."""
    if pattern.expected is None and pattern.got is None:
        return "-"
    return f"{_short(pattern.expected)}, not {_short(pattern.got)}"


def _short(value: str | None, size: int = 40) -> str:
    text = value or "nothing"
    return text if len(text) <= size else f"{text[: size - 1]}…"


def _yes(value: bool | None) -> str:
    return "-" if value is None else "yes" if value else "no"


def _page(pattern: Pattern, evidence: Evidence) -> list[str | Table]:
    """The page of one pattern, in reading order."""
    share = pattern.attempts
    head = [
        f"{pattern.id}  {pattern.label or pattern.template}",
        *([f"  template: {pattern.template}"] if pattern.label else []),
        f"  {pattern.kind}, {pattern.trend}; first {pattern.first[:19]}, last {pattern.last[:19]}",
        f"  recurrence: {share.k} of {share.n} attempts ({share.low:.0%} to {share.high:.0%}), {pattern.events} events"
        + (f", {len(pattern.tasks)} tasks" if pattern.tasks else ""),
        f"  grouping: {pattern.route}; such a group is pure with {pattern.grouping.low:.0%} at least",
    ]
    if pattern.reproducible is not None:
        how = "three tasks in each of two random halves, more often than not"
        head.append(f"  reproducible: {_yes(pattern.reproducible)} ({how})")
    for one in pattern.group.differences:
        head.append(f"  merged over word {one.position + 1}: {', '.join(one.words[:12])}{_more(one.words, 12)}")
    parts: list[str | Table] = [printable("\n".join(head), lines=True), _examples(evidence)]
    if evidence.solved or evidence.failed:
        parts.append(_similar(evidence))
    return parts


def _more(words: tuple[str, ...], shown: int) -> str:
    return f" and {len(words) - shown} more" if len(words) > shown else ""


def _examples(evidence: Evidence) -> Table:
    if any(one.task_id is None for one in evidence.examples):
        rows = [(one.location, one.time[:19], one.message) for one in evidence.examples]
        return Table(["source", "time", "message"], rows)
    values = [(one.task_id, one.location, one.expected, one.got, one.message) for one in evidence.examples]
    if all(one.expected is None and one.got is None for one in evidence.examples):
        return Table(["task", "location", "message"], [(row[0], row[1], row[4]) for row in values])
    return Table(["task", Column("location", minor=1), "expected", "got"], [row[:4] for row in values])


def _similar(evidence: Evidence) -> Table:
    rows = [("solved", one.task_id, f"{one.overlap:.0%}", one.to) for one in evidence.solved]
    rows += [("failed otherwise", one.task_id, f"{one.overlap:.0%}", one.to) for one in evidence.failed]
    return Table(["similar tasks", "task", Column("words in common", right=True), "with"], rows)


def _evidence_data(evidence: Evidence) -> dict[str, Any]:
    return {"examples": evidence.examples, "similar_solved": evidence.solved, "similar_failed": evidence.failed}
