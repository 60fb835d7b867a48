"""A scripted model with random faults, for runs in processes of their own: as a bad day of a real server looks."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Mapping
from typing import Any

from metaagent.inference.base import ChatRequest
from metaagent.inference.scripted import Answer, ScriptedBackend
from tests.orchestrator.place import MISFIT, RIGHT, WRONG

# What a call comes to, with its weight. The reasons are those of metaagent.inference.base.REPLY_REASONS.
FAULTS: Mapping[str, float] = {
    "right": 80,
    "overloaded": 5,
    "reset": 3,
    "no_done": 2,
    "error_line": 2,
    "first_token": 1,
    "garbage": 1,
    "empty": 1,
    "wrong": 2,
    "misfit": 2,
    "prose": 1,
}
_TEXTS = {"right": RIGHT, "wrong": WRONG, "misfit": MISFIT, "prose": "I am sorry, I cannot."}


def faulty_script(seed: int, always_wrong: str, delay: float) -> Any:
    """``always_wrong`` marks prompts that are answered wrong whatever the luck is."""
    rng = random.Random(seed)

    def script(request: ChatRequest) -> Answer:
        kind = rng.choices(list(FAULTS), weights=list(FAULTS.values()))[0]
        pause = rng.uniform(0, 2 * delay)
        if kind not in _TEXTS:
            return Answer(error=kind, delay=pause)
        hopeless = any(always_wrong in message.content for message in request.messages)
        return Answer(WRONG if hopeless else _TEXTS[kind], delay=pause)

    return script


def use(options: Mapping[str, Any]) -> None:
    """Put the faulty model into this process, in place of the configured one. Retries pause shortly."""
    from metaagent.inference import gateway
    from metaagent.orchestrator import session

    gateway.FIRST_PAUSE, gateway.LONGEST_PAUSE = 0.005, 0.05
    script = faulty_script(options["seed"] + os.getpid(), options["always_wrong"], options["delay"])
    session.open_backend = lambda *_, **__: ScriptedBackend(script)  # type: ignore[assignment]


def answers(*, always_wrong: str, delay: float) -> list[dict[str, Any]]:
    """The same model without its faults, as rules of a script file."""
    return [
        {"contains": always_wrong, "json": json.loads(WRONG), "delay": delay},
        {"match": "", "json": json.loads(RIGHT), "delay": delay},
    ]
