"""Short ways to make a request and a gateway that does not really wait."""

from __future__ import annotations

from typing import Any

from metaagent.inference.base import Backend, ChatRequest, Deadlines, Options
from metaagent.inference.gateway import Gateway
from metaagent.records import Message

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
QUICK = Deadlines(connect=0.2, first_token=0.2, idle=0.2, total=5.0)


def request(text: str = "Who is it?", model: str = "tiny", **options: Any) -> ChatRequest:
    return ChatRequest(model, (Message("system", "Be brief."), Message("user", text)), Options(**options))


async def no_pause(_: float) -> None:
    return None


def gateway(backend: Backend, deadlines: Deadlines | None = None, **settings: Any) -> Gateway:
    return Gateway(backend, deadlines or Deadlines(), sleep=no_pause, **settings)
