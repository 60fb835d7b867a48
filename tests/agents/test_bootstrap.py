"""The bootstrap's deciders: every check can fail, a later stage waits for the earlier, what is missing is dropped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.agents.bootstrap import Findings, examine_agent, examine_model, lacking, self_test_of, subject
from metaagent.agents.probes import CAPABILITIES, cases, code_in, failing, json_in, load_probes
from metaagent.agents.roles import load_roles
from metaagent.agents.selection import NEEDS, named_share, rank
from metaagent.config import Config
from metaagent.errors import ReplyError
from metaagent.records import Agent, Check, Finding, Message, Outcome, Reply, Task, Verdict
from metaagent.records import ErrorKind as Kind

PROBES = load_probes()
JSON = '{"capital": "Rome"}'
CODE = "def middle(a, b, c):\n    return sorted((a, b, c))[1]\n"
GOOD = {
    "generation": "Rain falls softly on the roof.",
    "roles": '{"capital": "Rome"}',
    "reasoning": "16",
    "coding": f"```python\n{CODE}```",
    "creative": "At midnight the salt on the frozen ropes of the harbour shone.",
    "analytical": "Belm",
    "tool_call": '{"tool": "weather", "arguments": {"city": "Oslo"}}',
    "json": '{"customer": "Lena Brandt", "product": "lamps", "quantity": 12}',
}
BAD = {
    "generation": "...",
    "roles": "Rome.",
    "reasoning": "12 - 5 + 9 = 17",
    "coding": "def middle(a, b, c):\n    return a\n",
    "creative": "The sea was calm and very dark that night.",
    "analytical": "Arno, Belm and Corv",
    "tool_call": "It is sunny in Oslo.",
    "json": '{"customer": "Lena Brandt", "product": "lamps", "quantity": "12"}',
}


def probe_of(messages: Sequence[Message]) -> str:
    known = {"generation": PROBES.generation, "roles": PROBES.roles, **PROBES.capabilities}
    return next((name for name, probe in known.items() if probe.messages == tuple(messages)), "roles by the user")


def reply(text: str) -> Reply:
    return Reply(text, "m", "d", "scripted", "stop", 1, 1, 0.0, 0.0)


@dataclass
class Model:
    answers: Mapping[str, str] = field(default_factory=lambda: GOOD)
    fails: Mapping[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def ask(self, messages: tuple[Message, ...], tokens: int, schema: Mapping[str, Any] | None) -> Reply:
        name = probe_of(messages)
        self.asked.append(name)
        assert 0 < tokens <= 200
        assert (schema is not None) == (name == "json")
        if name in self.fails:
            raise ReplyError(f"no reply: {self.fails[name]}", reason=self.fails[name])
        return reply(self.answers.get(name, "I do not know."))


async def judge(artifact: str, checks: Sequence[Check]) -> tuple[Verdict, ...]:
    """Stands for the sandbox; what runs here is this test's own code."""
    scope: dict[str, Any] = {}
    exec(artifact, scope)
    wanted = checks[0].options
    tests = wanted["tests"]
    held = sum(scope[wanted["entry"]](*test["args"]) == test["expected"] for test in tests)
    if held == len(tests):
        return (Verdict("python.cases", False, Outcome.PASS, held, held),)
    return (Verdict("python.cases", False, Outcome.FAIL, len(tests), held, (Finding(Kind.ASSERTION, "wrong"),)),)


async def no_sandbox(_artifact: str, _checks: Sequence[Check]) -> None:
    return None


def test_the_probes_name_all_capabilities_once() -> None:
    assert tuple(PROBES.capabilities) == CAPABILITIES
    assert set(NEEDS.values()) <= set(CAPABILITIES)


async def test_a_model_that_can_do_all_of_it() -> None:
    model = Model()
    found = await examine_model(PROBES, model.ask, judge, ignores_roles=False)
    assert (found.passed, found.roles, found.lasting, found.calls) == (True, True, True, 8)
    assert all(one.shown for one in found.capabilities)
    assert Findings.from_json(json.loads(json.dumps(found.to_json()))) == found


@pytest.mark.parametrize("name", CAPABILITIES)
async def test_a_missing_capability_is_dropped_and_the_rest_stays(name: str) -> None:
    found = await examine_model(PROBES, Model({**GOOD, name: BAD[name]}).ask, judge, ignores_roles=False)
    assert found.passed
    assert [one.name for one in found.capabilities if not one.shown] == [name]
    assert found.stages[1].says == f"dropped: {name}"


async def test_nothing_comes_after_a_stage_that_failed() -> None:
    model = Model({**GOOD, "generation": BAD["generation"]})
    found = await examine_model(PROBES, model.ask, judge, ignores_roles=False)
    assert [(stage.name, stage.state) for stage in found.stages] == [
        ("generation", "failed"), ("capabilities", "not run"),
    ]  # fmt: skip
    assert model.asked == ["generation"]


async def test_a_model_without_any_capability_fails_that_stage() -> None:
    found = await examine_model(PROBES, Model({**BAD, "generation": GOOD["generation"]}).ask, judge, False)
    assert (found.passed, found.stages[1].state) == (False, "failed")


async def test_code_that_nobody_can_judge_is_neither_shown_nor_missing() -> None:
    found = await examine_model(PROBES, Model().ask, no_sandbox, ignores_roles=False)
    assert next(one.shown for one in found.capabilities if one.name == "coding") is None
    assert found.passed


@pytest.mark.parametrize(
    ("system", "user", "heeds"), [(JSON, JSON, True), ("Rome", JSON, False), ("Rome", "Rome", None)]
)
async def test_a_template_that_ignores_roles_is_told_from_a_model_that_follows_nothing(
    system: str, user: str, heeds: bool | None
) -> None:
    model = Model({**GOOD, "roles": system, "roles by the user": user})
    assert (await examine_model(PROBES, model.ask, judge, ignores_roles=False)).roles is heeds
    by_template = Model()
    assert (await examine_model(PROBES, by_template.ask, judge, ignores_roles=True)).roles is False
    assert "roles" not in by_template.asked


async def test_what_broke_on_the_way_is_not_remembered_and_what_the_model_did_is() -> None:
    broke = await examine_model(PROBES, Model(fails={"creative": "reset"}).ask, judge, ignores_roles=False)
    assert (broke.lasting, broke.passed) == (False, False)
    empty = await examine_model(PROBES, Model(fails={"creative": "empty"}).ask, judge, ignores_roles=False)
    assert (empty.lasting, empty.passed) == (True, True)
    first = await examine_model(PROBES, Model(fails={"generation": "first_token"}).ask, judge, ignores_roles=False)
    assert (first.lasting, first.calls) == (False, 1)


@pytest.mark.parametrize("name", list(GOOD))
def test_each_check_holds_for_a_right_answer_and_fails_for_a_wrong_one(name: str) -> None:
    probe = {"generation": PROBES.generation, "roles": PROBES.roles, **PROBES.capabilities}[name]
    assert failing(probe.checks, GOOD[name]) == ""
    assert failing(probe.checks, BAD[name]) or cases(probe.checks)
    prompt = "\n".join(message.content for message in probe.messages)
    if name != "roles":  # whose instruction is the answer
        assert failing(probe.checks, prompt) or name in ("generation", "coding", "creative")


@given(st.text(max_size=200))
def test_no_text_breaks_a_check(text: str) -> None:
    for probe in (PROBES.generation, PROBES.roles, *PROBES.capabilities.values()):
        assert isinstance(failing(probe.checks, text), str)
    code_in(text)
    json_in(text)


def test_booleans_are_no_numbers() -> None:
    assert failing([("fields", {"n": 1})], '{"n": true}')
    assert failing([("fields", {"n": 1})], "[1]") == "is not one JSON object"
    assert failing([("fields", {"n": 1})], '```json\n{"n": 1}\n```') == ""


ROLES = load_roles(Config())


@pytest.mark.parametrize(
    ("role", "test"),
    [("executor", "record"), ("coding", "function"), ("creative", "text"), ("reasoning", "logic"), ("analyzer", None)],
)
def test_a_role_is_tested_by_what_it_is_best_at(role: str, test: str | None) -> None:
    found = self_test_of(ROLES[role], PROBES)
    assert (found.name if found else None) == test


SELF = {
    "executor": ('{"customer": "Okafor", "articles": 14}', '{"customer": "Okafor", "articles": 41}'),
    "coding": ("def is_even(n):\n    return n % 2 == 0\n", "def is_even(n):\n    return True\n"),
    "creative": ("Dear neighbours, come to our garden party on Saturday!", "Come over."),
    "reasoning": ("Cleo", "Anna"),
    "analyzer": ('{"domain": "text", "why": "A comma is missing."}', "I cannot say."),
    "qa": ('{"comment": "It is empty.", "concerns": []}', '{"comment": 7}'),
    "orchestrator": ('{"strategy": "reasoning"}', '{"strategy": "hope"}'),
}


@pytest.mark.parametrize("role", list(SELF))
async def test_an_agent_shows_that_its_role_works(role: str) -> None:
    for text, state in zip(SELF[role], ("passed", "failed"), strict=True):

        async def ask(*_: object, text: str = text) -> Reply:
            return reply(text)

        found = await examine_agent(ROLES[role], PROBES, ask, judge)
        assert (found.stages[0].state, found.lasting) == (state, True), found


def test_a_self_test_is_for_the_prompts_of_the_role() -> None:
    agent = Agent("agent:coding:a", "coding", "m")
    names = {subject(agent, role) for role in ROLES.values()}
    assert len(names) == len(ROLES)
    assert subject(Agent("agent:coding:a", "coding", "m", temperature=0.5), ROLES["coding"]) not in names


def test_selection_does_not_count_what_a_model_did_not_show() -> None:
    assert named_share(("data", "json"), "data.json.extract") == pytest.approx(2 / 3)
    assert named_share(("data.json",), "data.json.extract", frozenset({"json"})) == pytest.approx(1 / 3)
    strong, weak = (Agent(f"agent:executor:{name}", "executor", name, ("json",)) for name in ("strong", "weak"))
    known = {
        "weak": {"capabilities": [{"name": "json", "shown": False}, {"name": "coding", "shown": None}]},
        "strong": {"capabilities": [{"name": "json", "shown": True}]},
    }
    missing = lacking((strong, weak), known)
    assert missing == {weak.id: frozenset({"json"})}
    task = Task("T", "t", domain="data.json.extract")
    first, second = rank(task, (weak, strong), ROLES, lacking=missing)
    assert (first.agent_id, second.agent_id) == (strong.id, weak.id)
    assert "weak did not show what json needs" in second.explanation
    other = rank(Task("T", "t", domain="text.write"), (weak, strong), ROLES, lacking=missing)
    assert other[0].total == other[1].total
