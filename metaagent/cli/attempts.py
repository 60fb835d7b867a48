"""Attempts as text: rungs in order, each with its prompt, reply, checks, got and expected. Values in, text out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any

from metaagent.cli import render
from metaagent.cli.state import Column, Table, printable

OUTCOME_STYLES = {"pass": "green", "fail": "red", "inconclusive": "yellow", "interrupted": "yellow", "running": "cyan"}
_FLAGS = ("passed_first", "public", "cached", "truncated")
_MOST_WEIGHED = 4
_DOUBT = 0.05

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rung:
    """One try inside an attempt: its model steps, then the verdicts and error events of its steps."""

    number: int
    name: str
    calls: tuple[Record, ...]
    verdicts: tuple[Record, ...]
    events: tuple[Record, ...]

    @property
    def failed(self) -> bool:
        return bool(self.events) or any(verdict["outcome"] != "pass" for verdict in self.verdicts)


def record(row: Any) -> Record:
    """A row of the ledger as plain values, with its flags as true and false."""
    values = dict(row)
    for flag in _FLAGS:
        if values.get(flag) is not None:
            values[flag] = bool(values[flag])
    return values


def page_data(shown: Mapping[str, Any]) -> Record:
    """What ``attempts.show`` gives, as `log ATTEMPT --json` has it."""
    lists = {name: [record(item) for item in shown[name]] for name in ("steps", "verdicts", "events")}
    return {**record(shown), **lists}


def table(rows: Sequence[Record]) -> Table:
    columns: list[Column | str] = [
        "attempt", Column("started", minor=3), "task", Column("agent", minor=4),
        Column("outcome", paint=OUTCOME_STYLES), Column("score", right=True, minor=2),
        Column("tries", right=True, minor=5), Column("tokens", right=True, minor=6),
        Column("s", right=True, minor=1), "reason",
    ]  # fmt: skip
    return Table(columns, [_cells(row) for row in rows], empty="no attempts yet; next: metaagent run")


def _cells(row: Record) -> tuple[object, ...]:
    started = str(row["started"])[:19].replace("T", " ")
    head = (row["id"], started, row["task_id"], row["agent"], row["outcome"] or "running")
    if row["outcome"] is None:
        return (*head, None, None, None, None, None)
    tokens = row["prompt_tokens"] + row["reply_tokens"]
    return (*head, f"{row['score']:.2f}", row["rungs"], tokens, f"{row['seconds']:.1f}", _clip(row["reason"]))


def _clip(text: str, size: int = 100) -> str:
    line = " ".join(text.split())
    return line if len(line) <= size else line[: size - 1] + "…"


def rungs(shown: Record) -> list[Rung]:
    """The steps of an attempt, grouped: model calls and then their validation make one rung; advice is no rung."""
    found: list[Rung] = []
    calls: list[Record] = []
    numbers: list[int] = []

    def close() -> None:
        if calls:
            verdicts = tuple(verdict for verdict in shown["verdicts"] if verdict["step"] in numbers)
            events = tuple(event for event in shown["events"] if event["step"] in numbers)
            name = [step["name"] for step in calls if step["kind"] == "model"][-1]
            found.append(Rung(len(found) + 1, name, tuple(calls), verdicts, events))
        calls.clear()
        numbers.clear()

    for step in shown["steps"]:
        if step["name"].startswith("advice."):
            continue
        if step["kind"] == "model" and calls and not _is_plan(calls[-1], step):
            close()
        if step["kind"] in ("model", "fixer"):
            calls.append(step)
        numbers.append(step["number"])
        if step["kind"] == "validation":
            close()
    close()
    return found


def _is_plan(before: Record, step: Record) -> bool:
    """Whether two model calls in a row are one rung: a plan, and the answer written by it."""
    return bool(before["name"] == "plan" and step["name"] == "plan" and before["error"] is None)


def heading(shown: Record) -> str:
    """Two lines: which attempt, by whom, and what it came to."""
    outcome = shown["outcome"] or "running"
    who = f"attempt {shown['id']}  {shown['task_id']}  by {shown['agent']} on {shown['model']}"
    protocol = shown["protocol"][:12] if shown["protocol"] else "0"
    if shown["outcome"] is None:
        return printable(f"{who}, protocol {protocol}") + f"\n{outcome}\n"
    tokens = f"{shown['prompt_tokens']} + {shown['reply_tokens']} tokens"
    tries, calls = render.counted(shown["rungs"], "try", "tries"), render.counted(shown["calls"], "call")
    cost = f"{tries}, {calls}, {tokens}, {shown['seconds']:.1f} s"
    reason = printable(f"{outcome}  score {shown['score']:.2f}: {shown['reason']}")
    lines = [printable(f"{who}, protocol {protocol}"), reason, cost]
    if shown["artifact"]:
        lines.append(printable(f"artifact: {shown['artifact']}"))
    return "\n".join(lines) + "\n"


def rungs_text(shown: Record, *, failed_only: bool = False, full: bool = False) -> Iterator[str]:
    """Each rung as a block of text. A prompt that begins as the one before is cut there, unless ``full``."""
    every, before = rungs(shown), ""
    for rung in every:
        if failed_only and not rung.failed and shown["outcome"] == "pass":
            continue
        lines = [f"\ntry {rung.number} of {len(every)}: {printable(rung.name)}"]
        for call in rung.calls:
            if call["kind"] == "fixer":
                lines += _fixer(call)
                continue
            prompt = call["prompt"] or ""
            lines += _block("prompt", prompt if full else _new_part(before, prompt))
            lines += _reply(call)
            before = prompt or before
        lines += _checks(rung)
        yield "\n".join(lines) + "\n"


def _new_part(before: str, prompt: str) -> str:
    old, new = before.splitlines(), prompt.splitlines()
    same = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    if same < 4:
        return prompt
    return "\n".join([f"({same} lines as before)", *new[same:]])


def _block(name: str, text: str, note: str = "") -> list[str]:
    body = printable(text, lines=True).splitlines() or ["(empty)"]
    return [f"  {name}{note}", *(f"    {line}" for line in body)]


def _reply(call: Record) -> list[str]:
    if call["error"]:
        return _block("no reply", call["error"])
    parts = [f"{call['reply_tokens']} tokens"] if call["reply_tokens"] is not None else []
    parts += [f"{call['seconds']:.1f} s"]
    if call["finish"] not in (None, "stop"):
        parts.append(f"ended by {call['finish']}")
    parts += ["from the cache"] if call["cached"] else []
    parts += ["the prompt was cut"] if call["truncated"] else []
    return [*_block("reply", call["reply"] or "", f"  ({', '.join(parts)})"), *_weighed(call["logprobs"] or {})]


def _weighed(logprobs: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """The fields of few values at which the model was in doubt: what else it thought of, with its chances."""
    for field, told in logprobs.items():
        chances = sorted(((exp(value), name) for name, value in told.items()), reverse=True)[:_MOST_WEIGHED]
        if len(chances) > 1 and chances[1][0] >= _DOUBT:
            yield printable(f"  weighed for {field}: {', '.join(f'{name} {chance:.0%}' for chance, name in chances)}")


def _fixer(step: Record) -> list[str]:
    if step["error"]:
        return [printable(f"  fixer {step['name']} broke: {step['error']}")]
    return _block(f"fixer {step['name']} makes it", step["reply"] or "")


def _checks(rung: Rung) -> list[str]:
    lines = []
    for verdict in rung.verdicts:
        kind = "public" if verdict["public"] else "key"
        held = f"{verdict['held']} of {verdict['checked']} held"
        lines.append(printable(f"  check {verdict['validator']} ({kind})  {verdict['outcome']}, {held}"))
    for event in rung.events:
        where = f"{event['location']}: " if event["location"] else ""
        lines.append(printable(f"    {event['kind']}: {where}{event['message']}"))
        if event["expected"] is not None or event["got"] is not None:
            lines.append(printable(f"      expected  {_known(event['expected'])}"))
            lines.append(printable(f"      got       {_known(event['got'])}"))
    if not rung.verdicts and not rung.events:
        lines.append("  check  none of its own: the same reply was judged before, or nothing checks it")
    return lines


def _known(value: str | None) -> str:
    return "(nothing)" if value is None else value
