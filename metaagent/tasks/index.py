"""``SpecIndex``: task id -> task, from tasks/*.yaml. Files are scanned for ids, and read when one is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from metaagent.errors import NotFoundError, SpecificationError, StorageError
from metaagent.records import Limits, Task

if TYPE_CHECKING:
    from metaagent.tasks.sets import TaskSet

FOLDER = "tasks"
_ID = re.compile(rb"^id:[ \t]*(?:\"([^\"\n]*)\"|'([^'\n]*)'|([^#\"'{\n]*?))[ \t]*(?:#.*)?\r?$", re.MULTILINE)
_SET = re.compile(rb"^set:[ \t]*[\"']?([A-Za-z0-9._-]+)[\"']?[ \t]*(?:#.*)?\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file as scanned: ``id`` is a task's id, or a set's pattern (None where the rows say it)."""

    path: Path
    set: str | None
    id: str | None


class SpecIndex:
    """The specifications of one workspace, read as they are asked for and then kept: make a new one to see changes.

    ``limits`` are the defaults of tasks that set none. Reading raises SpecificationError for the file that does not
    hold; other files do not suffer from it.
    """

    def __init__(self, root: Path, limits: Limits | None = None) -> None:
        self.root = root
        self.limits = limits or Limits()
        self._tasks: dict[str, Task] = {}
        self._sets: dict[Path, TaskSet] = {}

    def get(self, task_id: str, spec: str | None = None) -> Task | None:
        """The specified task, or None. ``spec`` names a file in place of a search by id (the board's ``spec:``)."""
        found = self._tasks.get(task_id)
        if found is None:
            found = self._read(task_id, spec)
            if found is not None:
                self._tasks[task_id] = found
        return found

    def ids(self) -> tuple[str, ...]:
        """Every id that has a specification. Reads the rows of all sets."""
        return tuple(task_id for entry in self._entries for task_id in self._ids(entry))

    def tasks(self) -> Iterator[Task]:
        for entry in self._entries:
            if entry.set is not None:
                yield from self._set(entry.path).tasks()
            elif (task := self._single(entry)) is not None:
                yield task

    def sets(self) -> tuple[str, ...]:
        return tuple(entry.set for entry in self._entries if entry.set is not None)

    def set(self, name: str) -> TaskSet:
        for entry in self._entries:
            if entry.set == name:
                return self._set(entry.path)
        known = ", ".join(self.sets()) or "none"
        raise NotFoundError(f"no set {name!r} in {FOLDER}/ (known: {known})", mend="metaagent task import FILE ...")

    def files(self) -> tuple[Path, ...]:
        return tuple(entry.path for entry in self._entries)

    def problems(self) -> tuple[SpecificationError, ...]:
        """Everything that does not hold, file by file: each file is read to its end or to its first error."""
        found: list[SpecificationError] = []
        for entry in self._entries:
            try:
                if entry.set is not None:
                    for _ in self._set(entry.path).tasks():
                        pass
                else:
                    self._single(entry)
            except SpecificationError as error:
                found.append(error)
        return tuple(found)

    @cached_property
    def _entries(self) -> tuple[_Entry, ...]:
        folder = self.root / FOLDER
        files = sorted(file for ending in ("*.yaml", "*.yml") for file in folder.glob(ending))
        return tuple(_scan(file) for file in files if file.is_file())

    @cached_property
    def _singles(self) -> dict[str, _Entry]:
        singles: dict[str, _Entry] = {}
        for entry in self._entries:
            if entry.set is None and entry.id is not None:
                if entry.id in singles:
                    first, second = singles[entry.id].path.name, entry.path.name
                    message = f"{FOLDER}/{second}: the id {entry.id} is that of {FOLDER}/{first} too"
                    raise SpecificationError(message, mend=f"edit {FOLDER}/{second}")
                singles[entry.id] = entry
        return singles

    def _read(self, task_id: str, spec: str | None) -> Task | None:
        if spec:
            return self._named(task_id, spec)
        entry = self._singles.get(task_id)
        if entry is not None:
            return self._single(entry)
        for entry in self._entries:
            if entry.set is not None and _may_hold(entry, task_id):
                task_set = self._set(entry.path)
                if task_id in task_set.rows:
                    return task_set.task(task_id)
        return None

    def _named(self, task_id: str, spec: str) -> Task | None:
        """A task by the file that the board names: a path in the workspace, or a name in tasks/."""
        from metaagent.tasks.inputs import inside

        candidates = (spec, f"{FOLDER}/{spec}", f"{FOLDER}/{spec}.yaml")
        path = next((file for file in (inside(one, self.root) for one in candidates) if file.is_file()), None)
        if path is None:
            missing = spec if "/" in spec else f"{FOLDER}/{spec}"
            raise SpecificationError(f"{task_id}: spec: {spec}: no such file", mend=f"create {missing}")
        entry = _scan(path)
        if entry.set is None:
            return self._single(entry)
        task_set = self._set(path)
        return task_set.task(task_id) if task_id in task_set.rows else None

    def _single(self, entry: _Entry) -> Task | None:
        from metaagent.tasks.specification import Place, read_specification

        return read_specification(entry.path, Place(self.root, self.limits))

    def _set(self, path: Path) -> TaskSet:
        from metaagent.tasks.sets import read_set
        from metaagent.tasks.specification import Place

        if path not in self._sets:
            self._sets[path] = read_set(path, Place(self.root, self.limits))
        return self._sets[path]

    def _ids(self, entry: _Entry) -> tuple[str, ...]:
        if entry.set is not None:
            return self._set(entry.path).ids
        return (entry.id,) if entry.id is not None else ()


def _scan(path: Path) -> _Entry:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
    found, named = _SET.search(data), _ID.search(data)
    name = next((part for part in named.groups() if part is not None), b"").decode("utf-8", "replace") if named else ""
    if found is not None:
        return _Entry(path, found[1].decode(), name or None)
    return _Entry(path, None, name or path.stem)


def _may_hold(entry: _Entry, task_id: str) -> bool:
    from metaagent.tasks.pattern import Pattern

    return entry.id is None or Pattern(entry.id).fits(task_id)
