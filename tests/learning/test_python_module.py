"""A protocol's fixers as one module: it runs alone, does what metaagent does, and holds hostile values as data."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from metaagent.learning.python_module import Example, Module, different, module_of
from metaagent.records import ArtifactForm, Brief, Logprobs, Protocol, Remedy
from metaagent.remedies.fixers import BUILT_IN, SHIPPED, fix

HOSTILE = ['"""', "'''", "\\", "a\nb\r\n", "{x}", "%s", "\u2028", "Ünï <|im_end|>", "\x00", "#", "'; import os #"]


def protocol(*remedies: Remedy) -> Protocol:
    return Protocol(domain="data", model="m", version=3, hash="abc123", remedies=remedies)


def example(one: Protocol, reply: str, form: str = "json", text: str = "", logprobs: Logprobs | None = None) -> Example:
    told = Brief("T", "title", "goal", "data", {"text": text}, ArtifactForm(form))
    made = fix(one.remedies, reply, told, logprobs or {})
    return Example("attempt", reply, told, made[-1].text if made else reply, logprobs or {})


def alone(module: Module, folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    path = folder / "mended.py"
    path.write_text(module.source, encoding="utf-8")
    command = [sys.executable, "-I", "-S", str(path), *options]
    return subprocess.run(command, input=text, capture_output=True, text=True, cwd=folder, check=False)


def test_shipped_fixers_run_alone_and_do_the_same(tmp_path: Path) -> None:
    names = [name for name in SHIPPED if not name.startswith("sql.")]
    whole = protocol(*(Remedy("fixer", name) for name in names))
    made = module_of(whole, ["one line"], 2)
    assert set(made.fixers) == set(names) and made.left_out == ()
    assert "metaagent." not in "".join(line for line in made.source.splitlines(True) if "import" in line)
    replies = [
        example(whole, 'Here you are:\n```json\n{"name": "x"}\n```'),
        example(whole, "{'name': 'x',}"),
        example(whole, "def f(x):\n    return math.floor(x)\n\nprint(f(1.5))", "python"),
        example(whole, "", "python"),
    ]
    assert replies[0].fixed == '{"name": "x"}' and "import math" in replies[2].fixed
    assert different(made, replies) is None
    ran = alone(made, tmp_path, replies[2].reply, "--form", "python")
    assert (ran.returncode, ran.stdout) == (0, replies[2].fixed), ran.stderr


def test_whoever_reads_it_may_go_away(tmp_path: Path) -> None:
    module = module_of(protocol(Remedy("fixer", "json.repair")), [], 1)
    (tmp_path / "mended.py").write_text(module.source, encoding="utf-8")
    command = [sys.executable, "-I", "-S", str(tmp_path / "mended.py")]
    ran = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert ran.stdin and ran.stdout and ran.stderr
    ran.stdout.close()
    ran.stdin.write("[" + "1, " * 100_000 + "]")
    ran.stdin.close()
    assert (ran.wait(), ran.stderr.read()) == (0, "")


def test_a_classifier_is_part_of_it() -> None:
    weights = {'"due"': {"": -1.5, '"due"': 1.0}, '"open"': {"": 0.5, '"open"': 1.0}}
    branch = {"when": None, "then": ["classified", weights, 0.0, ["own"]]}
    whole = protocol(Remedy("fixer", "json.fields", {"program": {"fields": [{"path": "state", "branches": [branch]}]}}))
    told = example(whole, '{"state": "due"}', logprobs={"state": {'"due"': -0.5, '"open"': -1.25}})
    untold = example(whole, '{"state": "due"}')
    assert (json.loads(told.fixed)["state"], json.loads(untold.fixed)["state"]) == ("open", "due")
    assert different(module_of(whole, [], 2), [told, untold]) is None


def test_it_says_what_is_known_of_the_version_and_no_more() -> None:
    made = module_of(protocol(Remedy("fixer", "text.fence")), [], 2, "Rejected by a trial.")
    head = made.source.partition("from __")[0]
    assert "\nRejected by a trial.\n" in head and "prove" not in head


def test_what_differs_is_named() -> None:
    whole = protocol(Remedy("fixer", "text.fence"))
    lie = replace(example(whole, '{"name": "x"}'), fixed="something else", attempt_id="A7")
    assert different(module_of(whole, []), [example(whole, "{}"), lie]) == "A7"


def test_a_module_that_breaks_is_no_module() -> None:
    broken = Module("raise SystemExit('no')\n", (), ())
    with pytest.raises(RuntimeError, match="breaks"):
        different(broken, [])


def test_what_needs_a_package_or_is_no_fixer_is_left_out_and_said() -> None:
    made = module_of(
        protocol(
            Remedy("fixer", "sql.views", {"steps": []}),
            Remedy("rule", "r", {"text": "x"}),
            Remedy("fixer", "json.repair"),
            Remedy("fixer", "of.a.plugin"),
        ),
        [],
    )
    assert made.fixers == ("json.repair",)
    assert [line.split(" ")[1] for line in made.left_out] == ["'sql.views'", "'r'", "'of.a.plugin'"]
    assert all(line in made.source for line in made.left_out) and "sqlglot" in made.left_out[0]


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_fixer_is_held_or_named(name: str) -> None:
    made = module_of(protocol(Remedy("fixer", name)), [])
    assert (made.fixers == (name,)) != bool(made.left_out)
    if made.fixers:
        assert different(made, [example(protocol(Remedy("fixer", name)), "x = 1", "python")]) is None


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_stay_data(value: str) -> None:
    program = {"fields": [{"path": "name", "branches": [{"when": None, "then": ["const", value]}]}]}
    whole = protocol(Remedy("fixer", "json.fields", {"program": program}))
    told = replace(whole, domain=value, remedies=(*whole.remedies, Remedy("rule", value, {"text": value})))
    made = module_of(told, [value, f"x {value} y"], 1)
    asked = example(whole, '{"name": "x"}', text=value)
    assert json.loads(asked.fixed)["name"] == value
    assert different(made, [asked]) is None
