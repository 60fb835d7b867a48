"""Pure looks at a reply: does it repeat itself, was the prompt cut, are the counts believable."""

from __future__ import annotations

from collections.abc import Sequence

from metaagent.inference.base import ChatRequest
from metaagent.records import Message

REPEATED_CHARACTERS = 240
"""Shorter runs are left alone: a table rule or a line of zeros is no loop."""

REPEATED_TIMES = 6
LONGEST_UNIT = 400
_PROBE = 24
_CANDIDATES = 8
_STUCK_UNIT = 16
_STUCK_TIMES = 28

BYTES_PER_TOKEN = 4.0
"""English prose; the gateway corrects it per model from prompts that surely fit."""

TOKENS_PER_MESSAGE = 16
"""More than any chat template adds around one message."""


def repeats(text: str) -> bool:
    """Whether the text ends in one unit (up to LONGEST_UNIT characters) repeated at least REPEATED_TIMES times and for
    at least REPEATED_CHARACTERS characters. Cost does not grow with the text."""
    if len(text) < REPEATED_CHARACTERS:
        return False
    tail = text[-LONGEST_UNIT * REPEATED_TIMES :]
    size = len(tail)
    earlier = size - _PROBE
    for _ in range(_CANDIDATES):
        earlier = tail.rfind(tail[-_PROBE:], 0, earlier + _PROBE - 1)
        if earlier < 0:
            return False
        period = size - _PROBE - earlier
        span = max(REPEATED_CHARACTERS, REPEATED_TIMES * period)
        if span <= size and tail[size - span + period :] == tail[size - span : size - period]:
            return True
    return False


def stuck(text: str) -> bool:
    """Whether a reply that broke off ends in one short unit again and again: after 30 identical tokens Ollama stops
    without a last chunk."""
    tail = text[-_STUCK_UNIT * _STUCK_TIMES :]
    return any(
        len(tail) >= unit * _STUCK_TIMES and tail.endswith(tail[-unit:] * _STUCK_TIMES)
        for unit in range(1, _STUCK_UNIT + 1)
    )


def prompt_bytes(messages: Sequence[Message]) -> int:
    return sum(len(message.content.encode()) for message in messages)


def certainly_fits(request: ChatRequest, size: int) -> bool:
    """A token is at least one byte, so a prompt of ``size`` bytes that is smaller than the window cannot be cut."""
    return size + TOKENS_PER_MESSAGE * len(request.messages) <= request.options.num_ctx


def truncated(request: ChatRequest, size: int, prompt_tokens: int | None, bytes_per_token: float) -> bool | None:
    """Whether the backend cut the prompt (``size`` bytes), judged by the count it gives. ``None``: cannot be known.

    Ollama cuts an over-long prompt and answers with status 200: 0.24 to the whole window, so that a count of it is no
    accident, other versions to about half. A count well below what the text must have is a suspicion, not a proof: a
    cached prefix may be left out of the count.
    """
    if certainly_fits(request, size):
        return False
    if prompt_tokens is None:
        return None
    if prompt_tokens == request.options.num_ctx:
        return True
    expected = size / bytes_per_token
    if prompt_tokens >= 0.75 * expected:
        return False
    return True if expected > 0.9 * request.options.num_ctx else None


def plausible_count(count: int | None, most: int) -> int | None:
    """The count, or ``None`` where it is missing or cannot be true (negative, zero, more than ``most``)."""
    return count if isinstance(count, int) and not isinstance(count, bool) and 0 < count <= most else None
