"""``json.fields``: the learned JSON fixer. Its settings hold a program (program.py), made by learning from the errors
of structured checks and readable by people (describe.py); here it is applied. It abstains on a reply that is no JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from metaagent.records import Brief
from metaagent.remedies.json.fields.program import run
from metaagent.remedies.json.strict import loads

_MAX: Final = 200_000


def fix(reply: str, brief: Brief, settings: Mapping[str, Any]) -> str | None:
    program = settings.get("program")
    if not isinstance(program, Mapping) or len(reply) > _MAX:
        return None
    try:
        document = loads(reply)
        if not isinstance(document, (dict, list)):
            return None
        made = run(program, document, brief.own_text, brief.title, settings.get("logprobs", {}))
    except (ValueError, RecursionError):
        return None
    return None if json.dumps(made) == json.dumps(document) else json.dumps(made, ensure_ascii=False, indent=2)
