"""Runs one long job with a daemonised grandchild, for a test that kills this process: BACKEND MARKER."""

from __future__ import annotations

import sys

from metaagent.sandbox.base import Limits
from tests.sandbox.conftest import MAKERS
from tests.sandbox.values import python

SOURCE = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(60)
    os._exit(0)
time.sleep(60)
"""

if __name__ == "__main__":
    MAKERS[sys.argv[1]]().run(python(SOURCE, sys.argv[2], limits=Limits(wall_seconds=60)))
