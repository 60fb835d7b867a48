"""Engines that stay loaded from one stage of a command to the next.

A loop measures, tries and measures again, each with a backend of its own. Loading a model, and reading the beginning
that all prompts share once for each slot, took a fifth of a quick start's time on a slow machine.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol


class Engine(Protocol):
    def end(self) -> None:
        """Free what it holds."""
        ...


_shelf: dict[Hashable, Any] = {}
_depth = 0


@contextmanager
def kept() -> Iterator[None]:
    """Within it the engine that was closed last stays loaded, for whoever opens the same one next; at its end it is
    freed. Of several, one within the other, the outermost counts."""
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if not _depth:
            _clear()


def put(key: Hashable, engine: Engine) -> bool:
    """Whether it is kept, in place of the one before; else the caller has to end it."""
    if not _depth:
        return False
    _clear()
    _shelf[key] = engine
    return True


def take(key: Hashable) -> Any:
    """The engine that was put by under this key, None where there is none; it is the caller's now."""
    return _shelf.pop(key, None)


def _clear() -> None:
    while _shelf:
        _, engine = _shelf.popitem()
        engine.end()
