"""What a model and an agent show before they get work: pure deciders; the calls are functions that are passed in.

Four stages, fail-pass: a later one runs only when the earlier passed. Connection is the caller's; then generation, the
capabilities (one that is missing is dropped, and no failure unless none is left), and the agent's self-test.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import Any, Literal

from metaagent.agents.advice import (
    Question,
    ask_comment,
    ask_domain,
    ask_strategy,
    ask_why,
    read_comment,
    read_domain,
    read_strategy,
    read_why,
)
from metaagent.agents.probes import Probe, ProbeSet, SelfTest, cases, code_in, failing
from metaagent.agents.prompts import Feedback, render
from metaagent.agents.selection import skill_of
from metaagent.errors import ReplyError
from metaagent.records import Agent, Check, ErrorKind, Message, Outcome, Reply, Role, Verdict

Ask = Callable[[tuple[Message, ...], int, Mapping[str, Any] | None], Awaitable[Reply]]
"""Messages, the most tokens of the reply, a schema or None. Raises ReplyError."""
Judge = Callable[[str, Sequence[Check]], Awaitable[tuple[Verdict, ...] | None]]
"""Runs what a model wrote behind walls; None where there is no sandbox."""

MODEL_REASONS = frozenset({"empty", "too_large"})
"""Why a call can fail that says something of the model; any other failure may be gone the next time."""


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    state: Literal["passed", "failed", "not run"]
    says: str = ""


@dataclass(frozen=True, slots=True)
class Capability:
    """``shown`` is None where it could not be judged (code, without a sandbox)."""

    name: str
    shown: bool | None
    says: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a model showed, whatever the agent. ``roles``: whether a system prompt has influence; None: it cannot be
    told, since the model does not follow the same instruction from the user either. ``lasting``: it will be the same
    the next time, and may be remembered."""

    stages: tuple[Stage, ...]
    capabilities: tuple[Capability, ...] = ()
    roles: bool | None = None
    roles_say: str = ""
    lasting: bool = True
    calls: int = 0

    @property
    def passed(self) -> bool:
        return all(stage.state == "passed" for stage in self.stages)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Findings:
        stages = tuple(Stage(**stage) for stage in data["stages"])
        capabilities = tuple(Capability(**one) for one in data["capabilities"])
        return cls(stages, capabilities, data["roles"], data["roles_say"], data["lasting"], data["calls"])


@dataclass(slots=True)
class _Calls:
    """Counts the calls, and whether one failed in a way that says nothing of the model."""

    ask: Ask
    count: int = 0
    broke: str = ""
    texts: dict[str, str] = field(default_factory=dict)

    async def text(self, messages: tuple[Message, ...], tokens: int, schema: Mapping[str, Any] | None) -> str | None:
        """The reply, or None where there was none."""
        self.count += 1
        try:
            return (await self.ask(messages, tokens, schema)).text
        except ReplyError as error:
            if error.reason not in MODEL_REASONS:
                self.broke = error.message
            return None


async def examine_model(probes: ProbeSet, ask: Ask, judge: Judge, ignores_roles: bool) -> Findings:
    """Generation and the capabilities. ``ignores_roles``: the template says so by itself, which needs no call."""
    calls = _Calls(ask)
    why = await _holds(probes.generation, calls, judge)
    if why:
        return Findings(_generation(why), lasting=not calls.broke, calls=calls.count)
    roles, roles_say = (False, "its chat template has no place for them") if ignores_roles else (None, "")
    if not ignores_roles:
        roles, roles_say = await _heeds_roles(probes.roles, calls, judge)
    found = []
    for name, probe in probes.capabilities.items():
        why = await _holds(probe, calls, judge)
        found.append(Capability(name, None if why is None else not why, why or ""))
        if calls.broke:
            stage = Stage("capabilities", "failed", calls.broke)
            return Findings((_generation("")[0], stage), tuple(found), roles, roles_say, False, calls.count)
    stages = (_generation("")[0], _capabilities(found))
    return Findings(stages, tuple(found), roles, roles_say, True, calls.count)


def _generation(why: str | None) -> tuple[Stage, ...]:
    if not why:
        return (Stage("generation", "passed"),)
    return (Stage("generation", "failed", why), Stage("capabilities", "not run"))


def _capabilities(found: Sequence[Capability]) -> Stage:
    missing = [one.name for one in found if one.shown is False]
    if len(missing) == len(found):
        return Stage("capabilities", "failed", "it showed none of them")
    return Stage("capabilities", "passed", f"dropped: {', '.join(missing)}" if missing else "")


async def _holds(probe: Probe, calls: _Calls, judge: Judge) -> str | None:
    """Why the answer does not do; empty where it does, None where nobody can judge it."""
    text = await calls.text(probe.messages, probe.tokens, probe.schema)
    if text is None:
        return calls.broke or "it answered nothing"
    return await _why(text, probe.checks, judge)


async def _why(text: str, checks: Sequence[tuple[str, Any]], judge: Judge) -> str | None:
    why = failing(checks, text)
    to_run = cases(checks)
    if why or not to_run:
        return why
    verdicts = await judge(code_in(text), to_run)
    if verdicts is None or any(verdict.outcome is Outcome.INCONCLUSIVE for verdict in verdicts):
        return None
    wrong = next((verdict for verdict in verdicts if verdict.outcome is Outcome.FAIL), None)
    if wrong is None:
        return ""
    return wrong.findings[0].message if wrong.findings else f"{wrong.held} of {wrong.checked} cases"


async def _heeds_roles(probe: Probe, calls: _Calls, judge: Judge) -> tuple[bool | None, str]:
    if not await _holds(probe, calls, judge):
        return True, ""
    system, *rest = probe.messages
    merged = replace(probe, messages=(Message("user", f"{system.content}\n\n{rest[0].content}"),))
    if not await _holds(merged, calls, judge):
        return False, "it follows an instruction of the user, and not the same one as system prompt"
    return None, "it follows the instruction neither as system prompt nor from the user"


def lacking(agents: Iterable[Agent], known: Mapping[str, Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """The capabilities that each agent's model was asked for and did not show; ``known`` are results by model, as
    ``Findings.to_json``. A model that was never asked lacks nothing."""
    found = {}
    for agent in agents:
        capabilities = known.get(agent.model, {}).get("capabilities", ())
        missing = frozenset(one["name"] for one in capabilities if one["shown"] is False)
        if missing:
            found[agent.id] = missing
    return found


def self_test_of(role: Role, probes: ProbeSet) -> SelfTest | None:
    """The one whose domain the role is best at; None for a role that only advises."""
    if "write" not in role.may:
        return None
    tests = list(probes.self_tests.values())
    return max(tests, key=lambda test: skill_of(role, test.domain)[1])  # the first of equals


def subject(agent: Agent, role: Role) -> str:
    """Names what a self-test is for besides the model: the role's prompts and the agent's temperature."""
    text = "\0".join([role.name, role.system, role.task, *role.may, *map(str, role.skills.items())])
    return sha256(f"{text}\0{agent.temperature}".encode()).hexdigest()[:16]


async def examine_agent(role: Role, probes: ProbeSet, ask: Ask, judge: Judge) -> Findings:
    """The self-test: one small task with the role's own prompts, or the advice that the role may give."""
    calls = _Calls(ask)
    test = self_test_of(role, probes)
    if test is not None:
        text = await calls.text(render(role, test.brief), test.tokens, test.brief.artifact.schema)
        why = "it answered nothing" if text is None else await _why(text, test.checks, judge)
        says = f"{test.name}: {why or 'done' if why is not None else 'done, and not judged: no sandbox'}"
    else:
        why, says = await _advises(role, probes, calls)
    stage = Stage("self-test", "failed" if why or calls.broke else "passed", calls.broke or says)
    return Findings((stage,), lasting=not calls.broke, calls=calls.count)


async def _advises(role: Role, probes: ProbeSet, calls: _Calls) -> tuple[str, str]:
    brief = next(iter(probes.self_tests.values())).brief
    domains = ("code", "data.json", "text")
    asked: dict[str, tuple[Question, Callable[[str], object]]] = {
        "domain": (ask_domain(role, brief, domains), lambda text: read_domain(text, domains)),
        "why": (ask_why(role, brief, Feedback(rejected=True), (ErrorKind.FORMAT,)), read_why),
        "comment": (ask_comment(role, brief, "{}"), read_comment),
        "strategy": (ask_strategy(role, brief), read_strategy),
    }
    wrong = []
    for deed in role.may:
        if deed in asked:
            question, read = asked[deed]
            text = await calls.text(question.messages, 160, question.schema)
            wrong += [deed] if text is None or read(text) is None else []
    return (", ".join(wrong), f"no usable advice: {', '.join(wrong)}") if wrong else ("", "advice: usable")
