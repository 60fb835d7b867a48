"""A set of tasks as it lies in the examples: its specification, its rows, and the prompt that one of them makes."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from metaagent.agents.prompts import render
from metaagent.agents.roles import load_roles
from metaagent.config import Config
from metaagent.records import ArtifactForm, Brief

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
Row = dict[str, Any]


@cache
def rows(name: str) -> tuple[Row, ...]:
    lines = (EXAMPLES / name / "tasks" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


@cache
def specification(name: str) -> Row:
    loaded: Row = yaml.safe_load((EXAMPLES / name / "tasks" / f"{name}.yaml").read_text(encoding="utf-8"))
    return loaded


def prompt(name: str, row: Row) -> str:
    """What the executor reads about a row, when nothing has been learned."""
    loaded = specification(name)
    inputs = {field: row[field] for field in loaded["inputs"]}
    form = ArtifactForm(**loaded["artifact"])
    brief = Brief(row["id"], row["title"], loaded["goal"], loaded["domain"], inputs, form)
    return "\n".join(message.content for message in render(load_roles(Config())["executor"], brief))
