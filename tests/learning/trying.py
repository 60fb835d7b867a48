"""A workspace to try candidates in: records whose ``name`` the model writes in small letters, and fixers for them.

The fixers are planted in the registry: real ones are other tests' matter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from metaagent.learning.trial import Progress
from metaagent.ledger.protocols import protocol_hash
from metaagent.orchestrator import trials
from metaagent.orchestrator.trials import Room, TrialOptions, TrialResult
from metaagent.records import Brief, Protocol, Remedy
from metaagent.remedies import fixers
from tests.orchestrator.place import SET, Place

MODEL = "qwen2.5-coder-1.5b"
DOMAIN = "data.json.extract"
WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty", "knoll", "larch")


def upper(reply: str, _brief: Brief, _settings: Mapping[str, Any]) -> str | None:
    """Mends the planted error."""
    record = json.loads(reply)
    return json.dumps({**record, "name": record["name"].upper()})


def spaces(reply: str, _brief: Brief, _settings: Mapping[str, Any]) -> str | None:
    """Changes every reply and mends nothing."""
    return reply + " "


def lower(reply: str, _brief: Brief, _settings: Mapping[str, Any]) -> str | None:
    """Breaks what is right."""
    record = json.loads(reply)
    return json.dumps({**record, "name": record["name"].lower()})


def plant(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("upper", "spaces", "lower")
    for name in names:
        monkeypatch.setitem(fixers.BUILT_IN, f"planted.{name}", f"tests.learning.trying:{name}")
    fixers.find_fixer.cache_clear()


def candidate(*names: str, kind: str = "fixer", **settings: Any) -> Protocol:
    remedies = tuple(Remedy(kind, f"planted.{name}" if kind == "fixer" else name, settings) for name in names)
    return Protocol(0, DOMAIN, MODEL, remedies, protocol_hash(DOMAIN, MODEL, remedies))


def make(root: Path, count: int, *, right: Callable[[int], bool] = lambda _: False, families: int = 3) -> Place:
    """``count`` records; the model answers those for which ``right`` says so as expected, else in small letters."""
    (root / "tasks").mkdir(parents=True)
    (root / ".metaagent").mkdir()
    place = Place(root)
    place.write_config("learning: {salt: fixed}\n")
    rows, rules = [], []
    for number in range(count):
        name = f"{WORDS[number % len(WORDS)]}{number}"
        row = {"id": f"REC-{number:03}", "text": f"Record of {name}!", "name": name.upper(), "total": number}
        rows.append({**row, "family": f"family {number % families}"})
        answer = {"name": name.upper() if right(number) else name, "total": number}
        rules.append({"contains": f"Record of {name}!", "json": answer})
    (root / "tasks" / "records.yaml").write_text(SET, encoding="utf-8")
    (root / "tasks" / "records.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    place.write_board()
    place.write_script(rules)
    return place


def test(place: Place, protocol: Protocol, room: Room = lambda _spent, _under_way: True, **options: Any) -> TrialResult:
    seen: list[Progress] = []
    return trials.test(place.workspace, protocol, TrialOptions(**options), seen.append, lambda _text: None, room)


test.__test__ = False  # type: ignore[attr-defined]
