"""A process that may make no namespaces, as in a hardened container: bubblewrap must be refused there, Landlock work.

Run by path with the name of a backend; prints what a job did, or the refusal.
"""

from __future__ import annotations

import ctypes
import platform
import sys

from metaagent.errors import EnvironmentFailedError
from metaagent.sandbox import launcher
from metaagent.sandbox.base import Job, Sandbox
from metaagent.sandbox.bubblewrap import Bubblewrap
from metaagent.sandbox.landlock import Landlock
from metaagent.sandbox.seccomp import assemble


def main() -> None:
    launcher.prctl("no new privileges", launcher.PR_SET_NO_NEW_PRIVS, 1)
    launcher.install({"machine": platform.machine(), "filter": assemble(platform.machine(), None)})
    assert ctypes.CDLL(None).unshare(0x10000000) == -1
    try:
        sandbox: Sandbox = Bubblewrap() if sys.argv[1] == "bubblewrap" else Landlock()
        print(sandbox.run(Job(("echo", "ran"))).stdout.decode())  # noqa: T201
    except EnvironmentFailedError as error:
        print("refused:", error.message)  # noqa: T201


if __name__ == "__main__":
    main()
