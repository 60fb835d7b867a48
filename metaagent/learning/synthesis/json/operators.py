"""What the search composes: operators with the parameters that are worth trying. Nothing here knows a domain."""

from __future__ import annotations

from typing import Any, Final

from metaagent.remedies.json.fields.names import ANY

_PERSONS: Final = (
    "LAST, First", "Last, First", "First Last", "First LAST", "LAST First", "Last First", "F. Last", "Last, F.",
    "F. LAST", "LAST, F.", "Last F", "Last", "LAST", "First",
)  # fmt: skip
STEPS: Final[tuple[tuple[Any, ...], ...]] = (
    *((name,) for name in (
        "upper", "lower", "title", "headline", "sentence", "ascii", "ascii-german", "alnum", "letters", "digits",
        "words-only", "no-space",
        "one-space", "trim", "shorten", "clause", "name", "public",
        "camel", "unpad", "boundary", "without-legal-form", "without-titles", "luhn",
    )),
    *(("person", form) for form in _PERSONS), *(("person", form, ANY) for form in _PERSONS),
    ("slug", "-"), ("slug", "_"), ("initials", ""), ("initials", "."),
    *(("token", at) for at in (0, 1, 2, -1, -2)),
    *(("tokens", *ends) for ends in ((1, None), (0, -1), (2, None), (0, 2), (0, -2), (-2, None), (1, -1))),
    *(("part", mark, at) for at in (0, 1, -1)
      for mark in (",", "(", "-", "/", ":", ";", "|", ".", "@", "#", "–", " - ")),
    *(("head", count) for count in (1, 2, 3, 4, 5, 6, 8, 10)),
    *(("tail", count) for count in (1, 2, 3, 4, 5, 6, 8, 10)),
    *(("pad", count) for count in (2, 3, 4, 5, 6, 7, 8, 10)),
    *(("groups", count, mark) for count in (2, 3, 4) for mark in (" ", "-", ".")),
    ("replace", "-", "/"), ("replace", "/", "-"), ("replace", " ", "-"), ("replace", " ", "_"), ("replace", "-", " "),
    ("replace", "_", "-"), ("replace", ".", ","), ("replace", ",", "."), ("replace", "-", "."), ("replace", ".", "-"),
    *(("replace-first", " ", mark) for mark in ("/", "-", ":")), ("dial", "00"), ("dial", "+"),
    ("replace", "&", "and"), ("replace", ",", ""), ("replace", ".", ""), ("replace", " ", ""), ("replace", "-", ""),
)  # fmt: skip
LIST_STEPS: Final[tuple[tuple[Any, ...], ...]] = (
    ("sort", "up"), ("sort", "down"), ("unique",), ("reverse",),
    ("join", ","), ("join", ", "), ("join", ";"), ("join", "|"), ("join", " "),
)  # fmt: skip
SPLITS: Final = (",", ";", "|", "/", " ", "\n")
TABLES: Final = ("country", "city", "currency", "month", "weekday", "boolean")
_ORDERS: Final = (
    ("YYYY", "MM", "DD"),
    ("DD", "MM", "YYYY"),
    ("MM", "DD", "YYYY"),
    ("YYYY", "MM"),
    ("MM", "YYYY"),
    ("DD", "MM"),
    ("MM", "DD"),
    ("YYYY",),
    ("MM",),
    ("DD",),
)
_FORMS: Final = (
    (),
    (("YYYY", "YY"),),
    (("MM", "M"), ("DD", "D")),
    (("MM", "M"), ("DD", "D"), ("YYYY", "YY")),
    *(((("MM", month),)) for month in ("Mon", "MON", "mon", "Month")),
    *((("MM", month), ("DD", "D")) for month in ("Mon", "MON", "mon", "Month")),
    *((("MM", month), ("YYYY", "YY")) for month in ("Mon", "MON", "mon")),
)
_PLAIN_FORMS: Final = tuple(
    dict.fromkeys(
        mark.join(dict(swaps).get(code, code) for code in order)
        for order in _ORDERS
        for swaps in _FORMS
        for mark in ("-", "/", ".", " ", "")
    )
)
DATE_FORMS: Final = (
    *_PLAIN_FORMS,
    "D Month YYYY",
    "Month D, YYYY",
    "Mon D, YYYY",
    "DDD",
    "DDD DD Mon",
    "DD. Month YYYY",
    "D. M. YYYY",
    "D.M.",
    "DD.MM.",
    *(f"{day}{mark}ROM{year}" for day in ("D", "DD") for mark in (".", " ", "/", "-") for year in ("", f"{mark}YYYY")),
)
TIME_FORMS: Final = (
    "HH:mm", "H:mm", "HHmm", "HH:mm:ss", "h:mm AM", "h:mm am", "hh:mm AM", "h:mmam", "h:mmAM", "hAM", "HH.mm",
    "HH'h'mm", "H'h'mm", "HH'h'",
    "HH:mmZ", "HH:mm:ssZ", "THH:mm", "HH", "H", "hh:mmAM", "DEC",
)  # fmt: skip
WINDOW_MARKS: Final = ("-", "–", "/", " - ", " – ", " to ", "..", "~")
ROUNDINGS: Final = tuple((way, step) for step in (60, 30, 15, 10, 5) for way in ("up", "down", "near"))
DIALLED: Final = (
    "00{c}-{n}", "00{c} {n}", "00{c}{n}", "+{c} {n}", "+{c}-{n}", "+{c}.{n}", "({c}) {n}", "(+{c}) {n}", "{c}-{n}",
    "{c}{n}", "{c} {n}", "0{n}", "{n}",
)  # fmt: skip
LENGTHS: Final = ("minutes", "seconds", "hours", "days", "iso", "h:mm", "hh:mm", "XhYm")
UNITS: Final = ("mg", "g", "kg", "t", "lb", "oz", "mm", "cm", "m", "km", "in", "ft", "ml", "l", "s", "min", "h", "d")
WRITTEN: Final = (
    "0",
    "0.0",
    "0.00",
    "0.000",
    "0,00",
    "#,##0.00",
    "#.##0,00",
    "#,##0",
    "#.##0",
    "# ##0,00",
    "# ##0",
    "#'##0.00",
    "0,-",
    "#.##0,-",
    "0.-",
    "#'##0.-",
)
FACTORS: Final = ("10", "100", "1000", "10000", "0.1", "0.01", "0.001", "1000000", "60", "24", "12")
SPAN_KINDS: Final = (
    "code",
    "number",
    "date",
    "time",
    "email",
    "url",
    "phone",
    "quoted",
    "capitals",
    "measure",
    "named",
)
