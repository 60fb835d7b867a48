"""Writing specifications: as YAML that reads back to the same values, and never over a file that is there."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from metaagent.errors import StorageError, UsageError
from metaagent.records import Limits, Task
from metaagent.tasks.sheet import RESOLVERS, parse_sheet
from metaagent.tasks.specification import Place, task_of

_STRANGE = re.compile("[^\n -~\u00a0-\u2027\u202a-\ud7ff]")
"""Characters that YAML folds, breaks at or drops: such texts stand in double quotes, escaped."""


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = '"' if _STRANGE.search(text) else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
for _tag, _pattern, _first in RESOLVERS:
    _Dumper.add_implicit_resolver(_tag, _pattern, list(_first))


def yaml_text(values: Mapping[str, Any]) -> str:
    """YAML of plain values. Texts that YAML 1.1 or 1.2 would read as something else are quoted."""
    return yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def write_specification(root: Path, task_id: str, values: Mapping[str, Any], limits: Limits | None = None) -> Task:
    """Write tasks/ID.yaml, having read it as a task first; SpecificationError where it does not hold."""
    path, shown = root / "tasks" / f"{task_id}.yaml", f"tasks/{task_id}.yaml"
    text = yaml_text({"id": task_id, **values})
    task = task_of(parse_sheet(text, path, shown), Place(root, limits or Limits()))
    write_new({path: text.encode()})
    return task


def write_new(files: Mapping[Path, bytes]) -> None:
    """Create all the files or none of them; UsageError where one is there already."""
    made: list[Path] = []
    try:
        for path, data in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as stream:
                made.append(path)
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
    except FileExistsError as error:
        _unmake(made)
        name = Path(error.filename).name
        raise UsageError(f"tasks/{name} is there already", mend="give another --name, or remove it first") from None
    except OSError as error:
        _unmake(made)
        raise StorageError(f"cannot write {error.filename}: {error.strerror}") from error
    except BaseException:
        _unmake(made)
        raise


def _unmake(paths: list[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink()
