"""Placebos say nothing, are as long as what they stand in for, and are not promoted, whatever noise the model makes."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from metaagent.inference.base import ChatRequest
from metaagent.learning.placebo import FEWEST_TOKENS, label, neutral_text, placebo
from metaagent.ledger import protocols, trials
from metaagent.ledger.database import Ledger
from metaagent.records import Protocol, Remedy
from metaagent.remedies.cap import MOST_TOKENS, added_tokens
from tests.benchmarks import bench_placebo
from tests.benchmarks.bench_placebo import Placebo
from tests.learning import trying
from tests.orchestrator.place import BACKEND, Model, Place

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("tokens", [1, 16, 120, 1999])
def test_a_neutral_text_is_whole_sentences_of_about_the_length(tokens: int) -> None:
    text = neutral_text(tokens)
    assert text.endswith(".") and "\n" not in text
    assert 3 * tokens <= len(text) < 3 * tokens + 70
    sentences = text.split(". ")
    assert len(set(sentences)) == len(sentences)


def test_a_placebo_is_as_long_as_what_the_protocol_adds() -> None:
    rules = tuple(Remedy("rule", f"r{number}", {"text": "x" * 150}) for number in range(2))
    shown = Protocol(remedies=(*rules, Remedy("exemplar", "nearest", {"pool": (), "cap": 700})))
    assert added_tokens(shown) == 800
    assert added_tokens(Protocol(remedies=placebo(shown))) == pytest.approx(800, abs=25)
    assert label(placebo(shown)) == "placebo of 800 tokens"
    assert label(placebo(Protocol(remedies=(Remedy("fixer", "f"),)))) == f"placebo of {FEWEST_TOKENS} tokens"
    huge = Protocol(remedies=(Remedy("exemplar", "nearest", {"pool": (), "cap": 9000}),))
    assert label(placebo(huge)) == f"placebo of {MOST_TOKENS} tokens"
    assert label((*placebo(shown), Remedy("fixer", "f"))) is None and label(()) is None


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("METAAGENT_BACKEND", BACKEND)
    trying.plant(monkeypatch)
    return trying.make(tmp_path / "w", 60, right=lambda number: number % 2 == 0)


def bench(place: Place, into: Path, *options: str) -> int:
    return bench_placebo.main([str(place.root), "--into", str(into), "--json", *options])


def history(into: Path) -> list[Any]:
    with Ledger.open(into / ".metaagent" / "ledger.db", read_only=True) as ledger:
        return trials.history(ledger)


def content(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def noisy(request: ChatRequest) -> str:
    """A model that has nearly every task right by luck alone: another word in the prompt is another toss."""
    text = "\n".join(message.content for message in request.messages)
    name = text.split("Record of ")[-1].split("!")[0]
    number = int("".join(letter for letter in name if letter.isdigit()))
    lucky = number % 5 and random.Random(text).random() < 0.5
    return json.dumps({"name": name.upper() if lucky else name, "total": number})


def test_none_is_promoted_and_the_workspace_stays_as_it_is(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Ledger.open(place.workspace.ledger_path) as ledger:
        protocols.put_in_force(ledger, trying.candidate("spaces"), "manual", "a test")
    before = content(place.root)
    assert bench(place, tmp_path / "copy") == 0
    assert content(place.root) == before
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 12 and [row["k"] for row in rows] == list(range(1, 13))
    assert {row["verdict"] for row in rows} <= {"reject", "inconclusive"}
    assert len({row["placebo"] for row in rows}) == 12
    assert {row["base"] for row in history(tmp_path / "copy")} == {trying.candidate("spaces").hash}


def test_a_model_that_wavers_promotes_none(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Model(noisy)
    monkeypatch.setattr("metaagent.orchestrator.trials.open_backend", model.backend)
    assert bench_placebo.main([str(place.root), "--into", str(tmp_path / "copy")]) == 0
    out = capsys.readouterr().out
    assert "none of 12 promoted (95%: 0% to 24% of such trials)" in out
    rows = history(tmp_path / "copy")
    gains, losses = (sum(row[name] for row in rows) for name in ("gains", "losses"))
    assert gains >= 8 and losses >= 8  # there was something to be fooled by
    assert f"{gains} gains, {losses} losses" in out


def test_the_same_command_again_tries_nothing_twice(place: Place, tmp_path: Path) -> None:
    assert bench(place, tmp_path / "copy", "--budget", "1calls", "--limit-pairs", "20") == 0
    first = history(tmp_path / "copy")
    assert len(first) == 1 and first[0]["tasks"] == 20  # the budget ends what would come after
    assert bench(place, tmp_path / "copy", "--limit-pairs", "20") == 0
    whole = history(tmp_path / "copy")
    assert bench(place, tmp_path / "copy") == 0
    assert history(tmp_path / "copy") == whole
    assert whole[0]["id"] == first[0]["id"]


def test_a_promoted_one_is_told_taken_back_and_not_the_last(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = bench_placebo.placebos

    def with_a_cure(*arguments: Any) -> Any:
        yield Placebo("a cure", Remedy("fixer", "planted.upper"))
        yield from plain(*arguments)

    monkeypatch.setattr(bench_placebo, "placebos", with_a_cure)
    assert bench(place, tmp_path / "copy", "--count", "10") == 1
    rows = json.loads(capsys.readouterr().out)
    assert [row["placebo"] for row in rows if row["verdict"] == "promote"] == ["a cure"]
    assert len(rows) == 10 and {row["base"] for row in history(tmp_path / "copy")} == {protocols.empty().hash}
    assert bench(place, tmp_path / "copy") == 1  # it stands, whoever asks again


def test_a_fresh_ledger_starts_at_the_first_candidate(place: Place, tmp_path: Path) -> None:
    trying.test(place, trying.candidate("spaces"))
    with Ledger.open(place.workspace.ledger_path) as ledger:
        protocols.put_in_force(ledger, trying.candidate("spaces"), "manual", "a test")
    assert bench(place, tmp_path / "copy", "--fresh", "--limit-pairs", "12") == 0
    assert history(tmp_path / "copy")[0]["base"] == protocols.empty().hash
    assert bench(place, tmp_path / "other", "--limit-pairs", "20") == 0
    assert history(tmp_path / "other")[1]["base"] == trying.candidate("spaces").hash


def test_a_folder_that_holds_something_else_is_left_alone(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear", encoding="utf-8")
    assert bench(place, tmp_path / "mine") == 2
    assert "no copy of a workspace" in capsys.readouterr().err
    assert content(tmp_path / "mine").keys() == {"letter.txt"}


def test_kill_nine_loses_no_trial(place: Place, tmp_path: Path) -> None:
    rules = json.loads((place.root / "script.yaml").read_text(encoding="utf-8"))["rules"]
    place.write_script([{**rule, "delay": 0.004} for rule in rules])
    into = tmp_path / "copy"
    line = [sys.executable, "-m", "tests.benchmarks.bench_placebo", str(place.root), "--into", str(into), "--json"]
    kills = 0
    for wait in (0.9, 1.4, 2.2, 120.0):
        process = subprocess.Popen(line, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            out = process.communicate(timeout=wait)[0]
            break
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            kills += 1
    assert kills >= 1 and process.returncode == 0
    rows = json.loads(out)
    assert [row["k"] for row in rows] == list(range(1, 13))
    assert len(history(into)) == 12
    assert not into.with_name("copy.making").exists()
