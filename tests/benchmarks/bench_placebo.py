"""Placebo remedies through the real trial and the real gate, on a copy of a workspace: none should be promoted.

    python -m tests.benchmarks.bench_placebo WORKSPACE [--into DIR] [--fresh] [--count 12] [--budget 2h]

Each placebo is what is in force with one remedy more that says or does nothing: neutral lines of several lengths, some
limited to tasks with a word drawn at random; a fixer that comes to act in one task at most; options that mean nothing.
They are tried one after the other, numbered as any candidates are. The workspace itself is read only, never written.

With ``--into DIR`` the copy stays, and the same command again goes on where it was stopped, kill -9 included. Exit
status 1 where any placebo was promoted: the copy then goes back to what was in force, and the others are tried too.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from metaagent.errors import MetaagentError, UsageError, told
from metaagent.learning.placebo import neutral_text
from metaagent.learning.trial import METRICS
from metaagent.ledger import protocols, trials, trust
from metaagent.ledger.connect import back_up
from metaagent.ledger.database import Ledger
from metaagent.orchestrator.budget import Usage, parse_budget, spent
from metaagent.orchestrator.candidates import Subject, subjects
from metaagent.orchestrator.trials import TrialOptions, TrialResult
from metaagent.orchestrator.trials import test as try_candidate
from metaagent.records import Protocol, Remedy
from metaagent.remedies.fixers import SHIPPED
from metaagent.remedies.trigger import own_words
from metaagent.statistics import wilson
from metaagent.tasks.brief import brief
from metaagent.workspace import Workspace

FEWEST = 10
MANIFEST = "placebos.json"
RULES = (
    ("politeness", "Please and thank you."),
    ("weather", "The weather is mild today."),
    ("line of 40 tokens", neutral_text(40, 3)),
    ("line of 120 tokens", neutral_text(120, 50)),
    ("line of 400 tokens", neutral_text(400, 100)),
)
_LEFT_OUT = frozenset({".git", ".venv", "__pycache__", ".metaagent"})
_WORD = re.compile(r"[^\W\d_]{4,}")


@dataclass(frozen=True)
class Placebo:
    name: str
    remedy: Remedy


@dataclass(frozen=True)
class Series:
    """What is tried in a copy, written down before the first trial: ``base`` is what is in force there."""

    source: str
    domain: str
    model: str
    base: str
    placebos: tuple[Placebo, ...]


@dataclass(frozen=True)
class Wishes:
    metric: str = "passed"
    limit: int | None = None
    jobs: int | None = None
    budget: str | None = None


@dataclass(frozen=True)
class Row:
    """One placebo as the table shows it; ``verdict`` is open where the budget ended before its trial, too few tasks
    where nothing could be registered."""

    placebo: str
    verdict: str
    k: int | None = None
    pairs: int = 0
    gains: int = 0
    losses: int = 0
    evidence: float = 1.0
    needed: float = 0.0


def placebos(subject: Subject, options: dict[str, Any], seed: int) -> Iterator[Placebo]:
    """Endless, and the same for the same seed; the first twelve are of every kind. ``options`` are those in force."""
    chance = random.Random(seed)
    common, rare = words(subject)
    for name, text in RULES:
        yield Placebo(name, Remedy("rule", "placebo", {"text": text}))
    penalty, predict = options["repeat_penalty"], options["num_predict"]
    yield Placebo("penalty + 0.01", Remedy("option", "options", {"repeat_penalty": round(penalty + 0.01, 4)}))
    yield Placebo("num_predict + 1", Remedy("option", "options", {"num_predict": predict + 1}))
    yield Placebo("a stop never said", Remedy("option", "options", {"stop": [*options["stop"], "\u241e\u241e"]}))
    for number in range(sys.maxsize):
        if number % 4 == 3:
            fixer, word = chance.choice(sorted(SHIPPED)), chance.choice(rare)
            yield Placebo(f"{fixer} at '{word}'", Remedy("fixer", fixer, {"trigger": {"all": [word]}}))
        else:
            word, text = chance.choice(common), neutral_text(chance.randrange(10, 80), chance.randrange(400))
            yield Placebo(f"line at '{word}'", Remedy("rule", "placebo", {"text": text, "trigger": {"any": [word]}}))


def words(subject: Subject) -> tuple[list[str], list[str]]:
    """Words of the mine tasks, in order: those of several tasks, and those of one alone. Raises UsageError where the
    tasks have no words to draw from."""
    seen = Counter(word for task in subject.tasks for word in set(_WORD.findall(own_words(brief(task)))))
    once = sorted(word for word, n in seen.items() if n == 1)
    several = sorted(word for word, n in seen.items() if 1 < n < len(subject.tasks))
    if not seen:
        raise UsageError(f"the tasks of {subject.domain or 'no domain'} have no words to draw triggers from")
    return several or sorted(seen), once or sorted(seen)


def copy_of(source: Path, into: Path, *, fresh: bool, domain: str | None, count: int, seed: int) -> Series:
    """The series in the copy ``into``: as it was begun there, else made now, all of it or nothing."""
    if (into / MANIFEST).exists():
        found = _read(into / MANIFEST)
        if found.source != str(source):
            raise UsageError(f"{into} holds a copy of {found.source}", mend="--into another folder")
        return found
    if into.exists() and any(into.iterdir()):
        raise UsageError(f"{into} is not empty, and no copy of a workspace", mend="--into another folder")
    making = into.with_name(f"{into.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    shutil.copytree(source, making, ignore=lambda _folder, names: _LEFT_OUT.intersection(names), symlinks=True)
    workspace = Workspace(making)
    workspace.state_dir.mkdir()
    if Workspace(source).config_path.exists():
        shutil.copy(Workspace(source).config_path, workspace.config_path)
    if Workspace(source).ledger_path.exists():
        _copy_ledger(Workspace(source).ledger_path, workspace.ledger_path)
    if fresh:
        _begin_anew(workspace)
    series = _series(workspace, source, domain, count, seed)
    (making / MANIFEST).write_text(json.dumps(asdict(series), indent=1), encoding="utf-8")
    if into.exists():
        into.rmdir()
    making.rename(into)
    return series


def _copy_ledger(source: Path, target: Path) -> None:
    """By SQLite's backup. Where nobody has the ledger open it is opened as a file that never changes: else SQLite
    would leave its own files beside it."""
    wal = source.with_name(f"{source.name}-wal")
    mode = "mode=ro" if wal.exists() and wal.stat().st_size else "immutable=1"
    with closing(sqlite3.connect(f"{source.as_uri()}?{mode}", uri=True)) as connection:
        back_up(connection, target)


def _begin_anew(workspace: Workspace) -> None:
    """An empty ledger that keeps what a person said may run: version 0 is in force, and the next candidate is the
    first."""
    known: dict[str, str] = {}
    if workspace.ledger_path.exists():
        with workspace.open_ledger() as ledger:
            known = trust.all_trusted(ledger)
        for path in workspace.state_dir.glob("ledger.db*"):
            path.unlink()
    with workspace.open_ledger() as ledger:
        trust.record(ledger, known.items(), "bench_placebo")


def _series(workspace: Workspace, source: Path, domain: str | None, count: int, seed: int) -> Series:
    """For the domain with the most mine tasks."""
    with workspace.open_ledger() as ledger:
        found = subjects(workspace, ledger, domain)
        if not found:
            raise UsageError("no tasks that something checks and somebody may do", mend="metaagent task list")
        subject = max(found, key=lambda one: len(one.tasks))
        base = protocols.active(ledger, subject.domain, subject.model)
        settings = workspace.config.model(subject.model)
        options: dict[str, Any] = {
            "repeat_penalty": settings.repeat_penalty,
            "num_predict": settings.num_predict,
            "stop": [],
        }
        for remedy in base.remedies:
            options |= {key: value for key, value in remedy.settings.items() if remedy.kind == "option"}
        made = tuple(islice(placebos(subject, options, seed), count))
        return Series(str(source), subject.domain, subject.model, base.hash, made)


def _read(path: Path) -> Series:
    value = json.loads(path.read_text(encoding="utf-8"))
    made = tuple(Placebo(one["name"], Remedy(**one["remedy"])) for one in value.pop("placebos"))
    return Series(**value, placebos=made)


def run(copy: Path, series: Series, wishes: Wishes) -> Iterator[Row]:
    """Tries what is not decided yet, one placebo after the other, until the budget is spent."""
    workspace, budget = Workspace(copy), parse_budget(wishes.budget)
    calls, started = 0, time.monotonic()
    base = _base(workspace, series)
    for placebo in series.placebos:
        over = spent(budget, Usage(seconds=time.monotonic() - started, calls=calls)) is not None
        if over and not _decided(workspace, base, series, placebo):
            yield Row(placebo.name, "open")
            continue
        result = _tried(workspace, base, series, placebo, wishes)
        calls += result.spent.calls
        yield _row(placebo, result)


def _base(workspace: Workspace, series: Series) -> Protocol:
    with workspace.open_ledger() as ledger:
        if series.base == protocols.empty().hash:
            return protocols.empty(series.domain, series.model)
        return protocols.load(ledger, series.base)


def _candidate(base: Protocol, series: Series, placebo: Placebo) -> Protocol:
    remedies = (*base.remedies, placebo.remedy)
    digest = protocols.protocol_hash(series.domain, series.model, remedies)
    return Protocol(0, series.domain, series.model, remedies, digest)


def _decided(workspace: Workspace, base: Protocol, series: Series, placebo: Placebo) -> bool:
    candidate = _candidate(base, series, placebo)
    with workspace.open_ledger(read_only=True) as ledger:
        return trials.decided(ledger, base.hash, candidate.hash, series.domain, series.model) is not None


def _tried(workspace: Workspace, base: Protocol, series: Series, placebo: Placebo, wishes: Wishes) -> TrialResult:
    """Against what was in force at first, which a promoted placebo before it is taken back for."""
    with workspace.open_ledger() as ledger:
        _put_back(ledger, base, series)
    options = TrialOptions(metric=wishes.metric, jobs=wishes.jobs, limit=wishes.limit, note=f"placebo: {placebo.name}")
    return try_candidate(workspace, _candidate(base, series, placebo), options, lambda _progress: None, _tell)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _put_back(ledger: Ledger, base: Protocol, series: Series) -> None:
    if protocols.active(ledger, series.domain, series.model).hash != base.hash:
        protocols.put_in_force(ledger, base, "rollback", "a placebo was promoted")


def _row(placebo: Placebo, result: TrialResult) -> Row:
    now = result.standing
    verdict = result.verdict if result.k is not None else "too few tasks"
    return Row(placebo.name, verdict, result.k, now.pairs, now.gains, now.losses, now.evidence, result.terms.threshold)


def table(rows: Sequence[Row]) -> str:
    head = f"{'placebo':32}{'k':>4}{'pairs':>7}{'gains':>7}{'losses':>8}{'E':>9}{'needed':>9}  verdict"
    lines = [
        f"{row.placebo[:31]:32}{row.k or '-':>4}{row.pairs:>7}{row.gains:>7}{row.losses:>8}{row.evidence:>9.2f}"
        f"{row.needed:>9.1f}  {row.verdict}"
        for row in rows
    ]
    return "\n".join([head, *lines, "", closing_line(rows)])


def closing_line(rows: Sequence[Row]) -> str:
    decided = [row for row in rows if row.k is not None]
    promoted = sum(row.verdict == "promote" for row in decided)
    bound = wilson(promoted, len(decided))
    pairs, gains, losses = (sum(getattr(row, name) for row in rows) for name in ("pairs", "gains", "losses"))
    said = (
        f"{promoted or 'none'} of {len(decided)} promoted (95%: {bound.low:.0%} to {bound.high:.0%} of such trials); "
        f"{pairs} pairs in all, {gains} gains, {losses} losses"
    )
    left = len(rows) - len(decided)
    return f"{said}; {left} not tried" if left else said


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--into", type=Path, help="keep the copy here, and go on with it")
    parser.add_argument("--fresh", action="store_true", help="leave the ledger behind: version 0, the first candidate")
    parser.add_argument("--domain", help="default: the one with the most mine tasks")
    parser.add_argument("--count", type=int, default=12, help=f"placebos, {FEWEST} at least")
    parser.add_argument("--limit-pairs", type=int, help="at most so many gate tasks in each trial")
    parser.add_argument("--budget", help="30m, 200calls: no further trial begins after that")
    parser.add_argument("--metric", choices=METRICS, default="passed")
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    if options.count < FEWEST:
        parser.error(f"--count: {FEWEST} at least")
    source = options.workspace.resolve()
    into = options.into.resolve() if options.into else Path(tempfile.mkdtemp(prefix="placebo-"))
    wishes = Wishes(options.metric, options.limit_pairs, options.jobs, options.budget)
    try:
        series = copy_of(
            source, into, fresh=options.fresh, domain=options.domain, count=options.count, seed=options.seed
        )
        _tell(f"{series.domain or 'no domain'} on {series.model}, in {into}")
        rows = []
        for row in run(into, series, wishes):
            _tell(f"{row.placebo}: {row.verdict} after {row.pairs} pairs")
            rows.append(row)
    except MetaagentError as error:
        _tell(told(error.message, error.mend))
        return error.exit_status
    print(json.dumps([asdict(row) for row in rows], indent=1) if options.json else table(rows))
    if options.into is None:
        shutil.rmtree(into)
    return int(any(row.verdict == "promote" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
