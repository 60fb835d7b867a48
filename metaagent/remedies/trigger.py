"""What a remedy is limited to: a test on the task's own words. Pure.

A trigger is a mapping in the remedy's settings under ``trigger``; without one the remedy holds for every task of its
protocol. Keys, all optional and all of which must hold: ``any`` (one of these phrases stands in the task's title or
inputs), ``all`` (each of them does), ``none`` (none of them does). Phrases are compared in lower case, as whole words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from metaagent.records import Brief


def fires(settings: Mapping[str, Any], brief: Brief) -> bool:
    """Whether a remedy with these settings applies to the task."""
    trigger = settings.get("trigger")
    if not trigger:
        return True
    text = own_words(brief)
    return (
        ("any" not in trigger or any(_found(phrase, text) for phrase in trigger["any"]))
        and all(_found(phrase, text) for phrase in trigger.get("all", ()))
        and not any(_found(phrase, text) for phrase in trigger.get("none", ()))
    )


def own_words(brief: Brief) -> str:
    """What varies from task to task: title and inputs in lower case; the goal where a task has no inputs."""
    parts: Iterable[str] = brief.inputs.values() if brief.inputs else (brief.goal,)
    return "\n".join([brief.title, *parts]).lower()


def _found(phrase: str, text: str) -> bool:
    return _pattern(phrase).search(text) is not None


@lru_cache(maxsize=1024)
def _pattern(phrase: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(phrase.lower())}(?!\w)")
