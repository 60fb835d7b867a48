from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaagent.records import Check, ErrorKind, Finding, Outcome, Verdict
from metaagent.validators import OptionsError, blocking, get, judge, names, outcome, score, units

SCHEMA = {
    "type": "object",
    "properties": {"vendor": {"type": "string"}, "total": {"type": "number"}, "status": {"enum": ["open", "paid"]}},
    "required": ["vendor", "total", "status"],
    "additionalProperties": False,
}
VALUES = {"vendor": "Acme", "total": 12.5, "status": "paid"}
PARSE = Check("json.parse", True)
FORM = Check("json.schema", True, {"schema": SCHEMA})
KEY = Check("json.expected", False, {"values": VALUES, "tolerance": {"total": 0.01}})
CHECKS = (PARSE, FORM, Check("json.format", True, {"vendor": "[A-Z].*"}), KEY)


def said(artifact: str, *checks: Check) -> Verdict:
    return judge(artifact, checks or CHECKS)[-1]


def test_a_good_artifact_passes_every_level() -> None:
    verdicts = judge(json.dumps(VALUES), CHECKS)
    assert [verdict.outcome for verdict in verdicts] == [Outcome.PASS] * 4
    assert outcome(CHECKS, verdicts) is Outcome.PASS
    assert score(CHECKS, verdicts) == 1.0
    assert all(verdict.held == verdict.checked and verdict.seconds > 0 for verdict in verdicts)


def test_levels_stop_at_the_first_that_fails() -> None:
    verdicts = judge(json.dumps({**VALUES, "status": "maybe"}), CHECKS)
    assert [verdict.validator for verdict in verdicts] == ["json.parse", "json.schema"]
    assert outcome(CHECKS, verdicts) is Outcome.FAIL
    assert score(CHECKS, verdicts) == 0.0


def test_the_score_is_the_share_of_key_units() -> None:
    verdicts = judge(json.dumps({**VALUES, "vendor": "Bcme"}), CHECKS)
    assert score(CHECKS, verdicts) == pytest.approx(2 / 3)


def test_the_score_is_of_public_units_where_no_check_is_key() -> None:
    checks = (PARSE, Check("text.contains", True, {"all": ["a", "b"]}))
    assert score(checks, judge('"a"', checks)) == pytest.approx(2 / 3)
    assert score((), ()) == 0.0


def test_a_wrong_type_in_code_is_said_in_words() -> None:
    (finding,) = said(json.dumps({**VALUES, "total": "12.5"})).findings
    assert (finding.kind, finding.location, finding.message) == (
        ErrorKind.SCHEMA,
        "total",
        "a string instead of a number",
    )


def test_schema_units_are_properties_and_the_whole() -> None:
    missing = said(json.dumps({"vendor": "Acme"}))
    assert (missing.checked, missing.held) == (4, 2)
    assert [finding.location for finding in missing.findings] == ["status", "total"]
    extra = said(json.dumps({**VALUES, "note": 1}))
    assert (extra.checked, extra.held) == (4, 3)
    assert said("[]").held == 0


@pytest.mark.parametrize(
    ("artifact", "kind", "message"),
    [
        ("", ErrorKind.FORMAT, "not JSON: the reply is empty"),
        ("```json\n{}\n```", ErrorKind.FORMAT, "not JSON: it stands in a code fence"),
        ("Sure: {}", ErrorKind.FORMAT, "not JSON: text stands before the value"),
        ("{} done", ErrorKind.FORMAT, "not JSON: text follows the value"),
        ('{"a": NaN}', ErrorKind.FORMAT, "NaN is not JSON"),
        ("-Infinity", ErrorKind.FORMAT, "-Infinity is not JSON"),
        ("1e999", ErrorKind.FORMAT, "a number is too large"),
        ("9" * 5000, ErrorKind.FORMAT, "a number has too many digits"),
        ('{"a": 1, "a": 2}', ErrorKind.FORMAT, 'the key "a" stands twice in one object'),
        ("[" * 100_000, ErrorKind.FORMAT, "nested deeper than 64 levels"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, ErrorKind.FORMAT, "nested deeper than 64 levels"),
        ("[" * 65 + "]" * 65, ErrorKind.FORMAT, "nested deeper than 64 levels"),
        ("x" * 10_000_000, ErrorKind.RESOURCE, "10000000 characters, a JSON artifact may have 1000000"),
    ],
)
def test_hostile_replies_fail_the_parse(artifact: str, kind: ErrorKind, message: str) -> None:
    verdict = said(artifact)
    assert (verdict.validator, verdict.outcome) == ("json.parse", Outcome.FAIL)
    assert (verdict.findings[0].kind, verdict.findings[0].message) == (kind, message)


@pytest.mark.parametrize(
    "artifact",
    [
        "[" + "1," * 400_000 + "1]",
        '{"a":[' + "[1],{}," * 100_000 + "1]}",
        '"' + '\\"[[[' * 150_000,
        '{"vendor":"' + "a" * 900_000 + '"}',
        "{" + ",".join(f'"k{n}":{n}' for n in range(50_000)) + "}",
        '"\\ud800"',
        "\ud800",
        '{"\\udfff":"\\ud800"}',
        "[" * 64 + "]" * 64,
    ],
)
def test_hostile_json_gets_a_verdict_from_every_check_and_can_be_stored(artifact: str) -> None:
    schema = {"type": "object", "items": {"type": "string"}, "uniqueItems": True, "additionalProperties": False}
    checks = [
        Check("json.schema", True, {"schema": schema}),
        Check("json.format", True, {"vendor": {"case": "upper", "regex": "(a*)b"}, "a[*]": {"decimals": 2}}),
        Check("json.expected", False, {"values": {"a": [1, [2]], "vendor": "x"}, "unordered": True}),
        Check("text.contains", True, {"regex": "z+y", "all": ["q"]}),
    ]
    for check in checks:
        verdict = said(artifact, check)
        assert verdict.outcome is Outcome.FAIL, verdict
        assert 0 <= verdict.held < verdict.checked
        assert 0 < len(verdict.findings) <= 50
        for finding in verdict.findings:
            _storable(finding)


def _storable(finding: Finding) -> None:
    for text in (finding.message, finding.location, finding.expected, finding.got):
        assert text is None or len(text.encode()) < 20_000


@settings(max_examples=150, deadline=None)
@given(st.text() | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_judge_never_raises_and_the_units_are_known_before(artifact: str) -> None:
    checks = (*CHECKS, Check("text.length", True, {"chars": {"max": 5}}), Check("text.forbids", True, {"any": ["x"]}))
    for check in checks:
        verdict = said(artifact, check)
        assert verdict.outcome is not Outcome.INCONCLUSIVE
        assert verdict.checked == units(check)
        assert 0 <= verdict.held <= verdict.checked
        assert (verdict.outcome is Outcome.PASS) == (verdict.held == verdict.checked and not verdict.findings)
    assert 0.0 <= score(checks, judge(artifact, checks)) <= 1.0


@pytest.mark.parametrize(
    "check",
    [
        Check("no.such", True),
        Check("json.expected", False, {}),
        Check("json.schema", True, {"schema": {"type": "obj"}}),
        Check("json.schema", True, {"schema": {"$ref": "http://127.0.0.1:9/schema.json"}}),
        Check("json.schema", True, {"schema": {"$ref": "#"}}),
        Check("text.contains", True, {"regex": "("}),
        Check("user", True, {"file": "checks/none.py"}),
    ],
)
def test_a_check_that_breaks_is_inconclusive(check: Check) -> None:
    checks = (check, KEY)
    verdicts = judge("{}", checks)
    assert [verdict.outcome for verdict in verdicts] == [Outcome.INCONCLUSIVE]
    assert [finding.kind for finding in verdicts[0].findings] == [ErrorKind.INFRASTRUCTURE]
    assert outcome(checks, verdicts) is Outcome.INCONCLUSIVE
    assert score(checks, verdicts) == 0.0


def test_nothing_checked_is_inconclusive() -> None:
    assert judge("anything", ()) == ()
    assert outcome((), ()) is Outcome.INCONCLUSIVE


def test_an_unknown_check_names_the_nearest() -> None:
    with pytest.raises(OptionsError, match=r"did you mean 'json\.schema'"):
        get("json.shema")


def test_the_registry_has_every_validator_and_each_refuses_unknown_options() -> None:
    for name in names():
        with pytest.raises(OptionsError):
            get(name)({"nonsense": 1})


def test_only_user_checks_need_a_thread() -> None:
    assert not blocking(CHECKS)
    assert blocking([*CHECKS, Check("user", True, {"file": "checks/a.py"})])


def test_options_that_are_equal_but_not_the_same_do_not_mix() -> None:
    results: list[Any] = []
    for vendor in ("a", "b", "a"):
        check = Check("json.expected", False, {"values": {"vendor": vendor}})
        results.append(said('{"vendor": "a"}', check).outcome)
    assert results == [Outcome.PASS, Outcome.FAIL, Outcome.PASS]


def test_many_prepared_checks_do_not_pile_up() -> None:
    from metaagent.validators import base

    for number in range(base._MAX_PREPARED + 50):
        units(Check("json.expected", False, {"values": {"n": number}}))
    assert len(base._prepared) <= base._MAX_PREPARED


def test_a_schema_error_inside_a_list_blames_its_property() -> None:
    schema = {"properties": {"tags": {"items": {"type": "string"}, "uniqueItems": True}, "n": {"minimum": 3}}}
    verdict = said('{"tags": ["a", "a", 1, 1.0], "n": 1}', Check("json.schema", True, {"schema": schema}))
    assert (verdict.checked, verdict.held) == (3, 1)
    assert {(finding.location, finding.message) for finding in verdict.findings} == {
        ("n", "below the minimum"),
        ("tags", "items stand twice"),
        ("tags[2]", "a number instead of a string"),
        ("tags[3]", "a number instead of a string"),
    }
