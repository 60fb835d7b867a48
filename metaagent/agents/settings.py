"""Changes agents in .metaagent/config.yaml, which a person edits too: only the agent's own lines change.

The entry of one agent is cut out, changed by a ruamel.yaml round trip (comments in it are kept) and put back; every
other byte stays. A file whose `agents:` is written in flow style, which has no lines of its own for an agent, goes
through a round trip as a whole.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaagent.agents.roster import role_in, roster
from metaagent.config import parse_config
from metaagent.errors import ConfigError, LockedError, StorageError

if TYPE_CHECKING:
    from metaagent.config import Config

LOCK_SECONDS = 10.0
Fields = Mapping[str, Any]
"""Fields of AgentConfig to set; None takes a field out, so that its default holds."""


def with_agent(text: str, agent_id: str, fields: Fields) -> str:
    """``text`` with the agent added, or the fields of an agent that is there changed."""
    return _changed(text, agent_id, fields)


def without_agent(text: str, agent_id: str) -> str:
    """``text`` without the agent. Comments before the next entry stay."""
    return _changed(text, agent_id, None)


def change_config(path: Path, change: Callable[[str], str]) -> Config:
    """Replace the configuration by what ``change`` makes of its text, all or nothing, and return it.

    The new text is checked before the old one is replaced; mode and symlink are kept; a file that somebody saved
    meanwhile is not overwritten. Raises ConfigError, StorageError and LockedError.
    """
    from filelock import FileLock, Timeout

    try:
        with FileLock(path.with_name("config.lock"), timeout=LOCK_SECONDS):
            return _replace(path, change)
    except Timeout as error:
        raise LockedError(f"{path} is being changed by another process", mend="try again") from error
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror}", mend=f"check permissions and space: ls -ld {path.parent}"
        ) from error


def _replace(path: Path, change: Callable[[str], str]) -> Config:
    target = path.resolve()
    before = target.read_bytes() if target.exists() else None
    try:
        text = (before or b"").decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text ({error})", mend="save it as UTF-8") from error
    bom = "\ufeff" if text.startswith("\ufeff") else ""
    after = bom + change(text.removeprefix(bom))
    config = parse_config(after.removeprefix(bom), where=str(path))
    roster(config)  # roles and their templates hold
    data = after.encode("utf-8")
    if data == before:
        return config
    _write(target, data, before)
    return config


def _write(target: Path, data: bytes, before: bytes | None) -> None:
    number, name = tempfile.mkstemp(prefix=".config.yaml.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), target.stat().st_mode & 0o7777 if before is not None else 0o644)
            os.fsync(file.fileno())
        if (target.read_bytes() if target.exists() else None) != before:
            raise LockedError(f"{target} was saved by somebody else in this moment; nothing changed", mend="try again")
        Path(name).replace(target)
        _sync_folder(target.parent)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _changed(text: str, agent_id: str, fields: Fields | None) -> str:
    """The change by lines where that gives what was wanted, else by a round trip of the whole text."""
    newline = "\r\n" if "\r\n" in text else "\n"
    plain = text.replace("\r\n", "\n")
    wanted = _wanted(plain, agent_id, fields)
    after = _splice(plain, agent_id, fields)
    if after is None or _values(after) != wanted:
        after = _round_trip(plain, agent_id, fields)
    return after.replace("\n", newline)


def _wanted(text: str, agent_id: str, fields: Fields | None) -> Any:
    """The values that the text should have after the change; raises ConfigError where it is no configuration."""
    data = _loaded(text) or {}
    agents = (data.get("agents") or {}) if isinstance(data, dict) else None
    if not isinstance(agents, dict):
        raise ConfigError("the configuration and its agents must be mappings", mend="metaagent config edit")
    values = _values(text) or {}
    others = {name: entry for name, entry in (values.get("agents") or {}).items() if name != agent_id}
    own = {} if fields is None else {agent_id: _after(agent_id, agents.get(agent_id), fields)}
    return {**values, "agents": others | own}


def _after(agent_id: str, given: Any, fields: Fields) -> dict[str, Any]:
    """An entry's values after a change. One that would be left empty names its role, so that its comments can stay."""
    before = dict(given or {})
    merged = {name: value for name, value in (before | dict(fields)).items() if value is not None}
    plain = {name: list(value) if isinstance(value, (list, tuple)) else value for name, value in merged.items()}
    return plain or ({"role": role_in(agent_id)} if before else {})


def _values(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _splice(text: str, agent_id: str, fields: Fields | None) -> str | None:
    """The text with only the agent's own lines changed; None where it has no lines of its own."""
    import yaml

    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None:
        return None if fields is None else _appended(text, agent_id, fields)
    agents = _child(root, "agents")
    if agents is None:
        block = isinstance(root, yaml.MappingNode) and not root.flow_style
        return _appended(text, agent_id, fields) if block and fields is not None else None
    if not isinstance(agents[1], yaml.MappingNode) or agents[1].flow_style or not agents[1].value:
        return None
    keys = [key for key, _ in agents[1].value]
    indent = keys[0].start_mark.column
    own = next((key for key in keys if key.value == agent_id), None)
    if own is None:
        end = _entry(text, keys[-1].start_mark.index, indent)[1]
        return text if fields is None else _inserted(text, end, _indented(_new_entry(agent_id, fields), indent))
    start, end = _entry(text, own.start_mark.index, indent)
    if fields is not None:
        return (
            text[:start] + _indented(_edited(_dedented(text[start:end], indent), agent_id, fields), indent) + text[end:]
        )
    if len(keys) > 1:
        return text[:start] + text[end:]
    colon = text.index(":", agents[0].end_mark.index) + 1
    return text[:colon] + " {}" + text[colon:start] + text[end:]


def _child(root: Any, name: str) -> tuple[Any, Any] | None:
    pairs = root.value if hasattr(root, "flow_style") and isinstance(root.value, list) else []
    return next((pair for pair in pairs if isinstance(pair, tuple) and pair[0].value == name), None)


def _entry(text: str, at: int, indent: int) -> tuple[int, int]:
    """Where the lines of the entry whose key is at ``at`` start and end: its own line and the deeper ones after it."""
    start = text.rfind("\n", 0, at) + 1
    end = position = _line_end(text, at)
    while position < len(text):
        following = _line_end(text, position)
        line = text[position:following]
        body = line.strip()
        depth = len(line) - len(line.lstrip(" "))
        if body and depth <= indent and not body.startswith("#"):
            break
        if body and depth > indent:
            end = following
        position = following
    return start, end


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1


def _appended(text: str, agent_id: str, fields: Fields) -> str:
    return _inserted(text, len(text), "agents:\n" + _indented(_new_entry(agent_id, fields), 2))


def _inserted(text: str, at: int, lines: str) -> str:
    before = text[:at]
    return (before if not before or before.endswith("\n") else before + "\n") + lines + text[at:]


def _new_entry(agent_id: str, fields: Fields) -> str:
    return _dumped({agent_id: _updated(None, _after(agent_id, None, fields))})


def _edited(entry: str, agent_id: str, fields: Fields) -> str:
    data = _loaded(entry)
    data[agent_id] = _updated(data[agent_id], _after(agent_id, data[agent_id], fields))
    return _dumped(data)


def _updated(entry: Any, values: Mapping[str, Any]) -> Any:
    """The entry with these values; what does not change keeps its place, its style and its comments."""
    from ruamel.yaml.comments import CommentedSeq

    kept = entry if entry else _empty_map()
    for name, value in values.items():
        if name in kept and kept[name] == value:
            continue
        kept[name] = CommentedSeq(value) if isinstance(value, list) else value
        if isinstance(value, list):
            kept[name].fa.set_flow_style()
    for name in [name for name in kept if name not in values]:
        del kept[name]
    return kept


def _round_trip(text: str, agent_id: str, fields: Fields | None) -> str:
    data = _loaded(text) or _empty_map()
    agents = data.get("agents") or _empty_map()
    if fields is None:
        agents.pop(agent_id, None)
    else:
        agents[agent_id] = _updated(agents.get(agent_id), _after(agent_id, agents.get(agent_id), fields))
    data["agents"] = agents
    return _dumped(data)


def _empty_map() -> Any:
    from ruamel.yaml.comments import CommentedMap

    return CommentedMap()


def _loaded(text: str) -> Any:
    from ruamel.yaml.error import YAMLError

    try:
        return _yaml().load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise ConfigError(
            f"the configuration cannot be changed{line}: {problem}", mend="metaagent config edit"
        ) from error


def _dumped(data: Any) -> str:
    stream = io.StringIO()
    _yaml().dump(data, stream)
    return stream.getvalue()


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    return yaml


def _indented(entry: str, indent: int) -> str:
    return "".join(" " * indent + line if line.strip() else line for line in entry.splitlines(keepends=True))


def _dedented(lines: str, indent: int) -> str:
    return "".join(
        line[indent:] if not line[:indent].strip() else line.lstrip(" ") for line in lines.splitlines(keepends=True)
    )
