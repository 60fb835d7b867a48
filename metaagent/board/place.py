"""The board's file and the files around it: reading what is whole, putting new bytes there, keeping what was displaced.

Three kinds of files of ours, all made and looked at under the board's lock only:
``.NAME.metaagent-new-*``   being written; never on the board yet, so it is just removed when found
``.NAME.metaagent-swap-*``  whole; its name carries the digest of our text. Found with other text in it, it is what was
                            displaced when we were killed: a person's text
``board.old-*``             displaced, beside the lock. Its name carries size and time: an editor that still had it open
                            and writes to it is noticed at the next command
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from metaagent.board.exchange import exchange, replace_checked, sync_folder
from metaagent.board.problems import refuse_special

SETTLED_SECONDS = 1.0
PAUSE_SECONDS = 0.02
PATIENCE_SECONDS = 0.5
KEEP_SECONDS = 3.0
KEEP_FILES = 16


@dataclass(frozen=True, slots=True)
class Place:
    """Where the board is (symbolic links resolved) and where displaced files are kept."""

    path: Path
    keep: Path
    exchanging: bool = True

    @property
    def prefix(self) -> str:
        return f".{self.path.name}.metaagent-"


@dataclass(frozen=True, slots=True)
class Late:
    """A person's text that arrived in a file of ours. ``size`` and ``mtime`` are those of the bytes that were read."""

    path: Path
    data: bytes
    size: int
    mtime: int


def resolve(path: Path, keep: Path, *, exchanging: bool = True) -> Place:
    return Place(Path(os.path.realpath(path)), keep, exchanging)


def stable_read(path: Path, known: bytes | None = None) -> bytes:
    """The file's bytes once they are whole: read twice in a row with the same size, time and bytes.

    Bytes that we know (the version written last) count at once, as do those of a file that is at rest; a file saved a
    moment ago is given a pause between the two reads. Raises FileNotFoundError when it stays away.
    """
    refuse_special(path)
    deadline = time.monotonic() + PATIENCE_SECONDS
    before = _look(path)
    while True:
        if before is not None and (before.data == known or _at_rest(before)):
            return before.data
        time.sleep(PAUSE_SECONDS)
        now = _look(path)
        if now is not None and now == before:
            return now.data
        if time.monotonic() > deadline and (now is None or before is None):
            raise FileNotFoundError(path)
        if time.monotonic() > deadline + PATIENCE_SECONDS and now is not None:
            return now.data
        before = now


def _look(path: Path) -> Late | None:
    try:
        with path.open("rb") as file:
            data = file.read()
            info = os.fstat(file.fileno())
    except FileNotFoundError:
        return None
    return Late(path, data, info.st_size, info.st_mtime_ns)


def _at_rest(look: Late) -> bool:
    return look.size == len(look.data) and abs(time.time() - look.mtime / 1e9) > SETTLED_SECONDS


def put(place: Place, data: bytes, expected: bytes) -> Late | bool:
    """Make ``data`` the board. True: done, what was displaced was ``expected``. A Late: done, but somebody had saved
    this meanwhile. False: nothing was done, because the board is not ``expected`` any more."""
    swap = _prepare(place, data)
    try:
        if place.exchanging and exchange(swap, place.path):
            return _displaced(place, swap, expected)
        kept = _old_name(place, *_identity(place.path))
        done = replace_checked(swap, place.path, expected, kept)
    except BaseException:
        _discard(swap, data)
        raise
    if not done:
        swap.unlink(missing_ok=True)
        return False
    sync_folder(place.path.parent)
    late = _look(kept)
    return late if late is not None and late.data != expected else True


def _discard(swap: Path, data: bytes) -> None:
    """Remove our own text after a failure; a person's text that sits there by now stays for the next command."""
    look = _look(swap)
    if look is not None and look.data == data:
        swap.unlink(missing_ok=True)


def _prepare(place: Place, data: bytes) -> Path:
    """Our text, durable, in the board's folder, with the board's mode."""
    token = secrets.token_hex(4)
    new = place.path.with_name(f"{place.prefix}new-{token}")
    info = place.path.stat()
    try:
        with new.open("xb") as file:
            file.write(data)
            _same_owner(file.fileno(), info)
            file.flush()
            os.fsync(file.fileno())
        swap = place.path.with_name(f"{place.prefix}swap-{_digest(data)}-{token}")
        new.rename(swap)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    return swap


def _same_owner(handle: int, info: os.stat_result) -> None:
    mine = os.fstat(handle)
    if (mine.st_uid, mine.st_gid) != (info.st_uid, info.st_gid):
        with suppress(PermissionError):  # not ours to give away: the mode below still holds
            os.fchown(handle, info.st_uid, info.st_gid)
    os.fchmod(handle, info.st_mode & 0o7777)


def _displaced(place: Place, swap: Path, expected: bytes) -> Late | bool:
    sync_folder(place.path.parent)
    look = _look(swap)
    assert look is not None
    if look.data != expected:
        return _settled(swap)
    settle(place, look)
    return True


def _settled(path: Path) -> Late:
    """What an editor is saving into a displaced file, once it is whole."""
    data = stable_read(path)
    look = _look(path)
    return look if look is not None and look.data == data else Late(path, data, len(data), 0)


def take_back(place: Place, late: Late) -> None:
    """Undo an exchange: what was displaced becomes the board again (it cannot be merged, a person has to look). What
    now stands under the other name is our own text, or a save that came in between: ``leftovers`` tells them apart."""
    if late.path.name.startswith(place.prefix) and place.exchanging:
        exchange(late.path, place.path)


def settle(place: Place, late: Late) -> None:
    """Keep a displaced file whose text is known by now; what still arrives in it will show."""
    kept = _old_name(place, late.size, late.mtime)
    try:
        late.path.rename(kept)
    except FileNotFoundError:
        return
    except OSError:  # another file system: keep it beside the board
        late.path.rename(place.path.with_name(f".{place.path.name}.{kept.name}"))


def set_aside(place: Place, late: Late) -> Path:
    """Keep a text for the person to look at."""
    kept = place.keep / f"board.rescued-{secrets.token_hex(4)}.md"
    kept.write_bytes(late.data)
    late.path.unlink(missing_ok=True)
    return kept


def _old_name(place: Place, size: int, mtime: int) -> Path:
    return place.keep / f"board.old-{size}-{mtime}-{secrets.token_hex(4)}"


def _identity(path: Path) -> tuple[int, int]:
    info = path.stat()
    return info.st_size, info.st_mtime_ns


def leftovers(place: Place) -> Iterator[Late]:
    """Texts that a person saved into files of ours; what is only ours, or known, is removed on the way."""
    folder = place.path.parent
    for path in sorted(folder.glob(f"{place.prefix}*")):
        kind, _, rest = path.name.removeprefix(place.prefix).partition("-")
        look = _look(path) if kind == "swap" else None
        if look is not None and look.data.strip() and _digest(look.data) != rest.partition("-")[0]:
            yield look
        else:
            path.unlink(missing_ok=True)
    kept = [*place.keep.glob("board.old-*"), *folder.glob(f".{place.path.name}.board.old-*")]
    yield from _arrived(kept)


def _arrived(kept: list[Path]) -> Iterator[Late]:
    now = time.time()
    by_age = sorted(((path.stat().st_ctime, path) for path in kept), reverse=True)
    for index, (changed, path) in enumerate(by_age):
        size, mtime = (int(part) for part in path.name.partition("board.old-")[2].split("-")[:2])
        if _identity(path) != (size, mtime):
            yield _settled(path)
        elif index >= KEEP_FILES or now - changed > KEEP_SECONDS:
            path.unlink(missing_ok=True)


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()[:16]
