"""``command``: a program of the task judges an artifact, in a real sandbox and only when it is trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from metaagent.errors import TrustError
from metaagent.records import Check, ErrorKind, Outcome, Verdict
from metaagent.tasks.commands import commands
from metaagent.trust import pins
from metaagent.validators import CheckContext, OptionsError, get, judge
from metaagent.validators.command import pin
from tests.validators.walls import named, strongest, verdict

LINT = """
import sys
text = open(sys.argv[1]).read()
print("lines:", text.count("\\n"))
if text != sys.stdin.read():
    sys.exit("stdin is another text")
sys.exit(3 if "bad" in text else 0)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "fixtures").mkdir()
    (tmp_path / "fixtures" / "lint.py").write_text(LINT)
    return tmp_path


def run(root: Path, artifact: str, backend: str = "", **options: Any) -> Verdict:
    known = {"run": "python3 fixtures/lint.py report.csv", "artifact": "report.csv", "fixture": "fixtures/lint.py"}
    sandbox = named(backend) if backend else strongest()
    return verdict(root, artifact, "command", sandbox, **{**known, **options})


@pytest.mark.parametrize("backend", ["bubblewrap", "landlock"])
def test_status_and_output_are_compared(root: Path, backend: str) -> None:
    output = {"contains": "lines:", "forbids": ["warning"], "regex": ["lines: [0-9]+"]}
    found = run(root, "a\nb\n", backend, output=output)
    assert (found.outcome, found.held, found.checked) == (Outcome.PASS, 4, 4), found
    found = run(root, "bad\n", backend, output={**output, "contains": "lines: 7"})
    assert (found.outcome, found.held) == (Outcome.FAIL, 2)
    status, part = found.findings
    assert (status.message, status.location, status.expected) == (
        "the command ended with another status",
        "status",
        "0",
    )
    assert status.got == '{"status": 3, "stderr": ""}'
    assert (part.message, part.location, part.expected) == ("required part is missing", "output", '"lines: 7"')


def test_a_status_may_be_wanted(root: Path) -> None:
    assert run(root, "bad\n", status=[3, 4]).outcome is Outcome.PASS
    assert run(root, "good\n", status=3).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        (["sleep", "30"], ErrorKind.TIMEOUT, "took too long"),
        (["sh", "-c", "kill -9 $$"], ErrorKind.EXCEPTION, "ended by signal 9"),
        (
            ["sh", "-c", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done"],
            ErrorKind.RESOURCE,
            "",
        ),
        (["sh", "-c", "cat /dev/zero > big"], ErrorKind.RESOURCE, ""),
    ],
)
def test_a_program_that_does_not_end_well(root: Path, words: list[str], kind: ErrorKind, said: str) -> None:
    found = run(root, "x", run=words, seconds=2, output="ok")
    assert (found.outcome, found.held) == (Outcome.FAIL, 0), found
    assert found.findings[0].kind in (kind, ErrorKind.ASSERTION, ErrorKind.TIMEOUT), found
    assert said in found.findings[0].message


def test_a_program_that_is_missing_is_no_fault_of_the_answer(root: Path) -> None:
    found = run(root, "x", run=["no-such-program"])
    assert (found.outcome, found.findings[0].kind) == (Outcome.INCONCLUSIVE, ErrorKind.INFRASTRUCTURE)
    assert "try: install no-such-program" in found.findings[0].message


def test_it_runs_only_as_it_was_trusted(root: Path) -> None:
    options = {"run": ["sh", "-c", "exit 0"]}
    check = Check("command", True, options)
    context = CheckContext(root, sandbox=strongest())
    with pytest.raises(TrustError, match="the command may not run yet: sh -c 'exit 0'"):
        judge("x", (check,), context)
    words = pin(("sh", "-c", "exit 0"))
    trusting = CheckContext(root, trusted=pins(dict([words])), sandbox=strongest())
    assert judge("x", (check,), trusting)[0].outcome is Outcome.PASS
    other = Check("command", True, {"run": ["sh", "-c", "exit  0"]})
    with pytest.raises(TrustError):
        judge("x", (other,), trusting)


def test_the_commands_of_a_workspace_are_found(root: Path) -> None:
    (root / "tasks").mkdir()
    (root / "tasks" / "a.yaml").write_text("goal: x\nchecks: {public: [{command: {run: wc -l artifact}}, json.parse]}")
    (root / "tasks" / "b.yaml").write_text("goal: x\nchecks: {key: [{command: {run: [sh, -c, 'exit 1']}}]}")
    (root / "tasks" / "broken.yaml").write_text("command: [")
    (root / ".hidden").mkdir()
    (root / ".hidden" / "c.yaml").write_text("goal: x\nchecks: {public: [{command: {run: rm}}]}")
    assert commands(root) == dict([pin(("sh", "-c", "exit 1")), pin(("wc", "-l", "artifact"))])


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"run": []}, "run"),
        ({"run": "a 'b"}, "run"),
        ({"run": [""]}, "run"),
        ({"run": ["a", 1]}, "run"),
        ({"status": "x"}, "status"),
        ({"status": 256}, "status"),
        ({"status": []}, "status"),
        ({"artifact": "../x"}, "artifact"),
        ({"artifact": 3}, "artifact"),
        ({"output": {"contain": "x"}}, "output.contain"),
        ({"output": {"regex": "("}}, "output.regex"),
        ({"errors": 3}, "errors"),
        ({"seconds": 0}, "seconds"),
        ({"fixture": ""}, "fixture"),
        ({"statsu": 1}, "statsu"),
    ],
)
def test_options_that_do_not_hold(options: dict[str, Any], option: str) -> None:
    with pytest.raises(OptionsError) as caught:
        get("command")({"run": ["true"], **options})
    assert caught.value.option == option
