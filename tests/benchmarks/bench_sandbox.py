"""What a sandbox costs a run beyond the command itself: ``python tests/benchmarks/bench_sandbox.py [RUNS]``.

The command alone, then at each level, in turn (so that a busy machine slows all alike); medians and the best, in ms.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable
from time import perf_counter

from metaagent.errors import EnvironmentFailedError
from metaagent.sandbox.base import Job
from metaagent.sandbox.choose import BACKENDS
from metaagent.sandbox.interpreter import interpreter

COMMANDS = {"true": ("true",), "python -I -S": (sys.executable, "-I", "-S", "-c", "pass")}


def milliseconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return 1000 * (perf_counter() - started)


def ways(argv: tuple[str, ...]) -> dict[str, Callable[[], object]]:
    found: dict[str, Callable[[], object]] = {"alone": lambda: subprocess.run(argv, capture_output=True, check=True)}
    readable = interpreter()
    for name, level, make in BACKENDS:
        try:
            sandbox = make()
            sandbox.run(Job(argv, readable=readable))
        except EnvironmentFailedError as error:
            print(f"{name}: {error.message}")
            continue
        found[f"level {level}, {name}"] = lambda box=sandbox: box.run(Job(argv, readable=readable))  # type: ignore[misc]
        if level == 1:
            files = {"a.py": b"x" * 10_000}
            found[f"level {level}, files both ways"] = lambda box=sandbox, files=files: box.run(  # type: ignore[misc]
                Job(argv, files, ("a.py",), readable=readable)
            )
    return found


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    print(f"{'command':<14}{'way':<28}{'best':>8}{'median':>8}{'over (best)':>13}{'over (median)':>15}")
    for command, argv in COMMANDS.items():
        found = ways(argv)
        taken: dict[str, list[float]] = {name: [] for name in found}
        for _ in range(runs):
            for name, work in found.items():
                taken[name].append(milliseconds(work))
        best, middle = min(taken["alone"]), statistics.median(taken["alone"])
        for name, times in taken.items():
            low, median = min(times), statistics.median(times)
            print(f"{command:<14}{name:<28}{low:>8.1f}{median:>8.1f}{low - best:>13.1f}{median - middle:>15.1f}")


if __name__ == "__main__":
    main()
