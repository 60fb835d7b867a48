from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from metaagent.errors import ConfigError, ReplyError
from metaagent.inference.script_file import read_script
from metaagent.inference.scripted import ScriptedBackend
from tests.inference.values import gateway, request


def script(folder: Path, text: str) -> ScriptedBackend:
    path = folder / "replies.yaml"
    path.write_text(text, encoding="utf-8")
    return read_script(path)


async def ask(backend: ScriptedBackend, text: str, agent: str = "") -> str:
    return (await gateway(backend).chat(dataclasses.replace(request(text), agent=agent))).text


async def test_the_first_rule_that_matches_answers(tmp_path: Path) -> None:
    backend = script(
        tmp_path,
        """
rules:
  - {contains: "INV-1", reply: one}
  - {match: "INV-\\\\d+", reply: many}
  - {contains: brief, agent: "agent:qa:a", reply: from qa}
  - {contains: structured, json: {b: 1, a: [ü]}}
default: nothing
""",
    )
    assert await ask(backend, "see INV-1") == "one"
    assert await ask(backend, "see INV-22") == "many"
    assert await ask(backend, "no number", "agent:qa:a") == "from qa"
    assert await ask(backend, "no number", "agent:qa:b") == "nothing"
    assert await ask(backend, "structured") == '{"b": 1, "a": ["ü"]}'


async def test_replies_come_in_turn_and_the_last_stays(tmp_path: Path) -> None:
    backend = script(tmp_path, "- replies: [a, b]")
    assert [await ask(backend, "x") for _ in range(4)] == ["a", "b", "b", "b"]


async def test_a_rule_can_fail(tmp_path: Path) -> None:
    backend = script(tmp_path, "- {contains: bad, error: garbage, delay: 0.001}")
    for text, reason in (("bad", "garbage"), ("unknown", "no_rule")):
        with pytest.raises(ReplyError) as caught:
            await ask(backend, text)
        assert caught.value.reason == reason


async def test_slots_finish_and_digest_come_from_the_file(tmp_path: Path) -> None:
    backend = script(tmp_path, "{slots: 3, rules: [{reply: x, finish: length}]}")
    reply = await gateway(backend).chat(request())
    assert (backend.slots, reply.finish, len(reply.digest)) == (3, "length", 64)


async def test_an_empty_file_knows_no_reply(tmp_path: Path) -> None:
    with pytest.raises(ReplyError):
        await ask(script(tmp_path, ""), "x")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rules:\n  - {reply: [}", "replies.yaml:2"),
        ("- {match: '(', reply: x}", "rules 1 match"),
        ("- {reply: x}\n- {replys: x}", "rules 2 replys"),
        ("- {reply: x, error: garbage}", "exactly one of"),
        ("- {error: nonsense}", "unknown error 'nonsense'"),
        ("- {replies: []}", "rules 1 replies"),
        ("- {reply: x, delay: -1}", "delay"),
        ("just text", "valid dictionary"),
        ("x: [\x07]", "special characters"),
    ],
)
def test_a_script_that_does_not_hold_names_the_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        script(tmp_path, text)
    assert says in str(caught.value)
    assert "replies.yaml" in str(caught.value)


def test_a_script_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_script(tmp_path / "absent.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"- {reply: \xfc}")
    with pytest.raises(ConfigError, match="UTF-8"):
        read_script(tmp_path / "latin.yaml")
