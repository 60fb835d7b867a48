"""Runs one long job with a daemonised grandchild, for a test that kills this process: BACKEND MARKER [BWRAP]."""

from __future__ import annotations

import sys

from metaagent.sandbox.base import Limits
from metaagent.sandbox.bubblewrap import Bubblewrap
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
    sandbox = Bubblewrap(sys.argv[3]) if len(sys.argv) > 3 else MAKERS[sys.argv[1]]()
    sandbox.run(python(SOURCE, sys.argv[2], limits=Limits(wall_seconds=60)))
