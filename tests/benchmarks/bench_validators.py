"""What one judgement of an easy answer costs: ``python tests/benchmarks/bench_validators.py [RUNS]``.

The first task of each example, its reference judged by all its checks, at each level of the sandbox; beside it what
``python -m pytest`` costs here for one empty test. In turn, so that a busy machine slows all alike; in milliseconds.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from metaagent.errors import EnvironmentFailedError
from metaagent.records import Outcome
from metaagent.sandbox.base import Job, Sandbox
from metaagent.sandbox.choose import BACKENDS
from metaagent.tasks.sets import read_set
from metaagent.tasks.specification import Place
from metaagent.validators import CheckContext, judge

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SETS = ("sql-reports/tasks/reports.yaml", "python-functions/tasks/house.yaml", "python-functions/tasks/katas.yaml")


def sandboxes() -> dict[str, Sandbox]:
    found: dict[str, Sandbox] = {}
    for name, level, make in BACKENDS:
        try:
            sandbox = make()
            sandbox.run(Job(("true",)))
        except EnvironmentFailedError as error:
            print(f"{name}: {error.message}")
            continue
        found[f"level {level}, {name}"] = sandbox
    return found


def judgement(path: Path, sandbox: Sandbox) -> Callable[[], object]:
    root = path.parents[1]
    task = next(read_set(path, Place(root)).tasks())
    context = CheckContext(root, task, trusted=lambda *_: True, sandbox=sandbox)

    def work() -> None:
        verdicts = judge(task.reference or "", task.checks, context)
        assert verdicts[-1].outcome is Outcome.PASS, verdicts

    return work


def empty_test(folder: Path) -> Callable[[], object]:
    (folder / "test_empty.py").write_text("def test_empty():\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_empty.py"]
    return lambda: subprocess.run(command, cwd=folder, capture_output=True, check=True)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as folder:
        ways = {"python -m pytest, one empty test": empty_test(Path(folder))}
        for level, sandbox in sandboxes().items():
            for name in SETS:
                ways[f"{Path(name).stem}, {level}"] = judgement(EXAMPLES / name, sandbox)
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(runs):
            for name, work in ways.items():
                started = perf_counter()
                work()
                taken[name].append(1000 * (perf_counter() - started))
    print(f"{'judgement':<40}{'best':>8}{'median':>8}")
    for name, times in taken.items():
        print(f"{name:<40}{min(times):>8.1f}{statistics.median(times):>8.1f}")


if __name__ == "__main__":
    main()
