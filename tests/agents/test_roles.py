"""Roles are data: the built-in ones hold, a user's own are checked alike."""

from __future__ import annotations

import pytest

from metaagent.agents.roles import DEEDS, built_in_roles, find_role, load_roles, text_template
from metaagent.config import Config, RoleConfig
from metaagent.errors import ConfigError, NotFoundError

TASK = "{goal}\n{form}\n{inputs}"


def config(**fields: object) -> Config:
    given = {"purpose": "translates", "system": "You translate.", "task": TASK, **fields}
    return Config(roles={"translator": RoleConfig.model_validate(given)})


def test_the_roles_that_the_design_names_are_there() -> None:
    roles = built_in_roles()
    writers = {"executor", "reasoning", "coding", "creative", "analytical"}
    assert {name for name, role in roles.items() if "write" in role.may} == writers
    assert set(roles) == writers | {"analyzer", "validator", "qa", "orchestrator"}
    assert {deed for role in roles.values() for deed in role.may} == set(DEEDS)


@pytest.mark.parametrize("name", sorted(built_in_roles()))
def test_a_built_in_role_says_what_it_is_for(name: str) -> None:
    role = built_in_roles()[name]
    assert role.name == name and role.purpose and role.capabilities and role.skills and role.system


def test_a_user_adds_a_role_without_code() -> None:
    roles = load_roles(config(skills={"text.translate": 0.9}, capabilities=("german",)))
    assert set(roles) == {*built_in_roles(), "translator"}
    assert roles["translator"].skills == {"text.translate": 0.9}
    assert roles["translator"].may == ("write",)


def test_a_user_replaces_a_built_in_role() -> None:
    given = RoleConfig(purpose="mine", system="Mine.", task=TASK)
    roles = load_roles(Config(roles={"executor": given}))
    assert roles["executor"].system == "Mine."
    assert built_in_roles()["executor"].system != "Mine."


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"task": "{goal} {form} {input}"}, r"roles\.translator\.task: unknown placeholder \{input\}"),
        ({"task": "{goal} {form}"}, r"roles\.translator\.task: the placeholder \{inputs\} is missing"),
        ({"system": "You are {goal}."}, r"roles\.translator\.system: unknown placeholder \{goal\}"),
        ({"system": "Use {braces"}, r"roles\.translator\.system: unpaired brace"),
        ({"may": ("wrote",)}, r"roles\.translator\.may: unknown 'wrote'; did you mean 'write'\?"),
        ({"skills": {"text": 1.5}}, r"roles\.translator\.skills: 'text' is 1\.5"),
        ({"skills": {"": float("nan")}}, r"roles\.translator\.skills: 'any domain' is nan"),
    ],
)
def test_a_role_that_does_not_hold_is_named(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_roles(config(**fields))
    assert caught.value.mend == "metaagent config edit"


def test_an_unknown_role_names_near_ones() -> None:
    with pytest.raises(NotFoundError, match="unknown role 'excutor'; did you mean executor"):
        find_role(built_in_roles(), "excutor")


def test_every_text_is_a_template() -> None:
    import yaml

    from metaagent.agents import roles

    for name in yaml.safe_load(roles._BUILT_IN.read_text(encoding="utf-8"))["texts"]:
        assert text_template(name).pieces
