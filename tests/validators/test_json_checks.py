from __future__ import annotations

import json
from typing import Any

import pytest

from metaagent.records import Check, ErrorKind, Outcome, Verdict
from metaagent.validators import OptionsError, get, judge


def formatted(value: Any, rules: dict[str, Any]) -> Verdict:
    text = value if isinstance(value, str) else json.dumps(value)
    return judge(text, (Check("json.format", True, rules),))[0]


def expected(value: Any, **options: Any) -> Verdict:
    return judge(json.dumps(value), (Check("json.expected", False, options),))[0]


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (r"\d{4}-\d\d", ["2026-01"], ["2026-1", "2026-01 ", 2026, None]),
        ({"date": "%Y-%m-%d"}, ["2026-02-28"], ["2026-02-30", "2026-2-3", "28.02.2026", 20260228]),
        ({"date": "%d.%m.%Y"}, ["03.02.2026"], ["3.2.2026", "2026-02-03"]),
        ({"case": "upper"}, ["ACME 1"], ["Acme", 1]),
        ({"case": "lower"}, ["acme"], ["Acme"]),
        ({"case": "title"}, ["Acme Corp"], ["acme corp"]),
        ({"enum": ["open", "paid"]}, ["open"], ["Open", "", None, ["open"]]),
        ({"enum": [1, None]}, [1, None], ["1", 1.5, True]),
        ({"integer": True}, [3, -1], [3.5, "3", True]),
        ({"min": 0, "max": 10}, [0, 10, 2.5], [-1, 11, "5"]),
        ({"decimals": 2}, ["12.50"], ["12.5", "a.bc", "12", None]),
        ({"optional": True, "case": "upper"}, [None, "A"], ["a"]),
    ],
)
def test_rules(rule: Any, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert formatted({"x": value}, {"x": rule}).outcome is Outcome.PASS, value
    for value in bad:
        verdict = formatted({"x": value}, {"x": rule})
        assert verdict.outcome is Outcome.FAIL, value
        assert (verdict.findings[0].kind, verdict.findings[0].location) == (ErrorKind.FORMAT, "x")


def test_decimals_count_as_they_are_written() -> None:
    assert formatted('{"x": 12.50}', {"x": {"decimals": 2}}).outcome is Outcome.PASS
    assert formatted('{"x": 12.5}', {"x": {"decimals": 2}}).outcome is Outcome.FAIL
    assert formatted('{"x": 12}', {"x": {"decimals": 0}}).outcome is Outcome.PASS


def test_a_field_that_is_missing_is_a_schema_finding_unless_it_is_optional() -> None:
    assert formatted({}, {"x": "a"}).findings[0].kind is ErrorKind.SCHEMA
    assert formatted({}, {"x": {"regex": "a", "optional": True}}).outcome is Outcome.PASS


def test_a_rule_for_every_item_is_one_unit() -> None:
    verdict = formatted({"lines": [{"a": "X"}, {"a": "y"}, {"a": "z"}], "n": "N"}, {"lines[*].a": "[A-Z]", "n": "N"})
    assert (verdict.checked, verdict.held) == (2, 1)
    assert [finding.location for finding in verdict.findings] == ["lines[1].a", "lines[2].a"]


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"x": {}},
        {"x": "("},
        {"x": {"date": "iso"}},
        {"x": {"case": "camel"}},
        {"x": {"enum": []}},
        {"x": {"decimals": -1}},
        {"x": {"min": "0"}},
        {"x..y": "a"},
        {"x": {"regexp": "a"}},
        {"x": 3},
    ],
)
def test_rules_that_do_not_hold_are_refused(rules: dict[str, Any]) -> None:
    with pytest.raises(OptionsError):
        get("json.format")(rules)


def test_expected_by_field() -> None:
    verdict = expected({"name": "acme", "total": 3}, values={"name": "Acme", "total": 3, "due": None})
    assert (verdict.checked, verdict.held, verdict.public) == (3, 1, False)
    assert [(f.kind, f.location, f.expected, f.got) for f in verdict.findings] == [
        (ErrorKind.ASSERTION, "name", '"Acme"', '"acme"'),
        (ErrorKind.SCHEMA, "due", "null", None),
    ]


def test_fields_that_are_not_named_are_not_checked() -> None:
    assert expected({"a": 1, "b": 2}, values={"a": 1}).outcome is Outcome.PASS


def test_a_value_of_another_type_says_so() -> None:
    (finding,) = expected({"a": "1"}, values={"a": 1}).findings
    assert (finding.message, finding.got) == ("a string instead of a number", '"1"')


def test_tolerance_for_all_and_by_field() -> None:
    assert expected({"a": 1.01}, values={"a": 1}, tolerance=0.01).outcome is Outcome.PASS
    assert expected({"a": 1.02}, values={"a": 1}, tolerance=0.01).outcome is Outcome.FAIL
    both = expected({"a": 1.5, "b": 1.5}, values={"a": 1, "b": 1}, tolerance={"a": 1})
    assert [finding.location for finding in both.findings] == ["b"]


def test_order_and_case_count_unless_told_otherwise() -> None:
    got, values = {"tags": ["b", "A"], "name": "X"}, {"tags": ["a", "b"], "name": "x"}
    assert expected(got, values=values).held == 0
    assert expected(got, values=values, unordered=True, ignore_case=True).outcome is Outcome.PASS
    assert expected(got, values=values, unordered=["tags"], ignore_case=["tags"]).held == 2


def test_paths_and_names_with_dots() -> None:
    got = {"customer": {"name": "A"}, "lines": [{"n": 1}], "x.y": 2}
    values = {"customer.name": "A", "lines[0].n": 1, '["x.y"]': 2}
    assert expected(got, values=values).outcome is Outcome.PASS


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"values": {}},
        {"values": [1]},
        {"values": {"a[*]": 1}},
        {"values": {"a..b": 1}},
        {"values": {"a": 1}, "tolerance": "0.1"},
        {"values": {"a": 1}, "tolerance": {"a": -1}},
        {"values": {"a": 1}, "tolerance": True},
        {"values": {"a": 1}, "unordered": "yes"},
        {"values": {"a": 1}, "tolerence": 1},
    ],
)
def test_expected_options_that_do_not_hold_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionsError):
        get("json.expected")(options)
