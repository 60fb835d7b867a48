"""``metaagent evaluate``: how well the work goes, as counts with intervals; or a measurement of a set of tasks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent.cli.complete import complete_domain, complete_measured, complete_set, one_of
from metaagent.cli.render import counted
from metaagent.cli.state import Column, State, Table, complete_agent, current

if TYPE_CHECKING:
    from metaagent.evaluation import Measures
    from metaagent.learning.summary import Summary
    from metaagent.ledger.database import Ledger
    from metaagent.statistics import Proportion

SPLITS = ("mine", "gate", "sealed")
GROUPS = ("agent", "domain", "model", "protocol")


def command(
    since: Annotated[str | None, typer.Option(metavar="SPAN", help="Attempts started within 2h, 7d...")] = None,
    by: Annotated[str | None, typer.Option(**one_of(GROUPS), help="One row for each.")] = None,
    tasks: Annotated[
        str | None,
        typer.Option(
            metavar="SET", help="Measure this set of tasks now; the board stays as it is.", autocompletion=complete_set
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="V",
            help="With --tasks: 0 for none, a hash, or placebo; default: in force.",
            autocompletion=complete_measured,
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(**one_of(SPLITS), help="With --tasks: only this part of the set.")
    ] = None,
    agent: Annotated[
        str | None, typer.Option(metavar="AGENT", help="With --tasks: by this agent.", autocompletion=complete_agent)
    ] = None,
    retries: Annotated[int, typer.Option(min=0, max=10, help="With --tasks: further rungs after the first try.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="With --tasks or --reveal: at most this many tasks.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, max=256, help="With --tasks: attempts at once.")] = None,
    learning: Annotated[bool, typer.Option("--learning", help="Only what learning came to, on sealed tasks.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one self-contained page with charts.")
    ] = None,
    reveal: Annotated[
        bool,
        typer.Option("--reveal", help="Show the errors of sealed tasks (of --tasks, --domain), which retires them."),
    ] = False,
    domain: Annotated[
        str | None,
        typer.Option(
            "--domain",
            metavar="DOMAIN",
            help="With --reveal: only this domain and those below.",
            autocompletion=complete_domain,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --reveal: do not ask.")] = False,
) -> None:
    """Success, errors, latency, tokens, cost, with 95% intervals; what learning came to; or measure a set of tasks."""
    from metaagent.errors import UsageError

    state = current()
    _known(by, split)
    if (domain is not None or yes) and not reveal:
        raise UsageError("that option goes with --reveal", mend="metaagent evaluate --reveal")
    measuring = tasks is not None and not reveal
    how_to_measure = (protocol, split, agent, jobs, retries) != (None, None, None, None, 0)
    if (how_to_measure and not measuring) or (limit is not None and not (measuring or reveal)):
        raise UsageError("that option goes with --tasks", mend="metaagent evaluate --tasks SET --protocol 0")
    if reveal:
        from metaagent.cli.evaluate_reveal import reveal_sealed
        from metaagent.learning.reveal import Scope

        reveal_sealed(state, Scope(tasks, domain, limit), yes=yes)
        return
    if tasks is not None:
        options = {"split": split, "agent": agent, "retries": retries, "limit": limit, "jobs": jobs}
        _measure_set(state, tasks, protocol, options)
        return
    if html is not None:
        from metaagent.cli.files import only_our_page

        only_our_page(html)  # before anything is computed that would then not be written
    summaries = _learned(state, ablation=learning or html is not None)
    if html is not None:
        _write_page(state, html, summaries)
    if learning:
        state.out("evaluate", summaries, *(learning_report(summaries) or ["nothing is measured on sealed tasks yet"]))
        return
    found = _past(state, since, by)
    state.out("evaluate", found, *report(found), *learning_report(summaries))
    if not found[0].attempts and not summaries:
        state.notice("no attempt has ended in that time; next: metaagent run")


def _known(by: str | None, split: str | None) -> None:
    """Raises UsageError for a group or a split that there is not."""
    from metaagent.errors import UsageError

    if by is not None and by not in GROUPS:
        raise UsageError(f"cannot group by '{by}'", mend=f"--by {'|'.join(GROUPS)}")
    if split is not None and split not in SPLITS:
        raise UsageError(f"no split '{split}'", mend=f"--split {'|'.join(SPLITS)}")


def _learned(state: State, *, ablation: bool) -> list[Summary]:
    if not state.has_ledger():
        return []
    if ablation:
        return learning_summaries(state)
    with state.ledger(read_only=True) as ledger:
        return _summaries(state, ledger)


def learning_summaries(state: State) -> list[Summary]:
    """What learning came to, for each domain and model that was measured on sealed tasks, with what each kind of remedy
    contributes."""
    from metaagent.orchestrator.ablation import with_ablation

    with state.ledger() as ledger:
        return with_ablation(state.workspace(), ledger, _summaries(state, ledger), state.notice)


def _summaries(state: State, ledger: Ledger) -> list[Summary]:
    from functools import partial

    from metaagent.learning.pattern_counts import pattern_counts
    from metaagent.learning.summary import summaries
    from metaagent.orchestrator.trials import all_tasks

    tasks = {task.id: task.hash for task in all_tasks(state.workspace())}
    return [one for one in summaries(ledger, tasks, partial(pattern_counts, ledger)) if one.sealed or one.left_out]


def learning_report(found: list[Summary]) -> list[str | Table]:
    """For each domain: the arms on sealed tasks, each against zero-shot, and the go/no-go table."""
    from metaagent.cli.evaluate_learning import parts

    return [part for one in found for part in parts(one)]


def _write_page(state: State, path: Path, found: list[Summary]) -> None:
    from metaagent.cli.evaluate_learning import write_page

    with state.ledger() as ledger:
        write_page(ledger, path, found)
    state.notice(f"wrote {path}")


def _past(state: State, since: str | None, by: str | None) -> list[Measures]:
    """All attempts of runs together, then one entry for each group."""
    from metaagent.cli.log import since_moment
    from metaagent.evaluation import measures
    from metaagent.ledger.metrics import Scope, measure

    scope = Scope(since_moment(since))
    if not state.has_ledger():
        return [nothing()]
    with state.ledger(read_only=True) as ledger:
        whole = measure(ledger, "all", scope)
        groups = measure(ledger, by, scope) if by else []
    return [measures(counts) for counts in [*whole, *groups]] or [nothing()]


def nothing() -> Measures:
    """What is known before anything has ended."""
    from metaagent.evaluation import measures
    from metaagent.ledger.metrics import Metrics, Percentiles

    none = Percentiles(0, 0.0, 0.0, 0.0, 0.0)
    return measures(Metrics("all", *(0,) * 9, None, *(0,) * 4, 0.0, 0.0, 0.0, 0, {}, none, none))


def _measure_set(state: State, name: str, protocol: str | None, options: dict[str, Any]) -> None:
    from metaagent.cli.progress import watching
    from metaagent.evaluation import measures
    from metaagent.ledger.metrics import Scope, measure
    from metaagent.orchestrator.evaluate import evaluate

    with watching(state) as observer:
        made = evaluate(state.workspace(), name, protocol, observer, **options)
    with state.ledger(read_only=True) as ledger:
        counts = measure(ledger, "all", Scope(purpose="evaluate", run_id=made.run_id))
    found = [measures(one) for one in counts] or [nothing()]
    state.out("evaluate", found, *report(found))
    state.notice(f"{made.tasks} tasks in {made.seconds:.1f} s, model busy {made.busy:.0%}; run {made.run_id}")
    if made.status:
        raise typer.Exit(made.status)


def report(found: list[Measures]) -> list[str | Table]:
    """The whole with charts, then the groups in one table."""
    whole, groups = found[0], found[1:]
    size = f"{counted(whole.attempts, 'attempt')} at {counted(whole.tasks, 'task')}"
    parts: list[str | Table] = [size, "", _shares(whole), ""]
    parts.append(Table(["measure", "value"], _values(whole)))
    if groups:
        parts += ["", _group_table(groups)]
    return parts


def _shares(whole: Measures) -> Table:
    columns: list[Column | str] = [
        "rate",
        Column("k", right=True),
        Column("n", right=True),
        Column("share", right=True),
        Column("95% interval", right=True),
        "chart",
    ]
    named = {
        "completion (tasks with a verdict)": whole.completion,
        "solved (tasks)": whole.solved,
        "success (attempts)": whole.success,
        "pass at first try (attempts)": whole.first_try,
        **{f"error: {kind} (attempts)": share for kind, share in whole.errors.items()},
    }
    return Table(columns, [(name, *_cells(share)) for name, share in named.items()])


def _cells(share: Proportion) -> tuple[object, ...]:
    from metaagent.cli.render import bar

    if share.share is None:
        return (share.k, share.n, "-", "-", "")
    return (share.k, share.n, _percent(share.share), _interval(share), bar(share.share))


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"


def _interval(share: Proportion) -> str:
    return f"{100 * share.low:.1f} to {100 * share.high:.1f}%"


def _values(whole: Measures) -> list[tuple[str, object]]:
    latency = whole.latency
    seconds = [value for value in (latency.p50, latency.p90, latency.p99, latency.max) if value is not None]
    return [
        ("mean score", "-" if whole.score is None else f"{whole.score:.3f}"),
        ("seconds of an attempt: p50, p90, p99, longest", ", ".join(f"{value:.1f}" for value in seconds) or "-"),
        ("model calls", whole.calls),
        ("tokens read, written", f"{whole.prompt_tokens}, {whole.reply_tokens}"),
        ("tokens per solved task", _rounded(whole.tokens_per_solved)),
        ("cost", f"{whole.cost:.4f}"),
        ("human interventions", whole.interventions),
        ("inconclusive, interrupted attempts", f"{whole.inconclusive}, {whole.interrupted}"),
    ]


def _rounded(value: float | None) -> object:
    return "-" if value is None else round(value)


def _group_table(groups: list[Measures]) -> Table:
    columns: list[Column | str] = [
        "group",
        Column("attempts", right=True),
        Column("solved", right=True),
        Column("of", right=True),
        Column("share", right=True),
        Column("95% interval", right=True),
        Column("chart", minor=4),
        Column("p50 s", right=True, minor=2),
        Column("p90 s", right=True, minor=3),
        Column("tokens/solved", right=True, minor=1),
        Column("cost", right=True, minor=6),
        Column("interventions", right=True, minor=5),
    ]
    rows = [
        (
            *(one.group or "0", one.attempts, *_cells(one.solved), one.latency.p50, one.latency.p90),
            *(_rounded(one.tokens_per_solved), f"{one.cost:.4f}", one.interventions),
        )
        for one in groups
    ]
    return Table(columns, rows)
