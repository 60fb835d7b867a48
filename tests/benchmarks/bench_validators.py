"""What judging costs: ``python tests/benchmarks/bench_validators.py [RUNS]``, in milliseconds.

The first task of each example, its reference judged by all its checks, and an easy Python task judged by five checks
(syntax, static, examples, cases, tests), at each level of the sandbox; beside it what ``python -m pytest`` costs here
for one empty test, with the plug-ins that are installed and with none. In turn, so that a busy machine slows all alike.
The ratio of the medians is bounded by 1.5 (five checks to pytest), the sandbox by 30 ms a run at level 1.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from metaagent.errors import EnvironmentFailedError
from metaagent.records import Outcome, Task
from metaagent.sandbox.base import Job, Sandbox
from metaagent.sandbox.choose import BACKENDS
from metaagent.tasks.sets import read_set
from metaagent.tasks.specification import Place, read_specification
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


EASY = """
goal: |
  Write the function slug(text): the text in small letters, its words joined by dashes.

  >>> slug('Hello You')
  'hello-you'
  >>> slug('')
  ''
artifact: {format: python}
checks:
  public: [python.syntax, python.static]
  key:
    - python.cases:
        entry: slug
        tests: [{args: [" A  b "], expected: a-b}, {args: ["x"], expected: x}, {args: ["Q-R s"], expected: q-r-s}]
    - python.tests: {file: fixtures/test_slug.py, module: answer, count: 3, runner: RUNNER}
reference: |
  def slug(text):
      return "-".join(text.lower().split())
"""
TESTS = """
import unittest
from answer import slug

class SlugTest(unittest.TestCase):
    def test_words(self):
        self.assertEqual(slug("A b"), "a-b")

    def test_one(self):
        self.assertEqual(slug("One"), "one")

    def test_nothing(self):
        self.assertEqual(slug("  "), "")
"""
FIVE = ["python.syntax", "python.static", "python.examples", "python.cases", "python.tests"]


def of_set(path: Path) -> tuple[Path, Task]:
    root = path.parents[1]
    return root, next(read_set(path, Place(root)).tasks())


def easy(root: Path, runner: str) -> tuple[Path, Task]:
    place = root / runner
    (place / "fixtures").mkdir(parents=True)
    (place / "fixtures" / "test_slug.py").write_text(TESTS)
    (place / "T-1.yaml").write_text(EASY.replace("RUNNER", runner))
    task = read_specification(place / "T-1.yaml", Place(place))
    assert [check.validator for check in task.checks] == FIVE
    return place, task


def judgement(root: Path, task: Task, sandbox: Sandbox) -> Callable[[], object]:
    context = CheckContext(root, task, trusted=lambda *_: True, sandbox=sandbox)

    def work() -> None:
        verdicts = judge(task.reference or "", task.checks, context)
        assert verdicts[-1].outcome is Outcome.PASS, verdicts

    return work


def empty_test(folder: Path, **environment: str) -> Callable[[], object]:
    (folder / "test_empty.py").write_text("def test_empty():\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_empty.py"]
    surroundings = {**os.environ, **environment}
    return lambda: subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, check=True)


def ways(folder: Path) -> dict[str, Callable[[], object]]:
    found: dict[str, Callable[[], object]] = {PYTEST: empty_test(folder)}
    found[BARE] = empty_test(folder, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    found["true, no sandbox"] = lambda: subprocess.run(["true"], check=True)
    tasks = {Path(name).stem: of_set(EXAMPLES / name) for name in SETS}
    tasks |= {f"five checks, {runner}": easy(folder, runner) for runner in ("unittest", "pytest")}
    for level, sandbox in sandboxes().items():
        found[f"true, {level}"] = lambda sandbox=sandbox: sandbox.run(Job(("true",)))  # type: ignore[misc]
        found |= {f"{name}, {level}": judgement(*task, sandbox) for name, task in tasks.items()}
    return found


PYTEST, BARE = "python -m pytest, one empty test", "the same without plug-ins"


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as folder:
        all_ways = ways(Path(folder))
        taken: dict[str, list[float]] = {name: [] for name in all_ways}
        for _ in range(runs):
            for name, work in all_ways.items():
                started = perf_counter()
                work()
                taken[name].append(1000 * (perf_counter() - started))
    print(f"{'n = ' + str(runs):<44}{'best':>8}{'median':>8}{'to pytest':>11}{'to bare':>9}")
    middle = {name: statistics.median(times) for name, times in taken.items()}
    for name, times in taken.items():
        ratios = f"{middle[name] / middle[PYTEST]:>11.2f}{middle[name] / middle[BARE]:>9.2f}"
        print(f"{name:<44}{min(times):>8.1f}{middle[name]:>8.1f}{ratios}")


if __name__ == "__main__":
    main()
