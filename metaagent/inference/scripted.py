"""Replies from a script instead of a model: the real program on a machine without one, for tests and trying out.

A script is a Python function, or a YAML file (script_file.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from metaagent.errors import ReplyError
from metaagent.inference.base import REPLY_REASONS, ChatRequest, Chunk, ModelInfo

SLOTS = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """What a script gives back: a text after ``delay`` seconds, or a failure with a reason. Counts are estimated where
    they are ``None``."""

    text: str = ""
    finish: str = "stop"
    delay: float = 0.0
    error: str | None = None
    prompt_tokens: int | None = None
    reply_tokens: int | None = None


Script = Callable[[ChatRequest], str | Answer]


class ScriptedBackend:
    """``script`` is called once for each request, in the order in which requests come. ``digest`` names its content."""

    name = "scripted"
    cuts_silently = False

    def __init__(self, script: Script, *, slots: int = SLOTS, digest: str = "", deterministic: bool = False) -> None:
        self.slots = slots
        self.deterministic = deterministic
        self._script = script
        self._digest = digest

    async def version(self) -> str:
        return "1"

    async def models(self) -> list[ModelInfo]:
        return []

    async def describe(self, model: str) -> ModelInfo:
        return ModelInfo(name=model, digest=self._digest, backend=self.name)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        answer = self._script(request)
        if isinstance(answer, str):
            answer = Answer(answer)
        if answer.delay:
            await asyncio.sleep(answer.delay)
        if answer.error is not None:
            raise ReplyError(f"scripted: {REPLY_REASONS.get(answer.error, answer.error)}", reason=answer.error)
        yield Chunk(
            answer.text,
            done=True,
            finish=answer.finish,
            prompt_tokens=answer.prompt_tokens or _tokens(sum(len(m.content) for m in request.messages)),
            reply_tokens=answer.reply_tokens or _tokens(len(answer.text)),
            model_seconds=answer.delay,
        )

    async def close(self) -> None:
        return None


def _tokens(characters: int) -> int:
    return 1 + characters // 4
