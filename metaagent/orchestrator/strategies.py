"""The retry ladder: which rungs an attempt climbs, how warm each one samples, and the seed of each. Pure."""

from __future__ import annotations

import hashlib

from metaagent.records import Agent, Rung, Strategy

# A fresh sample at 0.7 solved other failures than a fresh prompt with findings did (shared measurements, n = 37).
SAMPLE_TEMPERATURE = 0.7

_LADDERS = {
    Strategy.CONVERSATIONAL: (Rung.CONVERSATIONAL, Rung.FRESH, Rung.SAMPLE, Rung.PLAN),
    Strategy.REASONING: (Rung.PLAN, Rung.FRESH, Rung.SAMPLE),
}


def ladder(strategy: Strategy | None, retries: int) -> tuple[Rung, ...]:
    """The first rung and ``retries`` more; beyond the ladder's top every further rung is another sample."""
    rungs = _LADDERS.get(strategy or Strategy.CONVERSATIONAL, _LADDERS[Strategy.CONVERSATIONAL])
    wanted = retries + 1
    return (rungs + (Rung.SAMPLE,) * wanted)[:wanted]


def temperature(rung: Rung, agent: Agent) -> float:
    """The agent's own temperature, but at least 0.7 for a rung that samples."""
    return max(agent.temperature, SAMPLE_TEMPERATURE) if rung is Rung.SAMPLE else agent.temperature


def seed(task_id: str, rung: int, number: int = 1) -> int:
    """A 31-bit seed from task, rung (from 0) and the attempt's number, never from the protocol, so that two protocols
    meet the same draw. The first attempt's seeds depend on task and rung alone."""
    text = f"{task_id}/{rung}" if number == 1 else f"{task_id}/{rung}/{number}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest()) >> 1
