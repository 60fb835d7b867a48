"""``metaagent agent bootstrap``: four stages on a real backend's protocol, remembered by the model's digest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from metaagent.agents.probes import load_probes
from metaagent.cli.schemas import envelope
from metaagent.ledger import bootstraps
from metaagent.ledger.database import Ledger
from tests.agents.test_bootstrap import GOOD
from tests.conftest import Ran
from tests.fakes.ollama_server import FakeOllama

Cli = Callable[..., Ran]
MAIN = "agent:executor:main"
SELF = '{"customer": "Okafor", "articles": 14}'


def script(**answers: str) -> str:
    """A scripted model that knows the probes by their last message."""
    import json

    probes = load_probes()
    known = {"generation": probes.generation, "roles": probes.roles, **probes.capabilities}
    rules = [{"contains": known[name].messages[-1].content, "reply": text} for name, text in answers.items()]
    rules.append({"contains": "Okafor", "reply": SELF})
    return json.dumps({"rules": rules, "default": "I do not know."})


@pytest.fixture(autouse=True)
def no_walls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a sandbox: code is not judged, and no probe of one costs seconds."""
    monkeypatch.setattr("metaagent.sandbox.choose.BACKENDS", ())


@pytest.fixture
def place(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (workspace / ".metaagent").mkdir()
    (workspace / ".metaagent" / "config.yaml").write_text("default_model: tiny\n", encoding="utf-8")
    (workspace / "script.yaml").write_text(script(**GOOD), encoding="utf-8")
    monkeypatch.setenv("METAAGENT_BACKEND", "scripted:script.yaml")
    return workspace


def asked(cli: Cli, *options: str) -> Any:
    ran = cli("agent", "bootstrap", "--json", *options)
    jsonschema.validate({"schema": "metaagent/agent@1", "data": ran.json}, envelope("agent"))
    assert ran.status == (0 if all(one["ready"] for one in ran.json) else 5), ran.err
    return ran.json


@pytest.mark.usefixtures("place")
def test_four_stages_once_and_then_remembered(cli: Cli) -> None:
    assert cli("agent", "list", "--json").json[0]["bootstrapped"] is None
    [first] = asked(cli)
    assert [(stage["name"], stage["state"]) for stage in first["stages"]] == [
        ("connection", "passed"), ("generation", "passed"), ("capabilities", "passed"), ("self-test", "passed"),
    ]  # fmt: skip
    assert (first["calls"], first["roles"]) == (9, True)
    assert first["warnings"] == ["coding could not be judged: no sandbox"]
    [second] = asked(cli)
    assert second == {**first, "calls": 0}
    assert "no model was asked" in cli("agent", "bootstrap").err
    assert asked(cli, "--force")[0]["calls"] == 9
    [row] = cli("agent", "list", "--json").json
    assert row["shown"] == ["reasoning", "creative", "analytical", "tool_call", "json"]
    assert "reasoning, creative" in cli("agent", "show", MAIN).out


def test_another_digest_is_asked_anew(place: Path, cli: Cli) -> None:
    asked(cli)
    (place / "script.yaml").write_text(script(**{**GOOD, "json": "{}"}), encoding="utf-8")
    [changed] = asked(cli)
    assert (changed["ready"], changed["calls"]) == (True, 9)
    assert any(warning.startswith("json is dropped") for warning in changed["warnings"])
    assert cli("agent", "show", MAIN, "--json").json["not_shown"] == ["json"]
    assert cli("task", "edit", "TASK-001", "--domain", "data.json.extract").status in (0, 2)
    why = cli("agent", "why", "TASK-001")
    assert why.status == 0


def test_agents_of_one_model_share_its_answers(place: Path, cli: Cli) -> None:
    config = "default_model: tiny\nagents:\n  agent:executor:a: {}\n  agent:executor:b: {}\n  agent:qa:c: {}\n"
    (place / ".metaagent" / "config.yaml").write_text(config, encoding="utf-8")
    ran = cli("agent", "bootstrap")
    assert (ran.status, "--all" in ran.err) == (2, True)
    done = asked(cli, "--all")
    assert [(one["id"], one["calls"]) for one in done] == [
        ("agent:executor:a", 9), ("agent:executor:b", 0), ("agent:qa:c", 1),
    ]  # fmt: skip
    assert [one["ready"] for one in done] == [True, True, False]  # the script gives no advice
    assert asked(cli, "qa")[0]["stages"][3]["says"] == "no usable advice: comment"
    assert cli("agent", "bootstrap", "nobody").status == 2


@pytest.mark.usefixtures("place")
def test_doctor_shows_what_agents_showed(cli: Cli) -> None:
    def agent() -> Any:
        return next(one for one in cli("doctor", "--json").json["components"] if one["component"] == "agents")

    assert (agent()["state"], agent()["mend"]) == ("warning", f"metaagent agent bootstrap {MAIN}")
    asked(cli)
    assert (agent()["name"], agent()["details"]["not_shown"]) == (MAIN, [])
    assert "no sandbox" in agent()["says"]


def test_no_backend_is_a_failed_first_stage_and_nothing_is_remembered(
    place: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    monkeypatch.setattr("metaagent.inference.gateway.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("metaagent.inference.gateway.LONGEST_PAUSE", 0.02)
    monkeypatch.setenv("METAAGENT_BACKEND", "ollama")
    (place / ".metaagent" / "config.yaml").write_text("ollama: {hosts: ['127.0.0.1:9']}\n", encoding="utf-8")
    [one] = asked(cli)
    assert [stage["state"] for stage in one["stages"]] == ["failed", "not run", "not run", "not run"]
    assert "ollama serve" in cli("agent", "bootstrap").err
    with Ledger.open(place / ".metaagent" / "ledger.db", read_only=True) as ledger:
        assert bootstraps.by_model(ledger) == {}


def test_a_template_without_roles_is_noticed(place: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    monkeypatch.delenv("METAAGENT_BACKEND")
    with FakeOllama(reply="It rains on the roof.", template="{{ .Prompt }}").running() as fake:
        config = f"backend: ollama\ndefault_model: tiny\nollama: {{hosts: ['{fake.url}']}}\n"
        (place / ".metaagent" / "config.yaml").write_text(config, encoding="utf-8")
        [one] = asked(cli)
        assert (one["roles"], one["ready"]) == (False, False)  # and this model shows no capability
        assert any("system prompts have no influence" in warning for warning in one["warnings"])
        calls = len(fake.requests)
        assert asked(cli)[0]["calls"] == 0
        assert len(fake.requests) == calls
