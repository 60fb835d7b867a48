"""What a task is by content: the hash of what its attempts are judged by."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from metaagent.records import ArtifactForm, Check

TASK_ID = re.compile(r"(?![xX]\Z)[A-Za-z][A-Za-z0-9._-]{0,99}")
"""What the board can hold between brackets."""


def content_hash(
    goal: str,
    inputs: Mapping[str, str],
    artifact: ArtifactForm,
    checks: Sequence[Check],
    files: Mapping[str, str] | None = None,
) -> str:
    """SHA-256 of the canonical JSON. ``files`` are the hashes of the user checks' files, by path."""
    content = {
        "goal": goal,
        "inputs": dict(inputs),
        "artifact": [artifact.format, artifact.schema, artifact.name],
        "checks": [[check.validator, check.public, check.options] for check in checks],
        "files": dict(files or {}),
    }
    return sha256(canonical(content).encode()).hexdigest()


def canonical(value: Any) -> str:
    """JSON with sorted keys, no spaces, ASCII only. A title alone is content too: see ``join``."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
