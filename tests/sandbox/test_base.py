from __future__ import annotations

from pathlib import Path

import pytest

from metaagent.errors import UsageError
from metaagent.sandbox.base import MAX_FILES, Job
from metaagent.sandbox.interpreter import interpreter


@pytest.mark.parametrize(
    "name", ["", ".", "..", "/etc/passwd", "a/../b", "../a", "a//b", "a/", "./a", "a\0b", "x" * 1001]
)
def test_a_file_stays_in_its_folder(name: str) -> None:
    with pytest.raises(UsageError, match="relative path"):
        Job(("true",), files={name: b""})
    with pytest.raises(UsageError, match="relative path"):
        Job(("true",), collect=(name,))


@pytest.mark.parametrize("name", ["a", "a/b.py", "ä ö", "..a", "-rf", ".hidden"])
def test_ordinary_names_are_fine(name: str) -> None:
    assert Job(("true",), files={name: b""}, collect=(name,)).files


@pytest.mark.parametrize("path", ["/", "relative", "/usr/../etc"])
def test_what_is_opened_is_named_narrowly(path: str) -> None:
    with pytest.raises(UsageError, match="cannot be opened"):
        Job(("true",), readable=(Path(path),))


def test_a_home_folder_is_not_opened() -> None:
    for path in (Path.home(), Path.home().parent):
        with pytest.raises(UsageError, match="home"):
            Job(("true",), readable=(path,))
    assert Job(("true",), readable=(Path.home() / "project" / ".venv",))


@pytest.mark.parametrize("argv", [(), ("a\0b",)])
def test_a_command_is_one(argv: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="command"):
        Job(argv)


def test_too_many_files_are_refused() -> None:
    with pytest.raises(UsageError, match="at most"):
        Job(("true",), files={str(number): b"" for number in range(MAX_FILES + 1)})


def test_the_interpreters_folders_are_whole_and_not_in_usr() -> None:
    for path in interpreter():
        assert path.is_absolute()
        assert not str(path).startswith("/usr/")


@pytest.mark.parametrize("name", ["", "A=B", "A\0B"])
def test_a_variable_has_a_name(name: str) -> None:
    with pytest.raises(UsageError, match="variable"):
        Job(("true",), environment={name: "x"})
