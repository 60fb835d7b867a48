"""The one error boundary: every exception becomes a message on stderr and a published exit status.

Code below raises plainly. ``error: WHAT (WHERE)`` says what is wrong, ``  try: ...`` what to type next; a traceback
appears with ``--debug`` only. A reader that went away (a broken pipe) is not an error.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from metaagent.cli import render
from metaagent.errors import MetaagentError

BUG = 70
STORAGE = 74
INTERRUPTED = 130

_MENDS = {
    errno.ENOSPC: "free some space on that disk, then run the same command again",
    errno.EDQUOT: "free some of your quota, then run the same command again",
    errno.EROFS: "use a folder that can be written: metaagent -C DIR ...",
    errno.EACCES: "check the permissions with: ls -ld PATH",
    errno.EPERM: "check the permissions with: ls -ld PATH",
    errno.EMFILE: "raise the limit of open files: ulimit -n 4096",
}


def guarded(call: Callable[[], int], debug: Callable[[], bool]) -> int:
    """Run ``call`` and return the exit status that its end leads to. Never raises, whatever ``call`` does."""
    try:
        status = call()
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        return _hush(sys.stdout)
    except BaseException as error:  # noqa: BLE001 - the boundary: keeps type and traceback for --debug
        status = _report(error, debug())
        if status == STORAGE:
            _hush_full()
        return status


def _report(error: BaseException, debug: bool) -> int:
    try:
        if debug and not isinstance(error, SystemExit):
            render.notice(render.printable("".join(traceback.format_exception(error)).rstrip(), lines=True))
        return _explain(error)
    except OSError:  # nobody reads stderr, or it is full: the status is all that can still be told
        return _hush(sys.stderr) or status_of(error)


def _hush_full() -> None:
    """What a full disk did not take stays in the buffers, and would fail once more at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            _hush(stream)


def _hush(stream: object) -> int:
    """Point the stream's descriptor at nothing, so that the interpreter's last flush cannot fail again."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # a test's buffer has no descriptor to silence
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # type: ignore[attr-defined]
    return 0


def status_of(error: BaseException) -> int:
    """The exit status of an exception, as `metaagent --help` publishes it."""
    if isinstance(error, MetaagentError):
        return error.exit_status
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, OSError):
        return STORAGE
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    if hasattr(error, "format_message"):
        return int(getattr(error, "exit_code", 2))
    if type(error).__name__ == "Abort":
        return INTERRUPTED
    return BUG


def _explain(error: BaseException) -> int:
    status = status_of(error)
    if isinstance(error, MetaagentError):
        _say(error.message, error.mend)
    elif status == INTERRUPTED:
        render.notice("interrupted: what was finished is kept; the same command goes on from there")
    elif isinstance(error, OSError):
        _say(*_storage(error))
    elif hasattr(error, "format_message"):
        _usage(error)
    elif not isinstance(error, SystemExit):
        _say(
            f"a bug of metaagent: {type(error).__name__}: {error} ({_place(error)})",
            "the same command with --debug, and report what it prints",
        )
    return status


def _say(message: str, mend: str | None) -> None:
    render.notice(f"error: {render.printable(message, lines=True)}")
    if mend:
        render.notice(f"  try: {render.printable(mend, lines=True)}")


def _storage(error: OSError) -> tuple[str, str | None]:
    where = f" ({error.filename})" if error.filename is not None else ""
    mend = _MENDS.get(error.errno or 0)
    if mend and error.filename is not None:
        mend = mend.replace("PATH", str(Path(str(error.filename)).parent))
    return f"{error.strerror or type(error).__name__}{where}", mend


def _usage(error: BaseException) -> None:
    """A wrong command line, as the parser of typer saw it. No arguments at all: its message is the help text."""
    message = str(error.format_message())  # type: ignore[attr-defined]
    message = re.sub(r" ?\(Possible options: ([^)]*)\)", r"; did you mean \1?", message)
    if type(error).__name__ == "NoArgsIsHelpError":
        render.notice(message)
        return
    message = message.replace(". Did you mean", "; did you mean")
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "metaagent")
    _say(message[:1].lower() + message[1:].rstrip("."), f"{path} --help")


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown place"
