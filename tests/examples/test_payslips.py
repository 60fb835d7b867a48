"""The staff office: every expected value follows from facts that its text states, and no prompt tells how."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

import jsonschema

from tests.examples import sets
from tests.examples.texts import says, written

SET = "payslips"


class Facts(NamedTuple):
    """What a text says, before the house writes it in its way."""

    given: str
    surname: str
    badge: int
    """0: none is told."""
    day: str
    reason: str
    length: str = ""
    """In days, weeks or hours, with minutes where there are some."""
    cost: str = ""
    """What is to be paid back."""


FACTS = {
    "PAY-001": Facts("Corinne", "Stalder", 0, "2025-03-12", "GEAR", cost="CHF 67.83"),
    "PAY-002": Facts("Gwendolyn", "Ashcroft", 1778, "2025-10-08", "TRIP", cost="EUR 1365.20"),
    "PAY-003": Facts("Lena", "Aebischer", 7402, "2025-05-13", "ILL", "3 h 20"),
    "PAY-004": Facts("Kwame", "Boateng", 0, "2025-01-22", "TRIP", cost="CHF 31.20"),
    "PAY-005": Facts("Ferdinand", "Oyelaran", 1219, "2025-07-17", "GEAR", cost="CHF 77"),
    "PAY-006": Facts("Ivana", "Horvat", 61, "2025-06-03", "TRIP", cost="287 km"),
    "PAY-007": Facts("Chiara", "De Luca", 5520, "2025-09-22", "COURSE", "2 d"),
    "PAY-008": Facts("Callum", "Dunbar", 6033, "2025-12-09", "ILL", "5 d"),
    "PAY-009": Facts("Fabian", "Kälin", 6117, "2025-06-17", "SHORT", "2 h 40"),
    "PAY-010": Facts("Yasmin", "El-Amrani", 8804, "2025-03-26", "CARE", "1 d"),
    "PAY-011": Facts("Bronwen", "Pugh", 64, "2025-04-03", "SWAP", "7 h 45"),
    "PAY-012": Facts("Sandra", "Bieri", 1043, "2025-12-24", "SWAP", "5 h"),
    "PAY-013": Facts("Florian", "Jenni", 690, "2025-08-06", "SWAP", "9 h"),
    "PAY-014": Facts("Cormac", "Fitzgerald", 2701, "2025-12-01", "GEAR", cost="EUR 59.98"),
    "PAY-015": Facts("Zoltan", "Szabo", 557, "2025-10-02", "COURSE", "4 h"),
    "PAY-016": Facts("Tamsin", "Holloway", 1450, "2025-11-05", "TRIP", cost="171.1 km"),
    "PAY-017": Facts("Ruth", "Achermann", 404, "2025-10-07", "CARE", "2 h"),
    "PAY-018": Facts("Mirjam", "Ochsner", 2902, "2025-08-12", "GEAR", cost="CHF 129"),
    "PAY-019": Facts("Bernadette", "Sauter", 1922, "2025-10-16", "ILL", "2 d"),
    "PAY-020": Facts("Sylvain", "Pasche", 1276, "2025-11-06", "CARE", "0.5 d"),
    "PAY-021": Facts("Samuel", "Adjei", 0, "2025-08-19", "SHORT", "2 h 15"),
    "PAY-022": Facts("Margrit", "Steffen", 82, "2025-10-27", "ILL", "2 w"),
    "PAY-023": Facts("Lucía", "Ferrer", 1961, "2025-01-23", "SWAP", "7 h 15"),
    "PAY-024": Facts("Dario", "Lombardi", 7145, "2025-02-20", "SHORT", "1 h"),
    "PAY-025": Facts("Winifred", "Asante", 2561, "2025-12-22", "LEAVE", "5 d"),
    "PAY-026": Facts("Bilal", "Rahmani", 2039, "2025-05-08", "ILL", "2 h 50"),
    "PAY-027": Facts("Gillian", "Prowse", 349, "2025-11-18", "TRIP", cost="EUR 412.80"),
    "PAY-028": Facts("Anselm", "Duerr", 4028, "2025-08-21", "TRIP", cost="CHF 88.24"),
    "PAY-029": Facts("Ngozi", "Okafor", 412, "2025-07-14", "LEAVE", "2 w"),
    "PAY-030": Facts("Leopold", "Stucki", 92, "2025-10-10", "SHORT", "4 h"),
    "PAY-031": Facts("Ursina", "Caduff", 360, "2025-09-03", "GEAR", cost="CHF 1190.45"),
    "PAY-032": Facts("Philippa", "Thornbury", 1655, "2025-04-09", "TRIP", cost="CHF 276"),
    "PAY-033": Facts("Dmitri", "Petrenko", 1620, "2025-03-22", "SWAP", "8 h"),
    "PAY-034": Facts("Valentina", "Cruz", 1896, "2025-12-15", "GEAR", cost="CHF 412"),
    "PAY-035": Facts("Verena", "Imhof", 53, "2025-07-28", "LEAVE", "3 w"),
    "PAY-036": Facts("Viktor", "Sandoval", 587, "2025-10-21", "SWAP"),
    "PAY-037": Facts("Rosalind", "Fairweather", 1474, "2025-09-15", "LEAVE", "6 d"),
    "PAY-038": Facts("Caspar", "Wolfensberger", 1759, "2025-02-26", "GEAR", cost="CHF 189"),
    "PAY-039": Facts("Minh", "Tran", 2246, "2025-07-03", "LEAVE", "2 d"),
    "PAY-040": Facts("Priya", "Raghunathan", 945, "2025-09-11", "CARE", "1 d"),
    "PAY-041": Facts("Heinz", "Lüscher", 1808, "2025-06-30", "GEAR", cost="CHF 15.60"),
    "PAY-042": Facts("Adaeze", "Nwosu", 1368, "2025-10-29", "TRIP", cost="CHF 42.75"),
    "PAY-043": Facts("Agnieszka", "Mazur", 1147, "2025-09-01", "ILL", "2 d"),
    "PAY-044": Facts("Esperanza", "Vidal", 3115, "2025-04-18", "SWAP", "8.4 h"),
    "PAY-045": Facts("Ottavio", "Bernasconi", 3598, "2025-09-17", "SWAP"),
    "PAY-046": Facts("Declan", "Moriarty", 2150, "2025-05-22", "SHORT", "1.5 h"),
    "PAY-047": Facts("Paloma", "Ibáñez", 2907, "2025-07-21", "GEAR", cost="CHF 23.90"),
    "PAY-048": Facts("Noor", "Haddad", 2694, "2025-07-10", "SWAP", "6 h"),
    "PAY-049": Facts("Olivia", "Pemberton", 1093, "2025-11-10", "LEAVE", "20 d"),
    "PAY-050": Facts("Hanna", "Lindqvist", 3071, "2025-02-10", "ILL", "3 d"),
    "PAY-051": Facts("Ilse", "Baumann", 1626, "2025-04-24", "GEAR", cost="CHF 143.99"),
    "PAY-052": Facts("Isaac", "Goldberg", 0, "2025-11-20", "CARE", "3 h"),
    "PAY-053": Facts("Tuuli", "Rantanen", 39, "2025-09-05", "SHORT", "1 d"),
    "PAY-054": Facts("Jasper", "Kamau", 0, "2025-05-28", "TRIP", cost="CHF 18.40"),
    "PAY-055": Facts("Milan", "Jovanović", 955, "2025-09-30", "ILL"),
    "PAY-056": Facts("Simone", "Wüthrich", 470, "2025-10-22", "TRIP", cost="EUR 73.46"),
    "PAY-057": Facts("Josephine", "Ankrah", 1240, "2025-08-04", "LEAVE", "10 d"),
    "PAY-058": Facts("Élodie", "Marchand", 2218, "2025-05-20", "CARE", "2 d"),
    "PAY-059": Facts("Noemi", "Zgraggen", 2512, "2025-01-30", "TRIP", cost="402.5 km"),
    "PAY-060": Facts("Desmond", "Achebe", 214, "2025-03-20", "TRIP", cost="CHF 54.36"),
    "PAY-061": Facts("Annegret", "Zumstein", 88, "2025-04-22", "LEAVE", "4 d"),
    "PAY-062": Facts("Astrid", "Vonlanthen", 5239, "2025-09-09", "TRIP", cost="318.7 km"),
    "PAY-063": Facts("Haruka", "Nishimura", 934, "2025-04-28", "COURSE", "2 d", "CHF 890"),
    "PAY-064": Facts("Bartosz", "Nowicki", 2777, "2025-10-13", "LEAVE", "3.5 d"),
    "PAY-065": Facts("Marta", "Wójcik", 733, "2025-03-18", "SWAP", "8 h"),
    "PAY-066": Facts("Henrik", "Sørensen", 750, "2025-04-15", "TRIP", cost="38.6 km"),
    "PAY-067": Facts("Jamal", "Whitfield", 126, "2025-07-08", "SWAP", "6 h"),
    "PAY-068": Facts("Kofi", "Mensah", 318, "2025-11-03", "ILL", "1 d"),
    "PAY-069": Facts("Patrick", "Gwerder", 0, "2025-02-17", "LEAVE", "1 w"),
    "PAY-070": Facts("Aoife", "Brennan", 2083, "2025-12-02", "GEAR", cost="CHF 349.90"),
    "PAY-071": Facts("Lukas", "Frei", 509, "2025-11-13", "SWAP", "8 h 24"),
    "PAY-072": Facts("Ebony", "Clarke", 3893, "2025-11-12", "SHORT", "0.5 d"),
    "PAY-073": Facts("Soledad", "Quiroga", 1084, "2025-05-26", "CARE", "3 d"),
    "PAY-074": Facts("Giorgos", "Papadakis", 838, "2025-06-24", "TRIP", cost="512 km"),
    "PAY-075": Facts("Baptiste", "Renaud", 830, "2025-10-14", "COURSE", "3 d"),
    "PAY-076": Facts("Shirin", "Moradi", 2815, "2025-03-10", "COURSE", "5 d"),
    "PAY-077": Facts("Laurent", "Jaquier", 999, "2025-06-18", "TRIP", cost="CHF 206.70"),
    "PAY-078": Facts("Reto", "Camenzind", 4406, "2025-08-28", "TRIP", cost="143.2 km"),
    "PAY-079": Facts("Rhys", "Llewellyn", 20415, "2026-01-05", "LEAVE", "3 d"),
    "PAY-080": Facts("Silvan", "Tschudi", 117, "2025-07-02", "GEAR", cost="CHF 58.97"),
    "PAY-081": Facts("Gareth", "Eynon", 0, "2025-02-06", "GEAR", cost="CHF 254.10"),
    "PAY-082": Facts("Mateus", "Carvalho", 3320, "2025-08-14", "LEAVE", "2 d"),
    "PAY-083": Facts("Ananya", "Deshpande", 4190, "2025-03-07", "SHORT", "1 h 10"),
    "PAY-084": Facts("Yves", "Corthésy", 305, "2025-09-25", "TRIP", cost="96 km"),
    "PAY-085": Facts("Femke", "van Dijk", 67, "2025-06-27", "SHORT", "1 d"),
    "PAY-086": Facts("Hanna", "Lindqvist", 3071, "2025-02-13", "ILL", "2 d"),
    "PAY-087": Facts("Owen", "Caradog", 1583, "2025-02-18", "CARE", "1 d"),
    "PAY-088": Facts("Thabo", "Molefe", 606, "2025-05-14", "TRIP", cost="64.4 km"),
    "PAY-089": Facts("Beatrix", "Rohner", 3661, "2025-01-13", "COURSE", "6 h", "CHF 310.55"),
    "PAY-090": Facts("Regula", "Fankhauser", 2440, "2025-11-24", "COURSE", "5 d"),
    "PAY-091": Facts("Nadja", "Krummenacher", 1029, "2025-05-06", "COURSE", "2 d", "CHF 640"),
    "PAY-092": Facts("Jörg", "Hämmerli", 276, "2025-03-05", "COURSE", cost="CHF 1284"),
    "PAY-093": Facts("Tobias", "Brunner", 1187, "2025-10-03", "LEAVE", "1 d"),
    "PAY-094": Facts("Aurélie", "Monnier", 1516, "2025-03-31", "COURSE", "4 d"),
    "PAY-095": Facts("Ayşe", "Demirci", 3407, "2025-06-10", "CARE", "3 d"),
    "PAY-096": Facts("Urs", "Odermatt", 1402, "2025-01-29", "SHORT", "0.5 d"),
    "PAY-097": Facts("Maëlle", "Besson", 773, "2025-06-12", "SWAP", "8 h"),
    "PAY-098": Facts("Nikolai", "Albrecht", 18, "2025-06-16", "COURSE", "1 d", "CHF 245"),
    "PAY-099": Facts("Chiara", "De Luca", 5520, "2025-09-22", "COURSE", cost="CHF 96.40"),
    "PAY-100": Facts("Emeka", "Udeh", 241, "2025-02-04", "ILL"),
    "PAY-101": Facts("Ciarán", "O'Shea", 0, "2025-12-11", "SWAP"),
    "PAY-102": Facts("Kathrin", "Schwendener", 0, "2025-12-05", "SHORT", "3 h 30"),
    "PAY-103": Facts("Gwendolyn", "Ashcroft", 1778, "2025-10-08", "TRIP", cost="EUR 1322.20"),
    "PAY-104": Facts("Noemi", "Zgraggen", 2512, "2025-01-31", "GEAR", cost="CHF 36.93"),
    "PAY-105": Facts("Trudi", "Nussbaumer", 15, "2025-08-25", "ILL", "4 d"),
    "PAY-106": Facts("Signe", "Dahl", 1511, "2025-06-05", "LEAVE", "4 h"),
    "PAY-107": Facts("Oluwaseun", "Bankole", 1931, "2025-05-07", "TRIP", cost="CHF 118.62"),
    "PAY-108": Facts("Matthias", "Egli", 1700, "2025-05-30", "LEAVE", "1 d"),
    "PAY-109": Facts("Piotr", "Zielinski", 1335, "2025-11-27", "TRIP", cost="CHF 1046.38"),
    "PAY-110": Facts("Zeynep", "Kaya", 0, "2025-01-16", "ILL", "2 d"),
}
SPOKEN_BADGES = {"PAY-008", "PAY-019", "PAY-045"}
"""Their badges are told digit by digit."""
IN_WORDS = {1700: "eintausendsiebenhundert"}
MONTHS = (
    "jan(?:uary|uar)?",
    "feb(?:ruary|ruar)?|février",
    "mar(?:ch|s)?|märz",
    "apr(?:il)?|avril",
    "may|mai",
    "june?|juni|juin",
    "july?|juli|juillet",
    "aug(?:ust)?|août",
    "sept?(?:ember|embre)?",
    "o[ck]t(?:ober|obre)?",
    "nov(?:ember|embre)?",
    "de[cz](?:ember)?|décembre",
)
WEEKDAYS = (
    "mon(?:day)?|mo(?:ntag)?|lundi",
    "tue(?:s|sday)?|di(?:enstag)?|mardi",
    "wed(?:nesday)?|mi(?:ttwoch)?|mercredi",
    "thu(?:rs|rsday)?|do(?:nnerstag)?|jeudi",
    "fri(?:day)?|fr(?:eitag)?|vendredi",
    "sat(?:urday)?|sa(?:mstag)?|samedi",
    "sun(?:day)?|so(?:nntag)?|dimanche",
)
WORD = r"[^\W\d_]{2,}"
DATES = [
    re.compile(rf"(?:\b(?P<weekday>{WORD})\.?,?\s+(?:(?:the|den|dem|le) )?)?{written_so}")
    for written_so in (
        rf"(?<!\d)(?P<day>\d\d?)(?:st|nd|rd|th|er|\.)?\s+(?:of )?(?P<month>{WORD})(?:\.?\s+(?P<year>20\d\d))?",
        rf"\b(?P<month>{WORD})\.? (?P<day>\d\d?)(?:st|nd|rd|th)?\b(?P<year>)",
        r"(?<![\d.])(?P<day>\d\d?)(?P<mark>[./-])(?P<month>\d\d?)(?:(?P=mark)(?P<year>20\d\d)?)?(?!\d)",
    )
]
NUMBERS = {
    "0.5": "half an?|halben|demi",
    "1": "one|whole|eine|einen",
    "2": "two|zwei|deux",
    "3": "three|drei|trois",
    "4": "four|vier",
    "5": "five|fünf",
    "6": "six",
    "8": "eight",
}
MINUTES = {"10": "ten"}
UNITS = {"d": "days?|tage?|jours?|journée", "w": "weeks?|wochen?", "h": "h|hours?|stunden?"}
CURRENCIES = {"CHF": r"CHF|\bFr\.|francs?\b|franken", "EUR": "€|EUR", "km": "km|kilom[eè]tres"}


# The conventions


def employee(facts: Facts) -> str:
    return f"{facts.surname.upper()} {facts.given}"


def first_day(facts: Facts) -> str:
    return f"{date.fromisoformat(facts.day):%y%m-%d}"


def span(facts: Facts) -> str:
    if not facts.length or facts.reason in ("TRIP", "GEAR"):
        return "nil"
    number, unit, *minutes = facts.length.split()
    if unit == "h":
        begun = ceil(Fraction(number) * 2 + Fraction(minutes[0] if minutes else 0) / 30)
        return f"H{begun / 2:04.1f}"
    return f"D{float(number) * (5 if unit == 'w' else 1):04.1f}"


def claim(facts: Facts) -> str:
    if not facts.cost or facts.reason not in ("TRIP", "GEAR", "COURSE"):
        return "nil"
    if facts.cost.endswith(" km"):
        return f"{ceil(Fraction(facts.cost.removesuffix(' km')))} km"
    currency, amount = facts.cost.split()
    whole, cents = divmod(5 * floor(Fraction(amount) * 20 + Fraction(1, 2)), 100)
    return f"{currency} {whole:,}.".replace(",", "'") + (f"{cents:02}" if cents else "-")


def approver(reason: str, span: str, claim: str) -> str:
    if reason in ("ILL", "CARE"):
        return "NONE"
    if reason == "COURSE":
        return "STAFF"
    many_days = span.startswith("D") and float(span[1:]) > 3
    return "HEAD" if many_days or float(re.sub(r"[^\d.]", "", claim) or 0) > 250 else "LEAD"


def expected(facts: Facts) -> dict[str, str]:
    return {
        "employee": employee(facts),
        "badge": f"MA-{facts.badge:05}",
        "from": first_day(facts),
        "span": span(facts),
        "claim": claim(facts),
        "reason": facts.reason,
        "approver": approver(facts.reason, span(facts), claim(facts)),
    }


def test_every_expected_value_follows_from_the_facts() -> None:
    schema = sets.specification(SET)["artifact"]["schema"]
    for row in sets.rows(SET):
        jsonschema.validate(row["expected"], schema)
        assert row["expected"] == expected(FACTS[row["id"]]), row["id"]


def test_every_reason_and_approver_has_its_rows() -> None:
    properties = sets.specification(SET)["artifact"]["schema"]["properties"]
    for name in ("reason", "approver"):
        counts = Counter(row["expected"][name] for row in sets.rows(SET))
        assert set(counts) == set(properties[name]["enum"]) and min(counts.values()) >= 9, name


# The facts


def told() -> Iterator[tuple[str, str, Facts]]:
    """The number, the text and the facts of each row."""
    for row in sets.rows(SET):
        yield row["id"], row["text"], FACTS[row["id"]]


def place(word: str | None, names: tuple[str, ...]) -> int | None:
    """Which of the names a word is."""
    return next((at for at, name in enumerate(names) if word and re.fullmatch(name, word, re.IGNORECASE)), None)


def dates(text: str) -> Iterator[tuple[int | None, date]]:
    """All dates of a text with day and month, each with the weekday that stands before it."""
    for form in DATES:
        for found in form.finditer(text):
            word, day = found["month"], int(found["day"])
            month = int(word) - 1 if word.isdigit() else place(word, MONTHS)
            if month is not None and 0 <= month < 12 and 1 <= day <= 31:
                yield place(found["weekday"], WEEKDAYS), date(int(found["year"] or 2025), month + 1, day)


def lengths(many: str, unit: str) -> str:
    """How so many of a unit are told in three languages, with a sign or word for how many."""
    days = rf"|days: (?:{many})" if unit == "d" else ""
    return rf"(?:{many})[ -](?:working )?(?:{UNITS[unit]}){days}"


def length(fact: str) -> str:
    """How the length of a fact is told, with its minutes if it has some and without if not."""
    number, unit, *minutes = fact.split()
    many = lengths(f"{re.escape(number)}|{NUMBERS.get(number, re.escape(number))}", unit)
    if minutes:
        return rf"(?:{many}) (?:{minutes[0]}|{MINUTES.get(minutes[0], minutes[0])})"
    return rf"(?:{many})(?! (?:\d\d|{'|'.join(MINUTES.values())})\b)"


def test_names_stand_in_the_texts() -> None:
    for number, text, facts in told():
        for part in (facts.given, facts.surname):
            assert part in text and says(text, re.escape(part)), number


def test_badges_stand_in_the_texts() -> None:
    for number, text, facts in told():
        if facts.badge in IN_WORDS:
            assert says(text, IN_WORDS[facts.badge]), number
        elif number in SPOKEN_BADGES:
            assert str(facts.badge) in written(text), number
        elif facts.badge:
            assert facts.badge in map(int, re.findall(r"\d+", text)), number
        else:
            assert not says(text, r"(?:badge|number|no\.|Nr\.|Ausweis\w*|numéro|matricule)\W*\d+"), number


def test_days_stand_in_the_texts() -> None:
    for number, text, facts in told():
        assert date.fromisoformat(facts.day) in [day for _, day in dates(text)], number


def test_weekdays_are_those_of_the_calendar() -> None:
    named = 0
    for number, text, _ in told():
        for weekday, day in dates(text):
            assert weekday in (None, day.weekday()), (number, day)
            named += weekday is not None
    assert named >= 60


def test_no_absence_begins_on_a_weekend() -> None:
    for number, _, facts in told():
        shift = facts.reason in ("SWAP", "TRIP", "GEAR")
        assert shift or date.fromisoformat(facts.day).weekday() < 5, number


def test_lengths_stand_in_the_texts_and_where_none_is_wanted_none_does() -> None:
    anything = "|".join(lengths("|".join([r"\d+", *NUMBERS.values()]), unit) for unit in UNITS)
    for number, text, facts in told():
        if facts.length:
            assert says(text, length(facts.length)), number
        elif facts.reason not in ("TRIP", "GEAR"):
            assert not says(text, anything), number
    trips = [text for _, text, facts in told() if facts.reason == "TRIP"]
    assert any(says(text, anything) for text in trips), "the exception shows"


def test_costs_stand_in_the_texts() -> None:
    for number, text, facts in told():
        if not facts.cost:
            continue
        currency, amount = sorted(facts.cost.split(), key=str.isalpha, reverse=True)
        whole, _, cents = amount.partition(".")
        thousands = re.sub(r"(?<=\d)(?=(?:\d{3})+$)", "[',]?", whole)
        fraction = f"[.,]{cents}" if cents else r"(?:\.00|\.-)?"
        assert re.search(rf"(?<![\d.,'])(?:{thousands}){fraction}(?![.,]?\d)", text), number
        named = {name for name, words in CURRENCIES.items() if re.search(words, text, re.IGNORECASE)}
        assert currency in named and (currency == "EUR") == ("EUR" in named), number
    holidays = [text for _, text, facts in told() if facts.reason == "LEAVE"]
    assert any(re.search(CURRENCIES["CHF"], text) for text in holidays), "what is not paid back shows"


def test_leaders_write_about_somebody_else() -> None:
    for row in sets.rows(SET):
        if row["family"] == "lead":
            assert FACTS[row["id"]].surname not in row["text"][-30:], row["id"]


# The set


def test_no_prompt_holds_an_answer() -> None:
    for row in sets.rows(SET):
        prompt = sets.prompt(SET, row)
        assert row["text"] in prompt
        for name in ("employee", "badge", "from", "span", "claim"):
            value = row["expected"][name]
            assert value not in prompt or value in row["text"], (row["id"], name)


def test_no_prompt_holds_a_convention() -> None:
    words = re.compile(
        r"capitals|surname|particle|\bzeros?\b|five digits|YYMM|hyphen|\bhours?\b|\bweek|\bround|Rappen|cents?\b"
        r"|apostrophe|kilomet|\bnil\b|\b250\b|three days|given away|only noted"
        r"|\b(?:holiday|dentist|childminder|taxi|shoes)\b",
        re.IGNORECASE,
    )
    for row in sets.rows(SET):
        assert words.search(sets.prompt(SET, row).replace(row["text"], "")) is None, row["id"]


def test_a_person_has_one_group() -> None:
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for row in sets.rows(SET):
        groups[row["expected"]["employee"]].add(row["group"])
        if FACTS[row["id"]].badge:
            groups[row["expected"]["badge"]].add(row["group"])
    assert all(len(names) == 1 for names in groups.values())
    assert sorted(Counter(row["group"] for row in sets.rows(SET)).values()) == [1] * 98 + [2] * 6


def test_ids_and_families_are_plain() -> None:
    rows = sets.rows(SET)
    assert [row["id"] for row in rows] == [f"PAY-{number:03}" for number in range(1, 111)] == list(FACTS)
    assert len({row["text"] for row in rows}) == 110 and len({row["family"] for row in rows}) == 6
