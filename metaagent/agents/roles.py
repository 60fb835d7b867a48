"""Roles are data: those of roles.yaml, and the user's own from ``roles:`` in .metaagent/config.yaml, checked alike."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from metaagent.agents.templates import Template, TemplateError, check_template, compile_template
from metaagent.errors import ConfigError, NotFoundError
from metaagent.records import Role

if TYPE_CHECKING:
    from metaagent.config import Config, RoleConfig

DEEDS = ("write", "domain", "why", "comment", "strategy")
"""What a role may do. Only a role that may write gets tasks."""
SYSTEM_PLACEHOLDERS = frozenset({"role", "purpose"})
TASK_PLACEHOLDERS = frozenset({"goal", "form", "inputs", "title"})
TASK_REQUIRED = frozenset({"goal", "form", "inputs"})

_BUILT_IN = Path(__file__).with_name("roles.yaml")


def load_roles(config: Config) -> dict[str, Role]:
    """All roles by name: the built-in ones, then the user's; a user's role replaces a built-in one of its name.

    Raises ConfigError that names the role, the field and the placeholder that does not hold.
    """
    return {**built_in_roles(), **{name: _user_role(name, given) for name, given in config.roles.items()}}


@lru_cache(maxsize=1)
def built_in_roles() -> Mapping[str, Role]:
    """The roles of roles.yaml, checked as a user's are."""
    data = _data()
    roles = {name: _role(name, fields, data["texts"]["task"]) for name, fields in data["roles"].items()}
    for role in roles.values():
        check_role(role, where=f"{_BUILT_IN.name}: roles.{role.name}")
    return MappingProxyType(roles)


@lru_cache(maxsize=64)
def text_template(name: str) -> Template:
    """One of the texts of roles.yaml, compiled; a KeyError for an unknown name is a bug of the caller."""
    return compile_template(_data()["texts"][name])


def find_role(roles: Mapping[str, Role], name: str) -> Role:
    """Raises NotFoundError that names near matches."""
    if name in roles:
        return roles[name]
    near = difflib.get_close_matches(name, roles, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else f"; there are {', '.join(sorted(roles))}"
    raise NotFoundError(f"unknown role '{name}'{hint}", mend="add it under `roles:` (metaagent config edit)")


def check_role(role: Role, *, where: str) -> None:
    """Raises ConfigError for a template, a deed or a skill that does not hold; ``where`` names the role's place."""
    _check_field(f"{where}.system", role.system, SYSTEM_PLACEHOLDERS, frozenset())
    _check_field(f"{where}.task", role.task, TASK_PLACEHOLDERS, TASK_REQUIRED)
    for deed in role.may:
        if deed not in DEEDS:
            near = difflib.get_close_matches(deed, DEEDS, n=1, cutoff=0.4)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(DEEDS)}"
            raise _broken(f"{where}.may: unknown '{deed}'; {hint}")
    for domain, skill in role.skills.items():
        if not 0 <= skill <= 1:
            raise _broken(f"{where}.skills: {domain or 'any domain'!r} is {skill}; a skill is from 0 to 1")


def _check_field(where: str, text: str, allowed: frozenset[str], required: frozenset[str]) -> None:
    try:
        check_template(text, allowed=allowed, required=required)
    except TemplateError as error:
        raise _broken(f"{where}: {error}") from error


def _broken(message: str) -> ConfigError:
    return ConfigError(message, mend="metaagent config edit")


def _user_role(name: str, given: RoleConfig) -> Role:
    role = Role(
        name=name,
        purpose=given.purpose,
        system=given.system,
        task=given.task,
        capabilities=given.capabilities,
        skills=dict(given.skills),
        may=given.may,
    )
    check_role(role, where=f".metaagent/config.yaml: roles.{name}")
    return role


def _role(name: str, fields: Mapping[str, Any], default_task: str) -> Role:
    return Role(
        name=name,
        purpose=fields["purpose"],
        system=fields["system"],
        task=fields.get("task", default_task),
        capabilities=tuple(fields.get("capabilities", ())),
        skills=dict(fields.get("skills", {})),
        may=tuple(fields["may"]),
    )


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    import yaml  # heavy, and not needed to list a board

    data: dict[str, Any] = yaml.safe_load(_BUILT_IN.read_text(encoding="utf-8"))
    return data
