"""What a failure is thought to come from: rules in order, unknown where none holds."""

from __future__ import annotations

from typing import Any

import pytest

from metaagent.learning.diagnosis import Cause, Company, Signals, commonest, company, diagnose, related
from metaagent.records import ErrorKind
from tests.learning.values import event

ALONE = Company(1, {}, {})


def signals(*events: Any, **fields: Any) -> Signals:
    return Signals("a", "T", tuple(events), **fields)


def wrong(location: str, got: str, expected: str) -> Any:
    return event(ErrorKind.ASSERTION, "wrong value", public=False, location=location, got=got, expected=expected)


@pytest.mark.parametrize(
    ("found", "cause", "rule"),
    [
        (signals(event(ErrorKind.INFRASTRUCTURE), reasons=("connect",)), Cause.EXTERNAL, "backend"),
        (signals(event(ErrorKind.CONTEXT)), Cause.CONTEXT, "cut-prompt"),
        (signals(truncated=True), Cause.CONTEXT, "cut-prompt"),
        (signals(event(ErrorKind.FORMAT), finishes=("length",)), Cause.CONTEXT, "cut-reply"),
        (signals(event(ErrorKind.INFRASTRUCTURE, validator="user")), Cause.TOOL, "check-broke"),
        (signals(event(ErrorKind.FORMAT), finishes=("stop",), reply='{"a": 1, "b"'), Cause.PROMPT, "stopped-early"),
        (signals(event(ErrorKind.MODEL, "the reply repeated itself and was ended")), Cause.PROMPT, "wandering"),
        (signals(event(ErrorKind.SCHEMA, public=True)), Cause.PROMPT, "form"),
        (signals(wrong("x", '"blue"', '"Lisbon"')), Cause.EXTERNAL, "beyond"),
        (signals(), Cause.UNKNOWN, ""),
        (signals(event(ErrorKind.REJECTION)), Cause.UNKNOWN, ""),
    ],
)
def test_one_rule_at_a_time(found: Signals, cause: Cause, rule: str) -> None:
    diagnosis = diagnose(found, ALONE)
    assert (diagnosis.cause, diagnosis.rule) == (cause, rule)


def test_the_same_value_in_another_writing_is_a_convention_only_where_it_is_usual() -> None:
    failed = [signals(wrong("date", f'"{n}.3.2024"', f'"2024-03-{n}"')) for n in range(10, 14)]
    others = company(failed)
    assert diagnose(failed[0], others).rule == "convention"
    assert diagnose(failed[0], ALONE).rule == "beyond"


def test_the_same_exchange_again_and_again_is_a_convention_however_far_apart() -> None:
    failed = [signals(wrong("status", '"open"', '"due"')) for _ in range(3)]
    assert diagnose(failed[0], company(failed)).rule == "convention"


@pytest.mark.parametrize(
    ("got", "expected", "same"),
    [
        ("219", "21900", True),
        ("219", "220", False),
        ('"Camille Lefèvre"', '"LEFÈVRE, Camille"', True),
        ('"tls 109/c"', '"TLS109C"', True),
        ('"blue"', '"Lisbon"', False),
        ("null", '"x"', False),
        ("0", "0", False),
    ],
)
def test_related(got: str, expected: str, same: bool) -> None:
    assert related(got, expected) is same


def test_a_pattern_takes_the_cause_of_most_of_its_attempts() -> None:
    form, beyond = diagnose(signals(event(ErrorKind.SCHEMA)), ALONE), diagnose(signals(wrong("x", "1", "7")), ALONE)
    assert commonest([form, form, beyond]).cause is Cause.PROMPT
    assert commonest([form, beyond]).cause is Cause.UNKNOWN
    assert commonest([]).cause is Cause.UNKNOWN


def test_the_rates_are_those_of_planted_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    """One small half of the benchmark, in real runs: every planted cause is named."""
    from tests.benchmarks.bench_diagnosis import FAULTS, half

    monkeypatch.delenv("METAAGENT_BACKEND")  # each workspace names its own script
    found, _ = half("second", 4, 7)
    assert len(found) == 4 * len(FAULTS)
    assert sum(cause is one.cause for _, cause, one in found) >= 0.8 * len(found)
