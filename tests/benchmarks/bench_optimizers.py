"""Prompt optimizers of others beside metaagent, on the same sealed tasks and the same local model.

    pip install 'dspy==3.4.*' 'gepa==0.1.*' numpy      # for this script alone
    python -m tests.benchmarks.bench_optimizers WORKSPACE --replies FILE [--arms zero-shot bootstrap simba gepa]

WORKSPACE is one of `metaagent init --example invoices`; it is read only. Optimizers train on its mine tasks and select
on tasks of its gate split, with the share of right fields as their metric; then every program answers the sealed tasks
with one call each. GEPA reflects with the same model. Each optimizer may ask at most ``--calls`` times (400); what it
was doing when they are used up ends, and the best program so far counts.

Every reply is kept in FILE by what determines it (prompt, temperature, how often it was asked), so that a run that was
stopped goes on without asking again. ``--fake`` answers without a model, to try the script itself.

SIMBA rather than MIPROv2: MIPROv2 lets the model write instructions from summaries of the data, which a model of 1.5B
cannot; SIMBA adds solved cases beside its rules.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import json
import logging
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaagent.agents.prompts import form_text, goal_text, inputs_text, system_message
from metaagent.agents.roles import load_roles
from metaagent.config import Config
from metaagent.inference.base import ChatRequest, Options
from metaagent.inference.gateway import Gateway
from metaagent.inference.select import open_backend
from metaagent.learning.splits import Split
from metaagent.ledger.splits import current
from metaagent.orchestrator.trials import all_tasks
from metaagent.records import Message, Outcome, Task, Verdict
from metaagent.statistics import wilson
from metaagent.tasks.brief import brief
from metaagent.validators.base import judge, outcome, score
from metaagent.workspace import find_workspace

try:
    import dspy
    from dspy import lm15
except ImportError:
    sys.exit("this script needs three packages more: pip install 'dspy==3.4.*' 'gepa==0.1.*' numpy")

CALLS = 400
VALIDATION = 24
"""Gate tasks that optimizers select on: more would leave fewer candidates within the calls."""
SLOTS = 4


class SpentError(Exception):
    """The calls of an optimizer are used up."""


class Replies:
    """The replies so far, in one SQLite file; asking the model is the last resort."""

    def __init__(self, path: Path, ask: Callable[[ChatRequest], tuple[str, int]]) -> None:
        self.ask, self.lock = ask, threading.Lock()
        self.database = sqlite3.connect(path, check_same_thread=False)
        self.database.execute("CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, text TEXT, tokens INTEGER)")
        self.begin(None)

    def begin(self, calls: int | None) -> None:
        """A new arm, which may ask so many times (None: without a limit)."""
        self.left, self.asked, self.tokens = calls, 0, 0
        self.seen: dict[str, int] = {}

    def reply(self, request: ChatRequest) -> str:
        """Counts as asked whether the answer is kept already or not: a run that goes on has the same limit. The same
        prompt again at temperature 0 does not count: DSPy's own cache, which is off here, would answer it."""
        body = [[message.role, message.content] for message in request.messages]
        asked = json.dumps([body, request.options.temperature, request.schema], ensure_ascii=False)
        with self.lock:
            again = asked in self.seen and not request.options.temperature
            if self.left is not None and self.asked >= self.left and not again:
                raise SpentError(f"{self.left} calls are used up")
            self.asked += not again
            number = self.seen[asked] = 0 if again else self.seen.get(asked, -1) + 1
            key = hashlib.sha256(f"{number}:{asked}".encode()).hexdigest()
            row = self.database.execute("SELECT text, tokens FROM replies WHERE key = ?", (key,)).fetchone()
        if row is None:
            row = self.ask(request)
            with self.lock, self.database:
                self.database.execute("INSERT OR IGNORE INTO replies VALUES (?, ?, ?)", (key, *row))
        with self.lock:
            self.tokens += row[1]
        return str(row[0])


class Engine:
    """DSPy's contract for a language model of one's own, over metaagent's gateway. ``schema`` holds for the task's own
    prompts; reflections and rules are prose."""

    def __init__(self, replies: Replies, model: str, schema: Mapping[str, Any] | None) -> None:
        self.replies, self.model, self.schema = replies, model, schema

    def complete(self, request: Any) -> Any:
        messages = [Message("system", _text(request.system))] if request.system else []
        messages += [Message(message.role, _text(message.parts)) for message in request.messages]
        temperature = float(request.config.temperature or 0.0)
        room = 512 if self.schema else 700
        options = Options(num_predict=room, temperature=temperature, seed=len(self.replies.seen))
        text = self.replies.reply(ChatRequest(self.model, tuple(messages), options, self.schema))
        return lm15.Response(
            id=None,
            model=request.model,
            message=lm15.Message.assistant(text or " "),
            finish_reason="stop",
            usage=lm15.Usage(),
        )


def _text(parts: Any) -> str:
    if isinstance(parts, str):
        return parts
    return "".join(str(getattr(part, "text", "")) for part in parts)


class Plain(dspy.Adapter):  # type: ignore[misc]
    """The instructions as the system's message, a task's inputs as the user's, the artifact as the answer: the form in
    which metaagent asks too. DSPy's own marks for fields cost a small model half of its answers."""

    def format_field_description(self, signature: Any) -> str:
        return ""

    def format_field_structure(self, signature: Any) -> str:
        return ""

    def format_task_description(self, signature: Any) -> str:
        return str(signature.instructions)

    def format_user_message_content(
        self, signature: Any, inputs: dict[str, Any], prefix: str = "", suffix: str = "", main_request: bool = False
    ) -> str:
        return "\n\n".join(str(inputs[name]) for name in signature.input_fields if name in inputs)

    def format_assistant_message_content(
        self, signature: Any, outputs: dict[str, Any], missing_field_message: str | None = None
    ) -> str:
        return "\n\n".join(str(outputs.get(name, "")) for name in signature.output_fields)

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        return dict.fromkeys(signature.output_fields, completion)


@dataclass(frozen=True, slots=True)
class Sets:
    """The tasks of the workspace by split, as DSPy's examples."""

    mine: list[Any]
    gate: list[Any]
    sealed: list[Any]
    tasks: Mapping[str, Task]

    def judged(self, example: Any, prediction: Any) -> tuple[Verdict, ...]:
        return judge(str(prediction.get("json", "")), self.tasks[example.id].checks)

    def share(self, example: Any, prediction: Any, trace: Any = None) -> float:
        """The task's own score: the share of units that hold."""
        return score(self.tasks[example.id].checks, self.judged(example, prediction))

    def told(self, gold: Any, prediction: Any, trace: Any = None, name: Any = None, inner: Any = None) -> Any:
        """The score, and what GEPA reflects on: got and expected by field, of mine and gate tasks."""
        wrong = [finding for verdict in self.judged(gold, prediction) for finding in verdict.findings]
        lines = [f"{one.location}: {one.message}; expected {one.expected}, got {one.got}" for one in wrong]
        return dspy.Prediction(score=self.share(gold, prediction), feedback="\n".join(lines) or "All is right.")


def read_tasks(root: Path) -> tuple[list[Task], dict[str, str]]:
    workspace = find_workspace(root)
    tasks = [task for task in all_tasks(workspace) if task.domain == "data.json.extract"]
    with workspace.open_ledger() as ledger:
        known = current(ledger)
    if not all(task.id in known for task in tasks):
        sys.exit("the workspace is not split yet: metaagent learn patterns")
    return tasks, {task.id: known[task.id]["split"] for task in tasks}


def examples(tasks: Sequence[Task], splits: Mapping[str, str]) -> Sets:
    def of(split: Split) -> list[Any]:
        chosen = sorted((task for task in tasks if splits[task.id] == split), key=lambda task: _order(task.id))
        return [
            dspy.Example(text=inputs_text(brief(task).inputs), json=task.reference, id=task.id).with_inputs("text")
            for task in chosen
        ]

    return Sets(of(Split.MINE), of(Split.GATE)[:VALIDATION], of(Split.SEALED), {task.id: task for task in tasks})


def _order(task_id: str) -> str:
    return hashlib.sha256(task_id.encode()).hexdigest()


def program(task: Task) -> Any:
    """The plain program: metaagent's own words for the task."""
    told_once = "\n\n".join(
        [system_message(load_roles(Config())["executor"]).content, goal_text(brief(task)), form_text(task.artifact)]
    )
    signature = dspy.Signature("text -> json").with_instructions(told_once)
    return dspy.Predict(signature)


def bootstrapped(student: Any, sets: Sets) -> Any:
    optimizer = dspy.BootstrapFewShotWithRandomSearch(
        metric=sets.share,
        max_bootstrapped_demos=4,
        max_labeled_demos=4,
        num_candidate_programs=5,
        num_threads=SLOTS,
        metric_threshold=1.0,
        max_errors=10_000,
    )
    return optimizer.compile(student, trainset=sets.mine, valset=sets.gate)


def simba(student: Any, sets: Sets, seed: int, calls: int) -> Any:
    steps = max(1, calls // 75)  # a step asks about 36 times, and every program that it keeps is tried again at the end
    optimizer = dspy.SIMBA(
        metric=sets.share, bsize=12, num_candidates=3, max_steps=steps, max_demos=4, num_threads=SLOTS
    )
    return optimizer.compile(student, trainset=sets.mine, seed=seed)


def gepa(student: Any, sets: Sets, seed: int, calls: int, reflection: Any) -> Any:
    optimizer = dspy.GEPA(
        metric=sets.told,
        max_metric_calls=int(0.9 * calls),  # the rest is for reflection
        reflection_minibatch_size=4,
        reflection_lm=reflection,
        num_threads=SLOTS,
        seed=seed,
        warn_on_score_mismatch=False,
    )
    return optimizer.compile(student, trainset=sets.mine, valset=sets.gate)


@dataclass(frozen=True, slots=True)
class Row:
    arm: str
    calls: int
    minutes: float
    n: int
    failed: int
    wrong: float
    tokens: float
    note: str = ""


def scored(name: str, made: Any, sets: Sets, replies: Replies, spent: tuple[int, float], note: str) -> Row:
    """One call for each sealed task."""
    replies.begin(None)
    evaluate = dspy.Evaluate(
        devset=sets.sealed, metric=sets.share, num_threads=SLOTS, display_progress=False, max_errors=10_000
    )
    with redirect_stdout(io.StringIO()):
        results = evaluate(made).results
    failed = wrong = 0.0
    for example, prediction, value in results:
        failed += outcome(sets.tasks[example.id].checks, sets.judged(example, prediction)) is not Outcome.PASS
        wrong += 1 - float(value)
    return Row(name, *spent, len(results), int(failed), wrong / len(results), replies.tokens / len(results), note)


def run(arms: Sequence[str], sets: Sets, replies: Replies, engine: Engine, calls: int, seed: int) -> list[Row]:
    first = sets.tasks[sets.mine[0].id]
    lm = dspy.LM("local/model", engine=engine, cache=False, temperature=0.0)
    prose = dspy.LM("local/model", engine=Engine(replies, engine.model, None), cache=False, temperature=1.0)
    dspy.configure(lm=lm, adapter=Plain())
    makers: dict[str, Callable[[Any], Any]] = {
        "zero-shot": lambda student: student,
        "bootstrap": lambda student: bootstrapped(student, sets),
        "simba": lambda student: simba(student, sets, seed, calls),
        "gepa": lambda student: gepa(student, sets, seed, calls, prose),
    }
    rows = []
    for name in arms:
        replies.begin(calls)
        started, note, made = time.monotonic(), "", program(first)
        try:
            with redirect_stdout(io.StringIO()):  # progress bars
                made = makers[name](program(first))
        except Exception as error:  # noqa: BLE001 - an optimizer that breaks off is a result, said in the table
            note = f"broke off: {type(error).__name__}: {str(error)[:80]}"
        if replies.asked >= calls:
            note = f"all calls were used up; {note}".rstrip("; ")
        used = (replies.asked, (time.monotonic() - started) / 60)
        rows.append(scored(name, made, sets, replies, used, note))
        print(_line(rows[-1]), flush=True)
    return rows


def _line(row: Row) -> str:
    found = wilson(row.failed, row.n)
    return (
        f"{row.arm:10} {row.calls:4} calls {row.minutes:6.1f} min  sealed: {row.failed} of {row.n} failed "
        f"({100 * found.low:.0f} to {100 * found.high:.0f}%), {100 * row.wrong:.1f}% wrong fields, "
        f"{row.tokens:.0f} tokens a task {row.note}"
    )


def asker(root: Path) -> Callable[[ChatRequest], tuple[str, int]]:
    """Asks the workspace's model; its loop runs in a thread of its own, for DSPy calls from several."""
    workspace = find_workspace(root)
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    async def opened() -> Gateway:
        backend = open_backend(workspace.config, workspace.root, notice=lambda text: print(text, file=sys.stderr))
        return Gateway(backend, workspace.config.deadlines, None)

    gateway = asyncio.run_coroutine_threadsafe(opened(), loop).result()

    def ask(request: ChatRequest) -> tuple[str, int]:
        reply = asyncio.run_coroutine_threadsafe(gateway.chat(request), loop).result()
        return reply.text, (reply.prompt_tokens or 0) + (reply.reply_tokens or 0)

    return ask


def fake(tasks: Sequence[Task]) -> Callable[[ChatRequest], tuple[str, int]]:
    """Three fields right; all of them where solved examples stand before the question."""
    known = {inputs_text(brief(task).inputs): json.loads(task.reference or "{}") for task in tasks}

    def ask(request: ChatRequest) -> tuple[str, int]:
        answer = known.get(request.messages[-1].content)
        if answer is None:
            return "```\nGive the house's codes.\n```", 10
        if len(request.messages) < 4:
            answer = {**answer, "customer": "?", "country": "?", "amount": 0, "reference": "?"}
        return json.dumps(answer), 10

    return ask


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--replies", type=Path, required=True)
    parser.add_argument("--arms", nargs="+", default=["zero-shot", "bootstrap", "simba", "gepa"])
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fake", action="store_true")
    given = parser.parse_args()
    logging.disable(logging.ERROR)
    tasks, splits = read_tasks(given.workspace)
    sets = examples(tasks, splits)
    replies = Replies(given.replies, fake(tasks) if given.fake else asker(given.workspace))
    model = find_workspace(given.workspace).config.default_model
    engine = Engine(replies, model, sets.tasks[sets.mine[0].id].artifact.schema)
    sizes = f"{len(sets.mine)} mine, {len(sets.gate)} gate, {len(sets.sealed)} sealed tasks"
    print(f"{sizes}; at most {given.calls} calls each", flush=True)
    run(given.arms, sets, replies, engine, given.calls, given.seed)


if __name__ == "__main__":
    main()
