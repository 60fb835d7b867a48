from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from metaagent import trust
from metaagent.errors import TrustError
from metaagent.records import Check, ErrorKind, Outcome, Task, Verdict
from metaagent.validators import CheckContext, judge

TASK = Task("T-1", "Title", goal="Goal", inputs={"text": "x"}, reference="SECRET")


def run(root: Path, source: str, artifact: str = "hi", *, public: bool = True, **options: Any) -> Verdict:
    (root / "checks").mkdir(exist_ok=True)
    (root / "checks/tone.py").write_text(source)
    context = CheckContext(root, TASK, trust.pins(trust.runnable(root)), seconds=10)
    return judge(artifact, (Check("user", public, {"file": "checks/tone.py", **options}),), context)[0]


@pytest.mark.parametrize("answer", ["None", "[]", "()", "True"])
def test_nothing_found_is_a_pass(tmp_path: Path, answer: str) -> None:
    verdict = run(tmp_path, f"def check(artifact, task):\n    print('noise')\n    return {answer}")
    assert (verdict.outcome, verdict.checked, verdict.held) == (Outcome.PASS, 1, 1)


def test_findings_are_texts_or_have_a_message(tmp_path: Path) -> None:
    source = (
        "def check(a, t): return ['too \\ud800 cold', {'message': 'm', 'kind': 'format', 'got': 1, 'location': 'x'}]"
    )
    verdict = run(tmp_path, source)
    assert verdict.outcome is Outcome.FAIL
    assert [(f.kind, f.message, f.location, f.got) for f in verdict.findings] == [
        (ErrorKind.ASSERTION, "too \\ud800 cold", "", None),
        (ErrorKind.FORMAT, "m", "x", "1"),
    ]


def test_the_artifact_and_the_task_arrive_whole(tmp_path: Path) -> None:
    source = (
        "def look(a, t): return [] if (a, t['inputs']['text'], t['id']) == ('é\\ud800\\n', 'x', 'T-1') else [repr(a)]"
    )
    assert run(tmp_path, source, "é\ud800\n", function="look").outcome is Outcome.PASS


def test_only_a_key_check_sees_the_reference(tmp_path: Path) -> None:
    source = "def check(a, t): return [str(t.get('reference'))]"
    assert run(tmp_path, source).findings[0].message == "None"
    assert run(tmp_path, source, public=False).findings[0].message == "SECRET"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def check(a, t): 1/0", "ZeroDivisionError: division by zero (tone.py:1)"),
        ("import os\ndef check(a, t): os._exit(0)", "ended with status 0 and no answer"),
        ("def check(a, t): raise SystemExit(0)", "SystemExit"),
        ("def check(a, t): return 3", "returned 3; it must return a list"),
        ("def check(a, t): return [3]", "found 3; a finding is a text or has a message"),
        ("def check(a, t): return object()", "what is not JSON"),
        ("def chek(a, t): return []", "has no function check(artifact, task)"),
        ("def check(:", "SyntaxError"),
        ("def check(a, t):\n    while True: print('x' * 100000)", "wrote more than 1000000 bytes"),
        ("import os\ndef check(a, t): return [k for k in os.environ if 'SECRET' in k] or 1/0", "ZeroDivisionError"),
    ],
)
def test_what_breaks_is_infrastructure(
    tmp_path: Path, source: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET_TOKEN", "x")
    verdict = run(tmp_path, source)
    assert (verdict.outcome, verdict.held) == (Outcome.INCONCLUSIVE, 0)
    assert [finding.kind for finding in verdict.findings] == [ErrorKind.INFRASTRUCTURE]
    assert message in verdict.findings[0].message


def test_a_check_that_kills_its_parent_is_broken_and_no_more(tmp_path: Path) -> None:
    source = (
        "import os, signal, time\ndef check(a, t):\n os.kill(os.getppid(), signal.SIGKILL)\n time.sleep(5)\n return []"
    )
    verdict = run(tmp_path, source)
    assert (verdict.outcome, verdict.findings[0].kind) == (Outcome.INCONCLUSIVE, ErrorKind.INFRASTRUCTURE)
    limited = "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))\n"
    stopped = run(tmp_path, limited + "def check(a, t):\n while True: pass", seconds=20)
    assert stopped.outcome is Outcome.INCONCLUSIVE


def test_the_time_limit_ends_the_whole_group(tmp_path: Path) -> None:
    source = (
        "import subprocess, time, pathlib\n"
        "def check(a, t):\n"
        "    child = subprocess.Popen(['sleep', '60'])\n"
        "    pathlib.Path('child').write_text(str(child.pid))\n"
        "    time.sleep(60)\n"
    )
    verdict = run(tmp_path, source, seconds=0.5)
    assert "gave no answer in 0.5 s" in verdict.findings[0].message
    assert _gone(int((tmp_path / "child").read_text()))


def test_a_grandchild_that_stays_behind_does_not_hold_the_verdict(tmp_path: Path) -> None:
    source = "import subprocess\ndef check(a, t):\n    print(subprocess.Popen(['sleep', '60']).pid)\n    return []"
    verdict = run(tmp_path, source)
    assert verdict.outcome is Outcome.PASS
    assert verdict.seconds < 5


def _gone(pid: int) -> bool:
    """Whether it ends soon: a killed process may still be seen for a moment."""
    for _ in range(200):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_an_untrusted_check_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks/a.py").write_text("import pathlib\npathlib.Path('ran').touch()\ndef check(a, t): pass")
    check = Check("user", True, {"file": "checks/a.py"})
    with pytest.raises(TrustError) as caught:
        judge("", (check,), CheckContext(tmp_path))
    assert caught.value.mend == "metaagent trust"
    pinned = trust.pins({"checks/a.py": trust.digest(b"another version")})
    with pytest.raises(TrustError):
        judge("", (check,), CheckContext(tmp_path, trusted=pinned))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("file", ["../a.py", "tone.py", "checks/../tone.py", "checks/tone.txt", "/etc/a.py"])
def test_only_python_files_in_checks_may_run(tmp_path: Path, file: str) -> None:
    (tmp_path / "tone.py").write_text("def check(a, t): pass")
    context = CheckContext(tmp_path, trusted=lambda path, digest: True)  # noqa: ARG005
    (verdict,) = judge("", (Check("user", True, {"file": file}),), context)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "is not a Python file in checks/" in verdict.findings[0].message
