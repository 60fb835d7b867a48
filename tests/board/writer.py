"""A process that writes to a board until it is told to stop: ``python -m tests.board.writer FOLDER COUNT``. Prints each
id once its commit has returned."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from metaagent.board.edit import Activity, Add, Move
from metaagent.records import Status
from tests.board.helpers import FileHistory, make_store


def main(folder: Path, count: int) -> None:
    store = make_store(folder, text=None, history=FileHistory(folder / "history"))
    for number in range(count):
        task_id = f"W{os.getpid()}-{number}"
        store.commit([Add(task_id, "by the tool"), Activity(f"added {task_id}", "10:00")])
        store.commit([Move(task_id, Status.INBOX, Status.DONE)])
        sys.stdout.write(f"{task_id}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
