"""text.fence: the artifact without the fence and the sentences around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.records import ArtifactForm, Brief
from metaagent.remedies.fixers import find_fixer


def strip(text: str, form: str) -> str | None:
    return find_fixer("text.fence")(text, Brief("T-1", "a task", "do it", None, {}, ArtifactForm(form)), {})


@pytest.mark.parametrize(
    ("text", "form", "artifact"),
    [
        ('```json\n{"a": 1}\n```', "json", '{"a": 1}'),
        ('Sure:\n```json\n{"a": 1}\n```\nDone.', "json", '{"a": 1}'),
        ("Run:\n```sh\npip install something-long\n```\n```python\nx = 1\n```", "python", "x = 1"),
        ("```\nSELECT 1;\n```", "sql", "SELECT 1;"),
        ("~~~py\nx = 1\ny = 2\n~~~", "python", "x = 1\ny = 2"),
        ("```python\nx = 1\n", "python", "x = 1"),
        ('Here it is: {"a": [1]} as you asked', "json", '{"a": [1]}'),
        ("```\njust words\n```", "text", "just words"),
        ("````python\nprint('```')\n````", "python", "print('```')"),
    ],
)
def test_the_artifact_is_taken_out(text: str, form: str, artifact: str) -> None:
    assert strip(text, form) == artifact


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("", "json"),
        ('{"a": 1}', "json"),
        ("x = 1", "python"),
        ("Intro\n```\ncode\n```", "markdown"),
        ("no json", "json"),
        ("```python\n```", "python"),
    ],
)
def test_it_abstains(text: str, form: str) -> None:
    assert strip(text, form) is None


@given(st.text(alphabet="`~ \nab{}[]1", max_size=80), st.sampled_from(["json", "python", "text", "sql"]))
def test_it_never_raises_and_is_stable(text: str, form: str) -> None:
    made = strip(text, form)
    assert made is None or made != text
