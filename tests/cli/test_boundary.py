"""Every exception has a published exit status, a message with a mend, and a traceback only with --debug."""

from __future__ import annotations

import errno
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from metaagent import errors
from metaagent.cli.app import EXIT_STATUSES
from metaagent.cli.boundary import guarded, status_of
from metaagent.errors import BoardUnreadableError, MetaagentError, UsageError

TREE = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, MetaagentError)]


def failing(error: BaseException, *, debug: bool = False) -> int:
    def call() -> int:
        raise error

    return guarded(call, lambda: debug)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_exit_status_is_published_in_the_help(kind: type[MetaagentError]) -> None:
    published = {int(line.split()[0]) for line in EXIT_STATUSES.splitlines()[1:]}
    assert kind.exit_status in published


def test_an_error_says_what_and_what_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    error = BoardUnreadableError("two tasks are called TASK-001 (WORKING.md:12)", line=12, mend="metaagent board check")
    assert failing(error) == 3
    assert capsys.readouterr() == (
        "",
        "error: two tasks are called TASK-001 (WORKING.md:12)\n  try: metaagent board check\n",
    )


def test_a_message_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    failing(UsageError("no task '\x1b[2J'", mend="look at \x07it"))
    assert capsys.readouterr().err == "error: no task '\\e[2J'\n  try: look at \\x07it\n"


def test_a_bug_has_its_own_status_and_names_the_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert failing(ZeroDivisionError("division by zero")) == 70
    text = capsys.readouterr().err
    assert "a bug of metaagent: ZeroDivisionError: division by zero (test_boundary.py:" in text
    assert "Traceback" not in text


def test_a_traceback_appears_with_debug(capsys: pytest.CaptureFixture[str]) -> None:
    assert failing(UsageError("no"), debug=True) == 2
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_a_disk_error_is_74_and_names_the_file(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert failing(OSError(number, "it says no", "/some/where/file")) == 74
    assert "error: it says no (/some/where/file)" in capsys.readouterr().err


def test_an_interrupt_is_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert failing(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err.startswith("interrupted")


def test_a_broken_pipe_is_not_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert failing(BrokenPipeError(errno.EPIPE, "Broken pipe")) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("code", "status"), [(None, 0), (5, 5), ("text", 1)])
def test_a_system_exit_keeps_its_status(code: object, status: int) -> None:
    assert status_of(SystemExit(code)) == status


def test_the_place_of_a_lost_file_is_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failing(PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "x")))
    assert f"ls -ld {tmp_path}" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("--version > /dev/full", 74),
        ("config show > /dev/full", 74),
        ("status 2> /dev/full", 74),
        ("status > /dev/full 2>&1", 74),
        ("nope 2> /dev/full", 2),
        ("--version >&-", 0),
        ("status >&-", 0),
        ("status 2>&-", 0),
        ("status >&- 2>&-", 0),
    ],
)
def test_a_stream_that_takes_nothing(line: str, status: int, workspace: Path) -> None:
    """No traceback, the right status, and nothing of one stream in the other."""
    command = f"{sys.executable} -m metaagent {line}"
    ran = subprocess.run(command, shell=True, cwd=workspace, capture_output=True, text=True)
    assert ran.returncode == status
    assert "Traceback" not in ran.stdout + ran.stderr
    assert "next:" not in ran.stdout
