"""What one status change costs as the board grows: ``python tests/benchmarks/bench_board.py``.

Beside reading and writing the bytes (with fsync): parse, edit, and a whole commit with its history in memory.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from metaagent.board.edit import Move, Operation, apply
from metaagent.board.history import MemoryHistory
from metaagent.board.parse import parse
from metaagent.board.store import BoardStore
from metaagent.records import Status

SIZES = (100, 300, 1_000, 3_000, 10_000)
ROUNDS = 9


def make_board(size: int) -> bytes:
    """Tasks spread over the five sections, every second with two attributes."""
    parts = ["# Board\nLast Updated: 2026-02-02T10:30:00.000Z\n\n## Active Agents\n\n## Current Tasks\n"]
    for place, status in enumerate(Status):
        parts.append(f"\n### {status}\n")
        for number in range(place, size, 5):
            parts.append(f"- [TASK-{number:05}] @agent:coder:main - Extract the fields of document {number}\n")
            if number % 2:
                parts.append("  priority: high\n  domain: data.json.extract\n")
    parts.append("\n## Recent Activity\n")
    return "".join(parts).encode()


def milliseconds(work: Callable[[], object]) -> float:
    """The median of a few rounds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def raw_write(path: Path, data: bytes) -> None:
    import os

    if path.exists():
        path.read_bytes()
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def measure(size: int, folder: Path) -> tuple[float, ...]:
    data = make_board(size)
    path = folder / "WORKING.md"
    path.write_bytes(data)
    board = parse(data)
    store = BoardStore(path, folder / ".metaagent" / "board.lock", MemoryHistory())
    store.sync()
    turn = iter(range(10_000))

    def change() -> None:
        store.commit([Move("TASK-00000", None, (Status.REVIEW, Status.DONE)[next(turn) % 2])])

    moves: list[Operation] = [Move(f"TASK-{n:05}", None, Status.DONE) for n in range(min(size, 200))]
    return (
        len(data) / 1024,
        milliseconds(lambda: raw_write(folder / "raw", data)),
        milliseconds(lambda: parse(data)),
        milliseconds(lambda: apply(board, [Move("TASK-00000", None, Status.DONE)])),
        milliseconds(lambda: apply(board, moves)),
        milliseconds(change),
    )


def main() -> None:
    head = ("tasks", "KiB", "bytes r+w", "parse", "1 move", "200 moves", "commit", "beside bytes")
    print("  ".join(f"{name:>12}" for name in head) + "   (ms, median)")
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            row = measure(size, Path(folder))
        cells = (*row, row[-1] - row[1])
        print("  ".join([f"{size:>12}", *(f"{cell:>12.1f}" for cell in cells)]))


if __name__ == "__main__":
    main()
