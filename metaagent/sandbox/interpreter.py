"""Where this Python lives, for jobs that need it: it may be outside /usr (pyenv, uv, a virtual environment)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from metaagent.errors import EnvironmentFailedError, UsageError
from metaagent.sandbox.base import check_readable

SYSTEM = tuple(Path(path) for path in ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"))
"""What every job may read: the system's programs and libraries. Nothing of /etc, /home, /root, /var, /opt, /srv."""


@cache
def interpreter() -> tuple[Path, ...]:
    """The folders of the running Python that /usr does not hold, to be put into ``Job.readable``."""
    places: dict[Path, None] = {}
    for path in _prefixes():
        if (
            ".." not in path.parts
            and path.is_dir()
            and not any(path == one or one in path.parents for one in (*SYSTEM, *places))
        ):
            try:
                check_readable(path)
            except UsageError as error:
                raise EnvironmentFailedError(
                    f"this Python cannot be opened to a sandbox: {error.message}",
                    mend="install metaagent into a virtual environment of its own",
                ) from error
            places[path] = None
    return tuple(places)


def _prefixes() -> Iterator[Path]:
    for text in (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix):
        yield from dict.fromkeys((Path(text), Path(text).resolve()))
    link = Path(sys.executable)
    for _ in range(16):  # as a virtual environment points to its base, maybe by several links
        if not link.is_symlink():
            break
        link = link.parent / link.readlink()
        yield from dict.fromkeys((link.parent.parent, link.parent.parent.resolve()))
