"""The orders: expected values keep the form that the house gives them, and no prompt tells them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import jsonschema

from tests.examples import sets
from tests.examples.texts import says

SET = "orders"
DATE = r"(?:0[1-9]|[12]\d|3[01])(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
HOUR = r"(?:1?\d|2[0-4])(?:\.(?:25|5|75))?"
FORMS = {
    "customer.name": re.compile(
        r"(?:[A-Z][A-Za-z'.\- ]*(?:\+[A-Z][A-Za-z'.\- ]*)*/(?:bk|cf|rs|ht|cn|sh)|[A-Z'.a-z]+/pp)"
    ),
    "customer.city": re.compile(r"-|['A-Z][A-Za-z'\- ]*(?: \[(?:B|NL|L|F|CH|A|I|E|GB|DK)\])?"),
    "order_date": re.compile(rf"{DATE}|00"),
    "delivery.day": re.compile(rf"@?(?:{DATE}|d[1-7]w?|\+\d|!|\?)"),
    "delivery.window": re.compile(rf"(?:{HOUR})?/(?:{HOUR})?"),
    "payment": re.compile(r"BAR|EC|R14|R30|VK"),
    "flag": re.compile(r"-|(?=.)C?N?S?X?"),
}
LINE_FORMS = {
    "article": re.compile(r"[A-Z]+(?:\.[a-z0-9.%]+)*\+?\*?"),
    "quantity": re.compile(r"[1-9]\d*|\d+\.\d*[1-9]"),
    "unit": re.compile(r"[KLPSCBFR]"),
    "unit_price": re.compile(r"-1|0|[1-9]\d*0"),
}
NOT_EATEN = re.compile(
    r"(?:STAND|PAPER|BOX|TORCH|MOULD|BASKET|THERMOMETER|GLOVE|TIN|SCRAPER|WHISK|BAG|TRAY|KNIFE|SIEVE|MAT|BRUSH|SPATULA)\b"
)
WEEKDAYS = (
    "monday|lundi",
    "tue(?:sday)?|dienstag",
    "wed(?:nesday)?|mittwoch",
    "thu(?:rsday)?",
    "fri(?:day)?",
    "sat(?:urday)?",
    "sun(?:day)?",
)
PAYMENTS = (
    "cash|bar|card|carte|karte|contado|contant|invoice|bill|rechnung|facture|faktura|days|monthly|direct debit"
    "|paypal|prepays|prepaid|paid|in advance|vorkasse|transfer"
)
OTHER_WORDS = {"knives": "knife", "raspberries": "raspberry", "beurre": "butter"}
"""What stands in texts for an article, where that is not its name with something behind it."""
SPOKEN = "ORD-037"
"""The phone note that holds what was said word for word."""
LETTERS = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o"}
Order = dict[str, Any]


def plain(text: str) -> str:
    """Small letters as the house writes them: without marks."""
    decomposed = unicodedata.normalize("NFD", text.lower().translate(str.maketrans(LETTERS)))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def orders() -> Iterator[tuple[str, str, Order]]:
    """The number, the text and the expected order of each row."""
    for row in sets.rows(SET):
        yield row["id"], row["text"], row["expected"]


def field(order: Order, path: str) -> str:
    value: Any = order
    for name in path.split("."):
        value = value[name]
    return str(value)


def private(order: Order) -> bool:
    return field(order, "customer.name").endswith("/pp")


def test_expected_values_have_the_houses_forms() -> None:
    schema = sets.specification(SET)["artifact"]["schema"]
    assert {path.partition(".")[0] for path in FORMS} | {"lines"} == set(schema["required"])
    for number, _, order in orders():
        jsonschema.validate(order, schema)
        for path, form in FORMS.items():
            assert form.fullmatch(field(order, path)), (number, path)
        for line in order["lines"]:
            for name, form in LINE_FORMS.items():
                assert form.fullmatch(str(line[name])), (number, name)


def test_a_window_does_not_end_before_it_begins() -> None:
    for number, _, order in orders():
        first, last = field(order, "delivery.window").split("/")
        assert not first or not last or float(first) <= float(last) <= 24, number


def test_what_is_not_eaten_comes_last() -> None:
    for number, _, order in orders():
        late = [NOT_EATEN.match(line["article"]) is not None for line in order["lines"]]
        assert late == sorted(late), number


def test_frozen_and_organic_lines_are_marked_and_frozen_ones_go_cold() -> None:
    for number, text, order in orders():
        articles = [line["article"] for line in order["lines"]]
        frozen = any("*" in article for article in articles)
        assert frozen == says(text, "frozen"), number
        assert any("+" in article for article in articles) == says(text, "organic|bio"), number
        assert ("C" in order["flag"]) == (frozen or says(text, "cold|chilled")), number


def test_flags_say_what_the_texts_say() -> None:
    for number, text, order in orders():
        new = says(text, "first order|first time (?:i|she) orders?|never ordered|new customer")
        assert ("N" in order["flag"]) == new, number
        assert ("S" in order["flag"]) == says(text, "stairs|steps|carry (?:it|to)"), number
        foreign = "£" in text or says(text, "CHF|DKK|GBP|francs|Rappen|pence")
        assert ("X" in order["flag"]) == foreign, number
        assert foreign == field(order, "customer.city").endswith(("[CH]", "[DK]", "[GB]")), number


def test_who_is_new_has_no_credit_and_what_is_not_said_follows_from_the_customer() -> None:
    silent = 0
    for number, text, order in orders():
        assert "N" not in order["flag"] or order["payment"] in ("VK", "BAR", "EC"), number
        assert not private(order) or not order["payment"].startswith("R"), number
        if "N" not in order["flag"] and not says(text, PAYMENTS):
            silent += 1
            assert order["payment"] == ("VK" if private(order) else "R14"), number
    assert silent >= 5


def test_days_are_those_of_the_texts() -> None:
    for number, text, order in orders():
        day = field(order, "delivery.day").removeprefix("@")
        assert day.endswith("w") == says(text, "next week"), number
        assert (day == "!") == says(text, "as soon as|asap"), number
        assert (day == "+2") == says(text, "day after tomorrow|in (?:two|2) days"), number
        assert (day == "+1") == says(text, r"(?<!day after )tomorrow|morgen \d"), number
        if day.startswith("d"):
            assert says(text, WEEKDAYS[int(day[1]) - 1]), number


def test_what_has_its_usual_price_says_so() -> None:
    usual = "(?:usual|list|normal|same) price|price as last time"
    for number, text, order in orders():
        assert any(line["unit_price"] == -1 for line in order["lines"]) == says(text, usual), number


def test_copied_values_stand_in_the_texts() -> None:
    for number, text, order in orders():
        told = re.sub("|".join(OTHER_WORDS), lambda found: OTHER_WORDS[found[0]], plain(text))
        name = field(order, "customer.name").rpartition("/")[0]
        for part in [re.sub(r"^[A-Z]\.", "", name)] if private(order) else name.split("+"):
            assert part.lower() in told, number
        city = field(order, "customer.city").partition(" [")[0]
        assert city == "-" or city.lower() in told, number
        for line in order["lines"]:
            for word in re.findall(r"(?<![\w.])[A-Z]+|(?<=\.)[a-z]+(?![\w%])", line["article"]):
                assert word.lower() in told, (number, word)


def test_prices_stand_in_the_texts_that_are_not_spoken() -> None:
    for row in sets.rows(SET):
        if row["family"] == "voice" or row["id"] == SPOKEN:
            continue
        for price in [line["unit_price"] for line in row["expected"]["lines"]]:
            whole, cents = divmod(price // 10, 100)
            written = rf"{whole}[.,]{cents:02}|{whole} euro {cents:02}|{100 * whole + cents} ?(?:cents?|Rappen|pence)"
            assert price <= 0 or says(row["text"], written), (row["id"], price)


def test_no_prompt_holds_an_answer() -> None:
    for row in sets.rows(SET):
        prompt, order = sets.prompt(SET, row), row["expected"]
        assert row["text"] in prompt
        values = [field(order, path) for path in FORMS if path not in ("payment", "flag")]
        for value in [*values, *(line["article"] for line in order["lines"])]:
            assert value in ("/", "!", "?", "-") or value not in prompt or value in row["text"], (row["id"], value)


def test_no_prompt_holds_a_convention() -> None:
    words = re.compile(
        r"car plate|plain letters|particle|legal form|thousandth|decimal hour|head noun|singular|first order"
        r"|\b(?:bakery|private|cash|invoice|organic|frozen|stairs|weekday|tomorrow|euros?)\b",
        re.IGNORECASE,
    )
    for row in sets.rows(SET):
        assert words.search(sets.prompt(SET, row).replace(row["text"], "")) is None, row["id"]


def test_ids_and_families_are_plain() -> None:
    rows = sets.rows(SET)
    assert [row["id"] for row in rows] == [f"ORD-{number:03}" for number in range(1, 111)]
    assert len({row["text"] for row in rows}) == 110 and len({row["family"] for row in rows}) == 7
