"""json.fields: programs on documents; they are data, they never raise, they abstain on what they do not know."""

from __future__ import annotations

import json
from collections.abc import Callable
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.records import ArtifactForm, Brief
from metaagent.remedies.fixers import find_fixer
from metaagent.remedies.json.fields.describe import describe
from metaagent.remedies.json.fields.evaluate import NOTHING, Scope, evaluate
from metaagent.remedies.json.fields.guards import TRAITS, holds
from metaagent.remedies.json.fields.program import run

OWN = ["own"]


def value(own: Any, expression: list[Any], text: str = "", **fields: Any) -> Any:
    return evaluate(expression, Scope(own, fields, text))


@pytest.mark.parametrize(
    ("own", "expression", "wanted"),
    [
        ("ab-12/c", ["upper", ["alnum", OWN]], "AB12C"),
        ("Ada King", ["concat", ["upper", ["token", -1, OWN]], ["const", ", "], ["token", 0, OWN]], "KING, Ada"),
        ("Allemagne", ["lookup", "country", "alpha3", OWN], "DEU"),
        ("in Südafrika", ["find", "country", "alpha2", 0, OWN], "ZA"),
        ("3 września 2024 r.", ["date", "dmy", "YYYY-MM-DD", 0, OWN], "2024-09-03"),
        ("03/04/2024", ["date", "mdy", "D Month YYYY", 0, OWN], "4 March 2024"),
        ("2024-03-04", ["date", "dmy", "DDD", 0, OWN], "Mon"),
        ("Thursday 14 July", ["date", "dmy", "D.ROM", 0, 2000, OWN], "14.VII"),
        ("ready 20.8., not 21", ["date", "dmy", "DDMONYY", 0, 2025, OWN], "20AUG25"),
        ("the third of June", ["date", "dmy", "DD.MM.", 0, 2000, OWN], "03.06."),
        ("31/10", ["date", "mdy", "YYYY-MM-DD", 0, 2025, OWN], "2025-10-31"),
        ("3 May 2024, then 5 May", ["date", "dmy", "D Mon YY", -1, 2025, OWN], "5 May 25"),
        ("the 28 mars", ["date", "dmy", "DDmon", 0, 2000, OWN], "28mar"),
        ("Köln-Süd, Straße", ["ascii-german", OWN], "Koeln-Sued, Strasse"),
        ("Ægir Müller-Łoś", ["ascii-german", OWN], "AEgir Mueller-Los"),
        ("half past, 2:30 pm", ["time", "HH:mm", 0, OWN], "14:30"),
        ("16.40", ["time", "HH'h'mm", 0, OWN], "16h40"),
        ("16.40", ["time", "HH'h'mm", 0, "up", 15, OWN], "16h45"),
        ("at 16:45", ["time", "HH:mm", 0, "up", 15, OWN], "16:45"),
        ("6.50 pm", ["time", "HH:mm", 0, "down", 30, OWN], "18:30"),
        ("23:55", ["time", "HH:mm", 0, "near", 60, OWN], "24:00"),
        ("noted 1 May 2025: from 30.12.2025 to 2.1.2026", ["days-between", "dmy", OWN], 3),
        ("1h30", ["duration", "minutes", OWN], 90),
        ("90 min", ["duration", "iso", OWN], "PT1H30M"),
        ("1.234,50 EUR", ["number", "auto", OWN], 1234.5),
        ("12 500", ["number", "auto", OWN], 12500),
        (12.34, ["scale", "100", OWN], 1234),
        (1234.5, ["written", "#,##0.00", OWN], "1,234.50"),
        (46, ["written", "#.##0,-", OWN], "46,-"),
        (1240.5, ["written", "#.##0,-", OWN], "1.240,50"),
        ("+41 (0)79 310 44 86", ["dial", "00", OWN], "0041793104486"),
        ("0761 208 84 13", ["dial", "+", OWN], "07612088413"),
        ("Voltiq City One", ["replace-first", " ", "/", OWN], "Voltiq/City One"),
        ("Nurse O'Hara", ["slug", "-", ["without-titles", OWN]], "ohara"),
        ("5 ft 10 in", ["round", 1, ["measure", "cm", OWN]], 177.8),
        ("Mr. Jan de Boer", ["without-titles", OWN], "Jan de Boer"),
        ("Kovář s.r.o.", ["without-legal-form", OWN], "Kovář"),
        ("Acme Sp. z o.o.", ["without-legal-form", OWN], "Acme"),
        ("Kovář s.r.o. (Brno, Czechia)", ["without-legal-form", OWN], "Kovář"),
        ("Presse du Lac SA at Lausanne", ["without-legal-form", OWN], "Presse du Lac"),
        ("Pesca Azul S.L. . Vigo . ESPAÑA", ["without-legal-form", OWN], "Pesca Azul"),
        ("Nordljus AB Sverige", ["without-legal-form", OWN], "Nordljus"),
        ("Reed, Jones & Co Ltd", ["without-legal-form", OWN], "Reed, Jones"),
        ("Port Authority of Larvia, Greece", ["public", OWN], "Port Authority of Larvia"),
        ("020 7946 0958", ["phone", "+44", OWN], "+442079460958"),
        ("020 7946 0958", ["dialled", "00{c}-{n}", ["phone", "+44", OWN]], "0044-2079460958"),
        ("+351 912 555 014", ["dialled", "(+{c}) {n}", ["phone", "+44", OWN]], "(+351) 912555014"),
        ("+1 (415) 555-0142", ["dialled", "0{n}", ["phone", "+44", OWN]], "04155550142"),
        ("7", ["pad", 3, OWN], "007"),
        (7, ["pad", 3, OWN], "007"),
        ("5551234567", ["mask", "(###) ###-####", OWN], "(555) 123-4567"),
        ("THE LORD of rings", ["headline", OWN], "The Lord of Rings"),
        ("ja", ["lookup", "boolean", "boolean", OWN], True),
        (["b", "a", "b"], ["sort", "up", ["unique", OWN]], ["a", "b"]),
        ("a; b", ["split", ";", OWN], ["a", "b"]),
        (["X y"], ["each", ["slug", "-", OWN], OWN], ["x-y"]),
        ("Señor Ñu", ["slug", "-", OWN], "senor-nu"),
    ],
)
def test_operators(own: Any, expression: list[Any], wanted: Any) -> None:
    assert value(own, expression) == wanted


@pytest.mark.parametrize(
    ("own", "expression"),
    [
        (None, ["upper", OWN]),
        ("020 7946 0958", ["dialled", "00{c}-{n}", OWN]),
        ("+0", ["dialled", "00{c}-{n}", OWN]),
        (["x"], ["date", "dmy", "YYYY", 0, OWN]),
        ("no date", ["date", "dmy", "YYYY", 0, OWN]),
        ("31.02.2024", ["date", "dmy", "YYYY", 0, OWN]),
        ("x", ["no such operator", OWN]),
        ("x", []),
        ("x", ["upper"]),
        ("x", ["lookup", "no table", "name", OWN]),
        ("1 or 2", ["number", "auto", OWN]),
        (5, ["minor", "currency", OWN]),
        ("Volvo AB Trucks", ["without-legal-form", OWN]),
        ("AB", ["without-legal-form", OWN]),
        ("Anna Berg (Kiel, Germany)", ["without-legal-form", OWN]),
        ("Anna Berg, Town Lane 5", ["public", OWN]),
        (5, ["arithmetic", "/", "zero", OWN]),
    ],
)
def test_what_does_not_apply_is_nothing(own: Any, expression: list[Any]) -> None:
    assert value(own, expression, zero=0) is NOTHING


def test_a_number_of_a_million_digits_is_nothing() -> None:
    assert value(3, ["written", "0", ["scale", "1e9999999", OWN]]) is NOTHING
    assert value("A 7", ["pad", 10**12, OWN]) is NOTHING


def test_a_thousand_values_of_hundreds_of_words_are_no_names_of_firms_and_cost_little() -> None:
    started = process_time()
    for number in range(1000):
        assert value(f"{number} " + "box at " * 280, ["without-legal-form", OWN]) is NOTHING
    assert process_time() - started < 5


def test_minor_units_follow_the_currency_of_another_field() -> None:
    for currency, wanted in (("EUR", 1250), ("JPY", 12.5), ("KWD", 12500)):
        got = value(12.5, ["minor", "currency", OWN], currency=currency)
        assert got == (13 if currency == "JPY" else wanted)


def test_the_text_gives_back_what_the_reply_lost() -> None:
    text = "Order AB-77/x of 1.250,75 by Ms Ines Prado, Porto"
    assert value("ab77", ["near", "code", OWN], text) is NOTHING
    assert value(1250, ["near", "number", OWN], text) == "1.250,75"
    assert value("Prado", ["extended", "left", OWN], text) == "Ines Prado"


PROGRAM = {
    "fields": [
        {"path": "land", "branches": [{"when": None, "then": ["lookup", "country", "alpha2", OWN]}]},
        {
            "path": "lines[].size",
            "branches": [
                {"when": ["equals", "field:unit", "in"], "then": ["scale", "25.4", OWN]},
                {"when": ["not", ["equals", "field:unit", "mm"]], "then": OWN},
                {"when": ["equals", "fixed:land", "DE"], "then": ["round", 0, OWN]},
            ],
        },
    ]
}


def test_a_program_mends_nested_places_in_order() -> None:
    document = {"land": "Germany", "lines": [{"size": 2, "unit": "in"}, {"size": 3.4, "unit": "mm"}, {"size": 1.5}]}
    made = run(PROGRAM, document, "")
    assert made == {
        "land": "DE",
        "lines": [{"size": 50.8, "unit": "in"}, {"size": 3, "unit": "mm"}, {"size": 1.5}],
    }
    assert document["land"] == "Germany"


def brief(text: str = "") -> Brief:
    return Brief("T-1", "a task", "do it", None, {"text": text}, ArtifactForm("json"))


def test_the_fixer_abstains_on_what_is_not_json_and_where_nothing_changes() -> None:
    fix = find_fixer("json.fields")
    assert fix("not JSON", brief(), {"program": PROGRAM}) is None
    assert fix("12", brief(), {"program": PROGRAM}) is None
    assert fix('{"land": "FR"}', brief(), {"program": PROGRAM}) is None
    assert fix('{"land": "France"}', brief(), {}) is None
    assert json.loads(fix('{"land": "France"}', brief(), {"program": PROGRAM}) or "") == {"land": "FR"}


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity"])
def test_a_number_that_json_has_no_word_for_is_left_alone(number: str) -> None:
    reply = f'{{"land": "France", "total": {number}}}'
    assert find_fixer("json.fields")(reply, brief(), {"program": PROGRAM}) is None


WEIGHTS = {'"due"': {"": 0.5, "late": 0.1, '"due"': 0.2}, '"held"': {"": -0.2, "dispute": 0.1, '"due"': 0.1}}


@pytest.mark.parametrize(
    ("own", "told", "margin", "wanted"),
    [
        ("due", {'"due"': -0.5, "dispute": -1.0, "late": -9.0}, 0.0, "held"),  # -0.5 and -0.35
        ("due", {'"due"': -0.5, "dispute": -1.0, "late": -9.0}, 0.2, "due"),
        ("held", {'"due"': -0.5, "dispute": -1.0, "late": -9.0}, 0.0, "held"),
        ("held", {'"due"': -0.5, "late": -2.0}, 0.0, "due"),  # what was not told is as unlikely as the least told
        ("lost", {'"due"': -0.5, "late": -2.0}, 0.0, NOTHING),
        ("due", {}, 0.0, NOTHING),
    ],
)
def test_the_value_that_what_was_weighed_speaks_for(
    own: str, told: dict[str, float], margin: float, wanted: Any
) -> None:
    assert evaluate(["classified", WEIGHTS, margin, OWN], Scope(own, {}, "", logprobs=told)) == wanted


def test_programs_read_as_words() -> None:
    said = list(describe(PROGRAM))
    assert said[0] == "land: own value -> country as alpha2"
    assert said[1] == 'lines[].size: own value -> scale "25.4", when field unit is "in"'


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["land", "lines", "size"]), inner),
    max_leaves=8,
)
NAMES = [
    "upper", "token", "part", "mask", "date", "time", "duration", "number", "scale", "written", "measure", "phone",
    "find",
    "lookup", "near", "pick", "extended", "sort", "each", "split", "join", "minor", "drop", "concat", "pad", "table",
    "after", "classified", "days-between",
]  # fmt: skip
TREES = st.recursive(
    st.sampled_from([["own"], ["text"], ["field", "size"], ["const", "x"]]),
    lambda inner: st.tuples(st.sampled_from(NAMES), JSON, inner).map(list),
    max_leaves=4,
)


@given(JSON, TREES, st.text(max_size=60))
def test_no_expression_ever_raises_and_all_are_repeatable(own: Any, expression: list[Any], text: str) -> None:
    first = value(own, expression, text, size=own)
    again = value(own, json.loads(json.dumps(expression)), text, size=own)
    assert first is again or first == again


@given(JSON, st.text(max_size=60))
def test_a_program_runs_on_any_document_as_it_does_after_storing(document: Any, text: str) -> None:
    made = run(PROGRAM, document, text)
    assert made == run(json.loads(json.dumps(PROGRAM)), document, text)


@given(JSON, st.sampled_from(sorted(TRAITS)), st.text(max_size=40))
def test_no_guard_ever_raises(own: Any, name: str, text: str) -> None:
    assert holds(["trait", name], Scope(own, {}, text)) in (True, False)


@given(st.text(max_size=60))
def test_the_fixer_takes_any_reply(reply: str) -> None:
    made = find_fixer("json.fields")(reply, brief("some text"), {"program": PROGRAM})
    assert made is None or json.loads(made) is not None


@pytest.mark.parametrize(
    ("name", "turned", "short"),
    [
        ("hannah steiner", "STEINER, Hannah", "H. Steiner"),
        ("Joost van der Meer", "VAN DER MEER, Joost", "J. van der Meer"),
        ("VAN DER MEER, JOOST", "VAN DER MEER, Joost", "J. van der Meer"),
        ("De heer Jan de Vries", "DE VRIES, Jan", "J. de Vries"),
        ("Dr. Anna Maria Gomez Reyes", "GOMEZ REYES, Anna Maria", "A. Gomez Reyes"),
        ("Conor O'BRIEN", "O'BRIEN, Conor", "C. O'Brien"),
        ("JEAN-PAUL SARTRE (Paris)", "SARTRE, Jean-Paul", "J. Sartre"),
        ("niamh gallogly from cork, ireland", "GALLOGLY, Niamh", "N. Gallogly"),
        ("J. Smith", "SMITH, J.", "J. Smith"),
        ("MOYO, Xhtendai", "MOYO, Xhtendai", "X. Moyo"),
        ("Holly Wood Ltd", None, None),
        ("Anna Wood Tools (Pty) Ltd", None, None),
        ("Ministry of Health", None, None),
        ("BERLIN, Germany", None, None),
        ("Accra, Ghana", None, None),
        ("Anna", None, None),
        ("", None, None),
    ],
)
def test_a_persons_name_in_its_parts(name: str, turned: str | None, short: str | None) -> None:
    for form, wanted in (("LAST, First", turned), ("F. Last", short)):
        assert value(name, ["person", form, OWN]) == (NOTHING if wanted is None else wanted)
    assert holds(["trait", "reads like a person's name"], Scope(name, {}, "")) is (turned is not None)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Zorblan van der Berg", "VAN DER BERG, Zorblan"),
        ("zorblan quux", "QUUX, Zorblan"),
        ("Anna Maria Quux", "QUUX, Anna Maria"),
        ("Zorblan Quux Ltd", None),
        ("my crown came off in a toffee", None),
        ("Zorblan", None),
    ],
)
def test_a_name_whose_given_name_nobody_knows(name: str, wanted: str | None) -> None:
    made = value(name, ["person", "LAST, First", "any given name", OWN])
    assert made == (NOTHING if wanted is None else wanted)


def test_a_day_without_a_year_is_of_the_texts_year() -> None:
    day = ["date", "dmy", "YYYY-MM-DD", 0, "text", OWN]
    assert value("22 March", day, "19 Jan 2026: she comes on 22 March") == "2026-03-22"
    assert value("22 March", day, "in 2024 she comes on 22 March") == "2024-03-22"
    assert value("22 March", day, "she comes on 22 March") is NOTHING


GIVEN_NAMES = st.lists(st.sampled_from("Anna Jean-Paul Zorblan Fatima J. Noah Joost".split()), min_size=1, max_size=2)  # noqa: SIM905
SURNAMES = st.sampled_from(
    ["Berg", "van der Meer", "El Idrissi", "O'Brien", "Gomez Reyes", "de la Cruz", "Smith-Jones"]
)
CASES = st.sampled_from([str, str.lower, str.upper])


@given(
    GIVEN_NAMES, SURNAMES, CASES, st.sampled_from(["", "Mr ", "Dr. "]), st.sampled_from(["LAST, First", "First Last"])
)
def test_a_name_in_its_standard_form_stays_as_it_is(
    first: list[str], last: str, case: Callable[[str], str], title: str, form: str
) -> None:
    made = value(case(f"{title}{' '.join(first)} {last}"), ["person", form, OWN])
    assert made is NOTHING or value(made, ["person", form, OWN]) == made
    assert made is not NOTHING or first[0] == "Zorblan"


def test_most_of_several_fields_are_settled() -> None:
    guard = ["mostly-settled", "a", "b", "c"]
    fields = {"a": 1, "b": 2, "c": 3}
    assert holds(guard, Scope(None, fields, "", {**fields, "c": 4}))
    assert not holds(guard, Scope(None, fields, "", {**fields, "b": 4, "c": 4}))
    assert not holds(["mostly-settled", "a", "b"], Scope(None, fields, "", {**fields, "b": 4}))


def test_a_field_is_settled_where_nothing_was_mended() -> None:
    guard = ["not", ["settled", "land"]]
    program = {
        "fields": [
            {"path": "land", "branches": [{"when": None, "then": ["lookup", "country", "alpha3", OWN]}]},
            {"path": "sum", "branches": [{"when": guard, "then": ["scale", "100", OWN]}]},
        ]
    }
    assert run(program, {"land": "France", "sum": 5}, "") == {"land": "FRA", "sum": 500}
    assert run(program, {"land": "FRA", "sum": 500}, "") == {"land": "FRA", "sum": 500}
    assert list(describe(program))[1] == 'sum: own value -> scale "100", when not (land needed no mending)'


@pytest.mark.parametrize("piece", ["a", "A", "1", "_", "a1", "A&", "1 ", "Aa ", "+1"])
def test_a_long_text_of_few_marks_holds_nothing_up(piece: str) -> None:
    """Such as encoded files and dumps of data: expressions looked from each letter on to the end of a run."""
    text = piece * (100_000 // len(piece))
    expressions = [
        *(["pick", kind, 0, ["text"]] for kind in ("code", "date", "time", "email", "phone", "measure", "named")),
        ["date", "dmy", "D.M.YY", 0, "text", ["text"]],
        ["days-between", "dmy", ["text"]],
        ["duration", "minutes", ["text"]],
        ["find", "country", "alpha2", 0, ["text"]],
    ]
    program = {"fields": [{"path": f"f{n}", "branches": [{"then": one}]} for n, one in enumerate(expressions)]}
    started = process_time()
    run(program, {f"f{n}": "x 1" for n in range(len(expressions))}, text)
    assert process_time() - started < 5


def test_a_text_is_read_to_a_limit_in_learning_and_in_use_alike() -> None:
    program = {"fields": [{"path": "a", "branches": [{"when": ["word", "late"], "then": ["const", 1]}]}]}
    assert run(program, {"a": 0}, "x " * 9_000 + "late") == {"a": 1}
    assert run(program, {"a": 0}, "x " * 11_000 + "late") == {"a": 0}
