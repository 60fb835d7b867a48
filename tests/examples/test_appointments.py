"""The appointments: expected values keep the form that the house gives them, and no prompt tells them."""

from __future__ import annotations

import re
from datetime import datetime

import jsonschema

from tests.examples import sets
from tests.examples.texts import plain, written

SET = "appointments"
FORMS = {
    "patient": re.compile(r"[A-Z][A-Z' -]*[A-Z], (?:[A-Z]\.|\?)"),
    "clinician": re.compile(r"[a-z]+(?:-[a-z]+)*"),
    "date": re.compile(r"(?:0[1-9]|[12]\d|3[01])(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)2[56]|OPEN"),
    "time": re.compile(r"(?:0[89]|1[0-8])h[0-5]\d|AM|PM|ANY"),
    "kind": re.compile(r"FIRST|CONTROL|TREAT|URGENT|MOVE|CANCEL"),
    "ref": re.compile(r"(?:R:)?[A-Z0-9]*\d[A-Z0-9]*|SELF|NONE"),
    "fee": re.compile(r"[1-9]\d*,\d\d|0,00|--"),
}
NO_REFERENCE = ("SELF", "NONE")


def test_expected_values_have_the_houses_forms() -> None:
    schema = sets.specification(SET)["artifact"]["schema"]
    assert set(FORMS) == set(schema["required"])
    for row in sets.rows(SET):
        wanted = row["expected"]
        jsonschema.validate(wanted, schema)
        for name, form in FORMS.items():
            assert form.fullmatch(wanted[name]), (row["id"], name)
        if wanted["date"] != "OPEN":
            datetime.strptime(wanted["date"].title(), "%d%b%y")


def test_a_cancelled_appointment_has_no_fee() -> None:
    cancelled = [row for row in sets.rows(SET) if row["expected"]["kind"] == "CANCEL"]
    assert cancelled and all(row["expected"]["fee"] == "0,00" for row in cancelled)
    assert any(re.search(r"[1-9]\d? ?(?:€|euro)|€ ?[1-9]", row["text"]) for row in cancelled), "the exception shows"


def test_only_referrals_mark_their_reference() -> None:
    for row in sets.rows(SET):
        reference = row["expected"]["ref"]
        marked = row["family"] == "referral" and reference not in NO_REFERENCE
        assert reference.startswith("R:") == marked, row["id"]


def test_copied_values_stand_in_the_texts() -> None:
    for row in sets.rows(SET):
        wanted, text = row["expected"], plain(row["text"])
        assert wanted["patient"].partition(",")[0].lower() in text, row["id"]
        letters = re.sub(r"[^a-z]", "", text)
        assert wanted["clinician"] == "desk" or wanted["clinician"].replace("-", "") in letters, row["id"]
        reference = wanted["ref"]
        assert reference in NO_REFERENCE or reference.removeprefix("R:").lower() in written(row["text"]), row["id"]


def test_no_prompt_holds_an_answer() -> None:
    for row in sets.rows(SET):
        prompt = sets.prompt(SET, row)
        assert row["text"] in prompt
        for name in ("patient", "clinician", "date", "time", "ref", "fee"):
            value = row["expected"][name]
            # The goal speaks of the booking desk, which is also what is written for "no clinician named".
            assert value not in prompt or value in row["text"] or value == "desk", (row["id"], name)


def test_ids_and_families_are_plain() -> None:
    rows = sets.rows(SET)
    assert [row["id"] for row in rows] == [f"APT-{number:03}" for number in range(1, 121)]
    assert len({row["text"] for row in rows}) == 120 and len({row["family"] for row in rows}) == 7
