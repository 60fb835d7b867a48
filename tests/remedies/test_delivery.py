"""A fence around the whole of a code reply is transport; everything else stays as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.remedies.delivery import artifact_of

CODE = "def f(x):\n    return x"


@pytest.mark.parametrize(
    ("reply", "artifact"),
    [
        (f"```python\n{CODE}\n```", CODE),
        (f"\n```\n{CODE}\n```\n", CODE),
        (f"```py\n{CODE}```", CODE),
        (CODE, CODE),
        (f"Sure:\n```python\n{CODE}\n```", None),
        (f"```python\n{CODE}\n```\nIt returns x.", None),
        (f"```python\n{CODE}\n```\n```python\n{CODE}\n```", None),
        (f"```python\n{CODE}", None),
        ("", ""),
    ],
)
def test_one_fence_around_all_of_it_goes(reply: str, artifact: str | None) -> None:
    assert artifact_of(reply, "python") == (reply if artifact is None else artifact)


@pytest.mark.parametrize("form", ["json", "text", "markdown", ""])
def test_formats_that_keep_their_fences(form: str) -> None:
    assert artifact_of("```\n{}\n```", form) == "```\n{}\n```"


@given(st.text(alphabet="`ab\n ", max_size=60))
def test_what_is_taken_out_holds_no_fence_and_is_taken_once(reply: str) -> None:
    once = artifact_of(reply, "python")
    assert once == reply or "```" not in once
    assert artifact_of(once, "python") == once
