"""What of a reply is the artifact. Pure.

A reply that is one fenced block of code and nothing else delivers what stands in the fence: chat models wrap code for a
reader, whatever they were asked for. Prose around it, or a second block, is not forgiven here; that is what the fixer
``text.fence`` is for. JSON is asked for with a schema, and texts may hold fences of their own: both stay as they are.
"""

from __future__ import annotations

import re

_FENCED = re.compile(r"\s*```[\w+.#-]*[ \t]*\n(?P<code>.*?)\n?[ \t]*```\s*", re.DOTALL)
_AS_IT_IS = frozenset({"json", "text", "markdown", "md", "rst", ""})


def artifact_of(reply: str, form: str) -> str:
    """The artifact in a reply; ``form`` is the artifact's format."""
    if form.lower() in _AS_IT_IS:
        return reply
    found = _FENCED.fullmatch(reply)
    return found["code"] if found and "```" not in found["code"] else reply
