"""The repairs: expected values keep the form that the workshop gives them, and no prompt tells them."""

from __future__ import annotations

import re

import jsonschema

from tests.examples import sets

SET = "repairs"
CAPITALS = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĖĘĚĞĢĪİĶĹĻĽŁŃŅŇŌŐŒŔŘŚŞŠŢŤŪŮŰŲŹŻŽ"
MONTH = "(?:I|II|III|IV|V|VI|VII|VIII|IX|X|XI|XII)"
DAY = rf"(?:(?:[1-9]|[12]\d|3[01])\.{MONTH}|MON|TUE|WED|THU|FRI|SAT|SUN)"
FORMS = {
    "owner": re.compile(
        rf"N\.N\.|\([{CAPITALS}]+\)|FA\. [{CAPITALS}.\- ]+|[{CAPITALS}][{CAPITALS}\- ]+(?: [{CAPITALS}]\.)?"
    ),
    "machine": re.compile(rf"(?:BI|EB|SC|GA) (?:-|[{CAPITALS}]+)/(?:-|[{CAPITALS}0-9][{CAPITALS}0-9 \-]*)"),
    "frame_no": re.compile(r"nil|unread|\*[A-Z0-9]{6}|(?:[A-Z0-9]{4}\.)*[A-Z0-9]{1,4}"),
    "ready": re.compile(rf"open|(?:P )?{DAY}"),
    "price": re.compile(r"W/0|tba|(?:max )?\d{1,3}(?:\.\d{3})*,(?:-|\d[1-9]|[1-9]0) [A-Z]{3}"),
    "contact": re.compile(r"none|T:0\d{6,15}|M:[a-z0-9.\-]+@[a-z0-9.\-]+\.[a-z]+|@[a-z0-9_.]+"),
    "lane": re.compile(r"WHITE|RED|BLUE|GREEN"),
}
NO_NUMBER = ("nil", "unread")


def joined(text: str) -> str:
    """The letters and digits of a text in one piece."""
    return re.sub(r"[^A-Za-z0-9]", "", text).upper()


def dialled(text: str) -> str:
    """The digits of a text as they are dialled from the workshop."""
    return re.sub(r"\D", "", re.sub(r"\+|\bplus ", "00", text.replace("(0)", ""), flags=re.IGNORECASE))


def test_expected_values_have_the_workshops_forms() -> None:
    schema = sets.specification(SET)["artifact"]["schema"]
    assert set(FORMS) == set(schema["required"])
    for row in sets.rows(SET):
        jsonschema.validate(row["expected"], schema)
        for name, form in FORMS.items():
            assert form.fullmatch(row["expected"][name]), (row["id"], name)


def test_the_white_lane_and_only_it_is_free() -> None:
    for row in sets.rows(SET):
        assert (row["expected"]["price"] == "W/0") == (row["expected"]["lane"] == "WHITE"), row["id"]


def test_scooters_are_the_exception_among_the_numbers() -> None:
    numbered = [row for row in sets.rows(SET) if row["expected"]["frame_no"] not in NO_NUMBER]
    for row in numbered:
        scooter = row["expected"]["machine"].startswith("SC ")
        assert row["expected"]["frame_no"].startswith("*") == scooter, row["id"]
    assert sum(row["expected"]["frame_no"].startswith("*") for row in numbered) >= 5


def test_firms_have_no_green_lane_and_parts_come_to_the_bench() -> None:
    for row in sets.rows(SET):
        wanted = row["expected"]
        assert not (wanted["owner"].startswith("FA. ") and wanted["lane"] == "GREEN"), row["id"]
        assert not wanted["ready"].startswith("P ") or row["family"] in ("supplier", "bench"), row["id"]


def test_copied_values_stand_in_the_texts() -> None:
    for row in sets.rows(SET):
        wanted, text = row["expected"], row["text"]
        assert wanted["frame_no"] in NO_NUMBER or joined(wanted["frame_no"]) in joined(text), row["id"]
        for part in wanted["machine"][3:].split("/", 1):
            assert part == "-" or part.lower() in text.lower(), row["id"]
        owner = re.sub(r" .\.$", "", wanted["owner"].removeprefix("FA. ").strip("()"))
        assert wanted["owner"] == "N.N." or owner.lower() in text.lower(), row["id"]


def test_ways_to_reach_the_customer_stand_in_the_texts() -> None:
    for row in sets.rows(SET):
        contact, text = row["expected"]["contact"], row["text"]
        if contact.startswith("T:"):
            assert contact[2:] in dialled(text), row["id"]
        elif contact.startswith("M:"):
            assert contact[2:] in text.lower().replace(" at ", "@").replace(" dot ", "."), row["id"]
        elif contact == "none":
            assert re.search(r"@\w", text) is None, row["id"]
        else:
            assert contact in text, row["id"]


def test_no_prompt_holds_an_answer() -> None:
    for row in sets.rows(SET):
        prompt = sets.prompt(SET, row)
        assert row["text"] in prompt
        for name in ("owner", "machine", "frame_no", "ready", "price", "contact"):
            value = row["expected"][name]
            assert value not in prompt or value in row["text"], (row["id"], name)


def test_ids_and_families_are_plain() -> None:
    rows = sets.rows(SET)
    assert [row["id"] for row in rows] == [f"REP-{number:03}" for number in range(1, 111)]
    assert len({row["text"] for row in rows}) == 110 and len({row["family"] for row in rows}) == 7
