"""``python.static``: ruff on an artifact, in a real sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from metaagent.records import ErrorKind, Outcome
from metaagent.validators import OptionsError, get, python_static
from tests.validators.walls import named, verdict

CLEAN = "import os\n\n\ndef name(): return os.name\n"


@pytest.mark.parametrize("backend", ["bubblewrap", "landlock"])
def test_a_clean_source_passes_and_a_wrong_one_is_told_by_rule_and_line(tmp_path: Path, backend: str) -> None:
    assert verdict(tmp_path, CLEAN, "python.static", named(backend)).outcome is Outcome.PASS
    found = verdict(tmp_path, CLEAN.replace("os.name", "oss.name"), "python.static", named(backend))
    assert (found.outcome, found.held, found.checked) == (Outcome.FAIL, 0, 1)
    assert [(one.kind, one.message, one.location) for one in found.findings] == [
        (ErrorKind.NAME, "F821: Undefined name `oss`", "line 4")
    ]


@pytest.mark.parametrize(
    ("source", "kind", "word"),
    [
        ("def f(:\n    pass", ErrorKind.SYNTAX, "syntax"),
        ("```python\nx = 1\n```", ErrorKind.FORMAT, "code fence"),
        ("", ErrorKind.FORMAT, "empty"),
        ("x = 1\nif x is 'a': pass", ErrorKind.FORMAT, "F632"),
        ("# ruff: noqa\nprint(nothing)  # noqa: F821", ErrorKind.NAME, "F821"),
        ("# flake8: noqa\nprint(nothing)", ErrorKind.NAME, "F821"),
        ("return 3", ErrorKind.FORMAT, "F706"),
    ],
)
def test_what_it_finds(tmp_path: Path, source: str, kind: ErrorKind, word: str) -> None:
    found = verdict(tmp_path, source, "python.static")
    assert found.outcome is Outcome.FAIL
    assert found.findings[0].kind is kind
    assert word in found.findings[0].message


def test_rules_are_chosen_and_no_file_of_a_folder_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ruff.toml").write_text('lint.ignore = ["F821", "F401"]')
    monkeypatch.chdir(tmp_path)
    assert verdict(tmp_path, "import os", "python.static").outcome is Outcome.PASS
    found = verdict(tmp_path, "import os", "python.static", select=["F"])
    assert found.findings[0].message.startswith("F401")
    assert verdict(tmp_path, "import os", "python.static", select=["F"], ignore="F401").outcome is Outcome.PASS


def test_without_ruff_nothing_was_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_static.shutil, "which", lambda *_, **__: None)
    found = verdict(tmp_path, CLEAN, "python.static")
    assert (found.outcome, found.findings[0].kind) == (Outcome.INCONCLUSIVE, ErrorKind.INFRASTRUCTURE)
    assert "try: pip install ruff" in found.findings[0].message


def test_a_rule_that_ruff_does_not_know_is_no_fault_of_the_answer(tmp_path: Path) -> None:
    found = verdict(tmp_path, CLEAN, "python.static", select=["QQQ999"])
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "QQQ999" in found.findings[0].message


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"selct": ["E9"]}, "did you mean 'select'"),
        ({"select": "e9"}, "not a rule"),
        ({"ignore": [3]}, "must be a text"),
        ({"select": ["--fix"]}, "not a rule"),
    ],
)
def test_options_that_do_not_hold(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionsError, match=said):
        get("python.static")(options)
