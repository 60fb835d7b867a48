"""The guesthouse: expected values keep the form that its conventions give them, and no prompt tells them."""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from metaagent.agents.prompts import render
from metaagent.agents.roles import load_roles
from metaagent.config import Config
from metaagent.records import ArtifactForm, Brief

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "guesthouse"
PERSON = re.compile(r"(?:[A-Z]\.)+ [A-Za-z' -]+")
FORMS = {
    "arrival": re.compile(r"\d{2}(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)\d{2}"),
    "eta": re.compile(r"(?:0[6-9]|1\d|2\d)h(?:00|15|30|45)"),
    "room": re.compile(r"(?:HAR|LIN|SEA|TOL)-\d{3}[A-Z]?(?:/\d+)?\+?"),
    "rate": re.compile(r"\d+\.\d{2} p\.[np]\."),
    "phone": re.compile(r"00[1-9]\d{0,2}-\d{6,11}|none"),
}
Row = dict[str, Any]


@cache
def rows() -> tuple[Row, ...]:
    lines = (EXAMPLE / "tasks" / "bookings.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


@cache
def specification() -> Row:
    loaded: Row = yaml.safe_load((EXAMPLE / "tasks" / "bookings.yaml").read_text(encoding="utf-8"))
    return loaded


def test_expected_values_have_the_houses_forms() -> None:
    for row in rows():
        wanted = row["expected"]
        jsonschema.validate(wanted, specification()["artifact"]["schema"])
        for name, form in FORMS.items():
            assert form.fullmatch(wanted[name]), (row["id"], name)
        datetime.strptime(wanted["arrival"].title(), "%d%b%y")
        assert wanted["guest"].isascii() and 1 <= wanted["nights"] <= 31, row["id"]


def test_groups_of_people_are_the_exception() -> None:
    for row in rows():
        party = row["family"] == "party"
        assert row["expected"]["rate"].endswith("p.p.") == party, row["id"]
        assert bool(re.search(r" x\d+$", row["expected"]["guest"])) == party, row["id"]
        assert party or PERSON.fullmatch(row["expected"]["guest"]), row["id"]


def test_telephone_numbers_stand_in_the_texts() -> None:
    for row in rows():
        number = row["expected"]["phone"].partition("-")[2]
        digits = "".join(filter(str.isdigit, row["text"]))
        assert number in digits or row["family"] in ("voicemail", "party") or not number, row["id"]


def test_no_prompt_holds_an_answer() -> None:
    form, role = ArtifactForm(**specification()["artifact"]), load_roles(Config())["executor"]
    for row in rows():
        brief = Brief(row["id"], row["title"], specification()["goal"], "d", {"text": row["text"]}, form)
        prompt = "\n".join(message.content for message in render(role, brief))
        assert row["text"] in prompt
        hidden = [row["expected"][name] for name in ("arrival", "eta", "room", "rate")]
        assert not any(value in prompt for value in hidden), row["id"]


def test_ids_and_families_are_plain() -> None:
    assert [row["id"] for row in rows()] == [f"BKG-{number:03}" for number in range(1, 89)]
    assert len({row["text"] for row in rows()}) == 88 and len({row["family"] for row in rows()}) == 8
