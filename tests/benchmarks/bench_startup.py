"""Start-up of metaagent beside other command lines, as whole processes. Medians; only the ratios travel.

    python tests/benchmarks/bench_startup.py [--runs 15]

`sqlite-utils` comes with metaagent; `llm` is compared where it is installed (python -m pip install llm).
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = [sys.executable, "-m", "metaagent"]


def seconds(command: list[str], folder: Path, runs: int) -> float:
    """The median wall time of a command, its output piped, after one run that warms the caches."""
    times = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, capture_output=True, check=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def find(program: str) -> list[str] | None:
    """The program beside this interpreter, or on the path."""
    beside = Path(sys.executable).parent / program
    found = str(beside) if beside.exists() else shutil.which(program)
    return [found, "--help"] if found else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([*PROGRAM, "init", "-q"], cwd=folder, check=True, stdout=subprocess.PIPE)
        subprocess.run([*PROGRAM, "task", "add", "something", "-q"], cwd=folder, check=True, stdout=subprocess.PIPE)
        others = {program: find(program) for program in ("sqlite-utils", "llm")}
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "metaagent --version": [*PROGRAM, "--version"],
            "metaagent task list": [*PROGRAM, "task", "list"],
            "metaagent --help": [*PROGRAM, "--help"],
            **{f"{program} --help": command for program, command in others.items() if command},
        }
        measured = {label: seconds(command, folder, runs) for label, command in commands.items()}
    reference = measured.get("sqlite-utils --help")
    print(f"{'command':24}{'ms':>8}{'times sqlite-utils --help':>28}")
    for label, value in measured.items():
        ratio = f"{value / reference:>28.2f}" if reference else f"{'-':>28}"
        print(f"{label:24}{value * 1000:>8.0f}{ratio}")


if __name__ == "__main__":
    main()
