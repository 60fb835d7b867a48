from __future__ import annotations

from pathlib import Path

import pytest

from metaagent.records import ErrorKind, Outcome
from tests.validators.walls import named, verdict


@pytest.mark.parametrize("name", ["bubblewrap", "landlock"])
def test_what_compiles_passes_and_is_not_run(tmp_path: Path, name: str) -> None:
    source = "import os\nos._exit(1)\nmatch x:\n    case 1: pass\n"
    found = verdict(tmp_path, source, "python.syntax", named(name))
    assert (found.outcome, found.checked, found.held) == (Outcome.PASS, 1, 1)


@pytest.mark.parametrize(
    ("source", "kind", "message", "location", "got"),
    [
        ("x = 1\ndef f(:\n", ErrorKind.SYNTAX, "invalid syntax", "line 2", '"def f(:"'),
        ("return 1", ErrorKind.SYNTAX, "'return' outside function", "line 1", '"return 1"'),
        ("if x:\npass", ErrorKind.SYNTAX, "expected an indented block", "line 2", '"pass"'),
        ("x = " + "(" * 9999 + ")" * 9999, ErrorKind.SYNTAX, "too many nested parentheses", "line 1", None),
        ("", ErrorKind.FORMAT, "the reply is empty", "", None),
        ("```\nx = 1\n```", ErrorKind.FORMAT, "code fence", "", None),
        ("Sure:\n```python\nx = 1\n```", ErrorKind.FORMAT, "code fence", "line 1", None),
        ("Sure, here you are", ErrorKind.SYNTAX, "invalid syntax", "line 1", '"Sure, here you are"'),
    ],
)
def test_what_does_not(
    tmp_path: Path, source: str, kind: ErrorKind, message: str, location: str, got: str | None
) -> None:
    found = verdict(tmp_path, source, "python.syntax")
    first = found.findings[0]
    assert (found.outcome, first.kind, first.location) == (Outcome.FAIL, kind, location), found
    assert message in first.message
    if got:
        assert first.got == got


def test_a_source_that_breaks_the_parser_breaks_nothing_else(tmp_path: Path) -> None:
    for deep in ("-" * 150_000 + "1", "f(" * 150 + ")" * 150, "a" + ".b" * 90_000):
        assert verdict(tmp_path, f"x = {deep}", "python.syntax").outcome is not Outcome.INCONCLUSIVE
