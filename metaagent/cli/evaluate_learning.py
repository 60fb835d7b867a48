"""What learning came to, as ``metaagent evaluate`` and ``full-cycle`` show it: tables, and the page of --html."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from metaagent.cli.render import counted
from metaagent.cli.state import Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from metaagent.learning.report import Arm, Compared
    from metaagent.learning.summary import Summary
    from metaagent.ledger.database import Ledger
    from metaagent.monitor.page import Grid

_HOLDS = {True: "holds", False: "no", None: "not measurable yet"}


def parts(one: Summary) -> list[str | Table]:
    """Sealed arms and the go/no-go rules of one domain and model."""
    title = f"\n{one.domain or 'no domain'} on {one.model}: sealed tasks ({one.in_force} is in force)"
    if not one.arms:
        return [title, *left_out(one)]
    columns: list[Column | str] = [
        "arm",
        Column("tasks", right=True),
        Column("failed", right=True),
        Column("95% interval", right=True),
        Column("wrong units", right=True),
        Column("fewer failed", right=True),
        Column("fewer errors", right=True),
        Column("gains/losses", right=True, minor=1),
        Column("broken", right=True, minor=2),
        Column("calls", right=True, minor=3),
    ]
    rows = [*_rows(one.arms, one.compared), *_rows(one.unseen_arms, one.unseen_compared, ", families never mined")]
    rules = [(rule.rule, rule.measured, _HOLDS[rule.holds]) for rule in one.decision.rules]
    holds = Column("holds", paint={"holds": "green", "no": "red", "not measurable yet": "yellow"})
    verdict = f"{one.decision.verdict}: {one.decision.why}"
    ablation: list[str | Table] = [*_ablation(one), ""] if one.ablation else []
    below = [*left_out(one), _kept(one), ""]
    return [title, Table(columns, rows), *below, *ablation, Table(["rule", "measured", holds], rules), verdict]


def left_out(one: Summary) -> list[str]:
    """What was measured and does not count, in plain words."""
    said = []
    if one.left_out.changed:
        said.append(f"left out: results of {counted(one.left_out.changed, 'task')} that changed since or are gone")
    if one.left_out.other_model:
        tasks = counted(one.left_out.other_model, "task")
        said.append(f"left out: results of {tasks} by another model that went by the name {one.model}")
    return said


def _rows(arms: Sequence[Arm], compared: Sequence[Compared], of: str = "") -> Iterator[tuple[object, ...]]:
    """One row for each arm, with what it brings against zero-shot on the same tasks."""
    from metaagent.monitor.page import interval

    by_arm = {(found.protocol, found.retries): found for found in compared}
    for arm in arms:
        against = by_arm.get((arm.protocol, arm.retries))
        head = (f"{arm.name}{of}", arm.n, arm.failed.k, f"{100 * arm.failed.low:.1f} to {100 * arm.failed.high:.1f}%")
        tail: tuple[object, ...] = ("-", "-", "-", "-")
        if against is not None:
            broken = "-" if against.broken is None else f"{against.broken:.1%}"
            of_fewer = "" if against.n == arm.n else f", n = {against.n}"
            changes = tuple(f"{interval(one)}{of_fewer}" for one in (against.fewer_failed, against.fewer_errors))
            tail = (*changes, f"{against.gains}/{against.losses}", broken)
        yield (*head, f"{arm.error_rate:.1%}", *tail, f"{arm.calls_per_task:.2f}")


def _ablation(one: Summary) -> list[str | Table]:
    """What is in force less one kind of remedy after the other; what has to be measured first is said below."""
    from metaagent.learning.ablation import plural
    from metaagent.monitor.page import ablation_cells

    columns: list[Column | str] = [
        "without",
        Column("from", minor=1),
        Column("tasks", right=True),
        Column("failed", right=True),
        Column("wrong units", right=True),
        Column("points fewer failed", right=True),
        Column("points fewer wrong", right=True),
        Column("gains/losses", right=True, minor=2),
    ]
    rows = [tuple(ablation_cells(row)) for row in one.ablation]
    missing = [f"without {plural(row.kind)}: not measured: {row.next}" for row in one.ablation if not row.n]
    return [
        f"what each kind of remedy of {one.in_force} contributes (without it → with it):",
        Table(columns, rows),
        *missing,
    ]


def _kept(one: Summary) -> str:
    """Generalization and forgetting, in one line."""
    said = []
    if one.generalization is not None:
        said.append(f"gain on unseen groups over gain on seen ones: {one.generalization:.0%}")
    lost = one.forgotten
    if lost.tasks:
        low, high = 100 * lost.low, 100 * lost.high
        said.append(f"forgotten: net {lost.lost - lost.regained} of {lost.tasks} ({low:.1f} to {high:.1f}%)")
    return "; ".join(said)


def write_page(ledger: Ledger, path: Path, found: list[Summary]) -> None:
    """One page for each domain would be many: the first has the charts, all have their tables."""
    from metaagent.cli.files import write_whole
    from metaagent.errors import StorageError, UsageError
    from metaagent.learning.summary import spent, weeks
    from metaagent.monitor.page import Grid, Report, page

    if not found:
        raise UsageError("nothing is measured on sealed tasks yet", mend="metaagent full-cycle")
    cost = spent(ledger)
    text = f"{cost.attempts} attempts, {cost.calls} calls, {cost.tokens} tokens, {cost.model_seconds:.0f} model seconds"
    shared = [
        Grid(
            "First tries of runs, by week",
            ("week", "attempts", "failed"),
            tuple((week.week, week.attempts, week.failed) for week in weeks(ledger)),
            frozenset({"attempts", "failed"}),
        ),
        _trials(ledger),
        Grid("What learning cost", ("spent on learning",), ((text,),)),
    ]
    reports = [
        Report(
            f"{one.domain or 'no domain'} on {one.model}",
            f"{ledger.now()[:16].replace('T', ' ')} UTC",
            one.decision,
            one.arms,
            one.compared,
            one.in_force,
            one.ablation,
            one.unseen_compared,
            tuple(left_out(one)),
        )
        for one in found
    ]
    try:
        write_whole(path, page(reports, shared).encode())
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error


def _trials(ledger: Ledger) -> Grid:
    from metaagent.ledger.trials import history
    from metaagent.monitor.page import Grid

    columns = ("k", "domain", "candidate", "verdict", "pairs", "gains", "losses", "E", "needed", "why")
    rows = tuple(
        (
            *(row["k"], row["domain"], row["candidate"][:12], row["verdict"] or "open", row["pairs"], row["gains"]),
            *(row["losses"], "-" if row["evidence"] is None else f"{row['evidence']:.1f}", f"{row['threshold']:.1f}"),
            row["reason"] or "",
        )
        for row in history(ledger)
    )
    return Grid(
        "Every candidate ever tried", columns, rows, frozenset({"k", "pairs", "gains", "losses", "E", "needed"})
    )
