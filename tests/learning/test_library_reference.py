"""What a library offers, as a rule: read from its sources, proposed where failing tasks are about it, and short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from metaagent.learning.proposals import Case, Judged
from metaagent.learning.proposers.library import MOST_CHARACTERS, LibraryImports, LibraryReference, reference
from metaagent.records import ArtifactForm, Check, ErrorKind, Outcome, Protocol, Remedy, Task
from metaagent.remedies.cap import added_tokens, fresh_tokens
from tests.learning.values import BENCH, event, make_case, make_task

SOURCE = '''"""Shelves and what stands on them."""

LIMIT = 7
_HIDDEN = 8


class Shelf:
    """A place for things.

    More that nobody needs to know.
    """

    EMPTY = "empty"

    def __init__(self, name: str, room=3, *, deep=False) -> None:
        raise RuntimeError("never run")

    def put(self, thing):
        ...

    def _grow(self):
        ...


def find(name, among=()):
    """The shelf of that name."""
'''


def library(root: Path, source: str = SOURCE) -> Path:
    folder = root / "fixtures" / "depot"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("from depot.shelves import LIMIT, Shelf, find\n")
    (folder / "shelves.py").write_text(source)
    return folder


def test_a_reference_has_public_names_as_they_are_called_and_what_they_say(tmp_path: Path) -> None:
    assert reference(library(tmp_path)).splitlines() == [
        "What the library `depot` has. Import what you use: from depot import LIMIT",
        "- Shelves and what stands on them.",
        "  LIMIT = 7",
        "  Shelf(name, room=3) Shelf.EMPTY .put(thing): A place for things.",
        "  find(name, among=()): The shelf of that name.",
    ]


def test_a_long_one_is_cut_and_an_empty_one_is_none(tmp_path: Path) -> None:
    many = "".join(f"def function_{n}(first, second):\n    '''{'word ' * 20}'''\n" for n in range(90))
    (tmp_path / "long").mkdir()
    (tmp_path / "long" / "a.py").write_text(many)
    text = reference(tmp_path / "long")
    assert len(text) <= MOST_CHARACTERS and "function_0(" in text and "function_89(" not in text
    (tmp_path / "none").mkdir()
    assert reference(tmp_path / "none") == ""


def test_it_is_proposed_where_failing_tasks_are_about_the_library(tmp_path: Path) -> None:
    library(tmp_path)
    check = Check("python.cases", False, {"fixture": "fixtures/depot"})
    tasks = [replace(make_task(f"T{n}", {"name": "x"}), checks=(check,)) for n in range(6)]
    wanted = event(ErrorKind.ASSERTION, expected='{"returns": {"$": "depot.Shelf", "args": []}}', got='{"returns": 1}')
    unknown = event(ErrorKind.NAME, "ImportError: cannot import name 'max' from 'depot'")
    other = event(ErrorKind.ASSERTION, expected='{"returns": 2}', got='{"returns": 1}')
    cases = [
        replace(make_case(make_task(task.id, {"name": "x"}), "{}", [found]), task=task)
        for task, found in zip(tasks, [wanted, wanted, unknown, other, other, other], strict=True)
    ]
    bench = replace(BENCH, root=tmp_path)
    [found] = LibraryReference().propose(cases, bench)
    assert (found.remedy.kind, found.remedy.name) == ("rule", "library.depot")
    assert "find(name" in found.remedy.settings["text"] and found.why.startswith("3 of 6 mine tasks fail")
    assert LibraryReference().propose(cases[1:], bench) == []
    assert (
        LibraryReference().propose([replace(case, task=replace(case.task, checks=())) for case in cases], bench) == []
    )


def test_what_holds_for_every_task_is_read_once() -> None:
    rule = Remedy("rule", "library.depot", {"text": "x" * 300})
    asked = Remedy("rule", "other", {"text": "y" * 60, "trigger": {"any": ["z"]}})
    protocol = Protocol(remedies=(rule, asked, Remedy("exemplar", "fixed", {"cap": 500, "pool": []})))
    assert (added_tokens(protocol), fresh_tokens(protocol)) == (620, 20)


def test_names_of_the_library_are_imported_where_they_are_used(tmp_path: Path) -> None:
    library(tmp_path)
    check = Check("python.cases", False, {"fixture": "fixtures/depot"})
    task = replace(
        make_task("T", {"name": "x"}), checks=(check,), artifact=ArtifactForm("python"), inputs={"text": "def f(): ..."}
    )
    replies = ["def f():\n    return find(LIMIT)\n", "def f():\n    return depot.find(1)\n", "def f():\n    return 1\n"]
    cases = [Case(task, f"a{n}", reply, reply, Outcome.FAIL, 0.0) for n, reply in enumerate(replies)]
    seen: list[str] = []

    def judge(pairs: Sequence[tuple[Task, str]]) -> list[Judged]:
        seen.extend(text for _, text in pairs)
        return [Judged(Outcome.PASS, 1.0) for _ in pairs]

    [found] = LibraryImports().propose(cases, replace(BENCH, root=tmp_path, judge=judge))
    assert found.remedy.name == "python.library" and found.gain > 0
    assert seen[0] == "from depot import find\nfrom depot import LIMIT\n\n\n" + replies[0]
    assert seen[1] == "import depot\n\n\n" + replies[1]
    assert len(seen) == 2  # the third needs nothing
