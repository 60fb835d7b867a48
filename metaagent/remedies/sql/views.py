"""``sql.views``: a house's view of its tables, laid over a statement that knows nothing of it. Learned.

Settings: ``steps``, each one convention, done in order, and ``schema`` where the prompt does not hold the tables. A
step is a mapping:

    do: keep      table, where, alone       rows that count, in the table and in all that belongs to its rows; alone:
                                            only where nothing that belongs to them is read
    do: value     table, column, is         what a column stands for; {} is the column as it was
    do: scale     columns, by, digits       amounts in a small unit: divided and rounded where they come out
    do: measure   name, table, is           the output of that name is this aggregate over the table
    do: date      name, is                  the output of that name is a date written so; {} is its column
    do: shift     column, by, codes         the house's clock, where times are cut to these parts
    do: year      months                    the house's year begins so much later than the calendar's
    do: month     day                       the house's month begins on that day; a late one, of the month before
    do: span      from, to                  of a year, what is from one day (MM-DD) to the other is meant
    do: share     by, digits, sign          shares are times 1 or 100, rounded, and followed by the sign
    do: form      columns, is               outputs that are one of these columns are written so; {} is the value
    do: form      table, columns, is        outputs made of these columns of a table are written so; {name} is a column
    do: missing   is                        what is said where an output may be NULL
    do: ties      by, descending            what orders rows that are equal
    do: key                                 rows by a table's key where they were grouped by its name

``unless`` and ``only`` limit a step: ``words`` (beginnings of words in the question), ``reads`` (tables that the
statement reads). ``keep`` also holds back where the statement itself names what would be left out. It abstains where it
cannot read the statement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from metaagent.records import Brief
from metaagent.remedies.sql import forms, periods, shapes
from metaagent.remedies.sql.names import asked_columns
from metaagent.remedies.sql.schema import Schema, schema_of
from metaagent.remedies.sql.shadow import Parts, Shadow, apart, change_value, keep_rows
from metaagent.remedies.sql.shares import shared
from metaagent.remedies.sql.tree import is_sql, parse, parse_expression, render
from metaagent.remedies.sql.units import Scale, scaled
from metaagent.remedies.trigger import own_words

if TYPE_CHECKING:
    from sqlglot import exp

Step = Mapping[str, Any]

_ORDER: Final = (
    "measure",
    "keep",
    "value",
    "date",
    "shift",
    "year",
    "span",
    "month",
    "scale",
    "share",
    "round",
    "form",
    "missing",
    "ties",
    "key",
)
RANKS: Final = {kind: rank for rank, kind in enumerate(_ORDER)}
"""What must be done before what: a measure names the columns that values change; what is missing is seen in columns
that are written already."""


_MONTH: Final = re.compile(
    r"\b(january|february|march|april|may|june|july|august|september|october|november|december|calendar)\b"
)


def fix(reply: str, brief: Brief, settings: Mapping[str, Any]) -> str | None:
    if not is_sql(brief):
        return None
    schema = schema_of(brief, settings)
    words = own_words(brief)
    text = reply
    for step in ranked(settings.get("steps", ())):
        made = stepped(text, step, schema, words)
        text = made if made is not None else text
    return text if text != reply else None


def ranked(steps: Iterable[Step]) -> list[Step]:
    return sorted(steps, key=lambda step: RANKS.get(step["do"], len(RANKS)))


def stepped(text: str, step: Step, schema: Schema, words: str) -> str | None:
    """The statement with one step done; None where the step does not apply."""
    parts = apart(text, schema)
    if parts is None or not _allowed(step, parts, words):
        return None
    if step["do"] in _SHADOWS:
        return _shadowed(step, parts, schema)
    return _rewritten(text, step, schema, words)


def _allowed(step: Step, parts: Parts, words: str) -> bool:
    unless, only = step.get("unless", {}), step.get("only", {})
    if _matches(unless, parts, words):
        return False
    return not only or _matches(only, parts, words)


def _matches(limit: Mapping[str, Sequence[str]], parts: Parts, words: str) -> bool:
    """Whether any of the words or any of the tables is there."""
    if any(begins(word).search(words) for word in limit.get("words", ())):
        return True
    return any(table in parts.reads for table in limit.get("reads", ()))


@lru_cache(maxsize=4096)
def begins(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(word.lower())}")


def _shadowed(step: Step, parts: Parts, schema: Schema) -> str | None:
    table = step["table"]
    if table not in schema.tables:
        return None
    made: dict[str, Shadow]
    if step["do"] == "keep":
        below = parts.reads & schema.below(table)
        if not below or (step.get("alone") and below != {table}) or _names_it_itself(step["where"], parts):
            return None
        made = keep_rows(parts, schema, table, step["where"], parts.reads)
    else:
        if table not in parts.reads or step["column"] not in parts.columns:
            return None
        made = change_value(parts, table, step["column"], step["is"])
    return parts.joined(made, schema) if made != parts.shadows else None


@lru_cache(maxsize=2048)
def named_by(condition: str) -> tuple[frozenset[str], frozenset[str]]:
    """The texts that a condition compares with, and the columns that it tests."""
    from sqlglot import exp

    tree = parse_expression(condition)
    texts = {node.name.lower() for node in tree.find_all(exp.Literal) if node.is_string}
    return frozenset(texts), frozenset(node.name.lower() for node in tree.find_all(exp.Column))


def _names_it_itself(condition: str, parts: Parts) -> bool:
    """The statement asks for the very thing: it holds the text that would be left out, or, where the condition is
    about a flag or a number, tests that column itself."""
    texts, columns = named_by(condition)
    return bool(texts & parts.texts) if texts else bool(columns & parts.columns)


def _rewritten(text: str, step: Step, schema: Schema, words: str) -> str | None:
    change = _REWRITES.get(step["do"])
    tree = parse(text)
    if change is None or tree is None or not change(tree, step, schema, words):
        return None
    return render(tree)


def _scale(tree: exp.Query, step: Step, schema: Schema, words: str) -> bool:
    columns: Collection[str] = step["columns"]
    return scaled(tree, schema, Scale(columns, step["by"], step.get("digits")), words)


def _measure(tree: exp.Query, step: Step, schema: Schema, words: str) -> bool:  # noqa: ARG001
    return shapes.measured(tree, schema, step["name"], step["table"], step["is"])


def _date(tree: exp.Query, step: Step, schema: Schema, words: str) -> bool:  # noqa: ARG001
    return shapes.dated(tree, step["name"], step["is"])


def _shift(tree: exp.Query, step: Step, schema: Schema, words: str) -> bool:  # noqa: ARG001
    codes = set(step["codes"])
    return shapes.shifted(tree, schema, step["column"], [step["by"]], lambda cut: bool(cut & codes))


def _year(tree: exp.Query, step: Step, schema: Schema, words: str) -> bool:
    """Not where the question names a month: then the calendar is meant."""
    return _MONTH.search(words) is None and periods.year_begun(tree, schema, step["months"])


def _month(tree: exp.Query, step: Step, schema: Schema, words: str) -> bool:  # noqa: ARG001
    return periods.month_begun(tree, schema, step["day"])


def _span(tree: exp.Query, step: Step, schema: Schema, words: str) -> bool:  # noqa: ARG001
    return periods.span_named(tree, schema, step["from"], step["to"])


def _share(tree: exp.Query, step: Step, schema: Schema, words: str) -> bool:  # noqa: ARG001
    return shared(tree, schema, step["by"], step["digits"], step["sign"])


def _round(tree: exp.Query, step: Step, schema: Schema, words: str) -> bool:  # noqa: ARG001
    return forms.rounded(tree, step["digits"])


def _form(tree: exp.Query, step: Step, schema: Schema, words: str) -> bool:
    if "table" in step:
        asked = [column.name for column in asked_columns(words)]
        return forms.together(tree, schema, step["table"], step["columns"], step["is"], asked)
    return forms.written(tree, schema, step["columns"], step["is"])


def _missing(tree: exp.Query, step: Step, schema: Schema, words: str) -> bool:  # noqa: ARG001
    return forms.filled(tree, schema, step["is"])


def _ties(tree: exp.Query, step: Step, schema: Schema, words: str) -> bool:  # noqa: ARG001
    return shapes.untied(tree, schema, step["by"], descending=bool(step.get("descending")))


def _key(tree: exp.Query, step: Step, schema: Schema, words: str) -> bool:  # noqa: ARG001
    return shapes.grouped_by_key(tree, schema)


_SHADOWS: Final = frozenset({"keep", "value"})
_REWRITES: Final[Mapping[str, Callable[[Any, Step, Schema, str], bool]]] = {
    "measure": _measure,
    "scale": _scale,
    "date": _date,
    "shift": _shift,
    "year": _year,
    "month": _month,
    "span": _span,
    "share": _share,
    "round": _round,
    "form": _form,
    "missing": _missing,
    "ties": _ties,
    "key": _key,
}


def readable(step: Step) -> str:
    """The step as a sentence."""
    return _sentence(step) + _limits(step)


def _sentence(step: Step) -> str:
    kind = step["do"]
    if kind == "keep":
        what = "themselves" if step.get("alone") else "and what belongs to them"
        return f"{step['table']} {what}: only rows where {step['where']}"
    if kind == "value":
        return f"{step['table']}.{step['column']} stands for {step['is'].replace('{}', step['column'])}"
    if kind == "scale":
        digits = "" if step.get("digits") is None else f", rounded to {step['digits']} decimals"
        return f"{', '.join(step['columns'])}: divided by {step['by']:g}{digits} where they come out"
    if kind == "round":
        return f"averages and quotients are rounded to {step['digits']} decimals where they come out"
    if kind == "measure":
        return f"the output {step['name']} is {step['is']}, where {step['table']} are read"
    if kind == "date":
        return f"the output {step['name']} is written {step['is'].replace('{}', 'its date')}"
    if kind == "shift":
        return f"{step['column']} is told {step['by']} where it is cut to {', '.join(step['codes'])}"
    if kind == "year":
        return f"a year begins {step['months']} months later than the calendar's"
    if kind == "month":
        return f"a month begins on day {step['day']}" + (" of the month before" if step["day"] > periods.MIDDLE else "")
    if kind == "span":
        return f"of a year, only {step['from']} to {step['to']} is meant"
    if kind == "share":
        form = f"{'per cent' if step['by'] > 1 else 'fractions'} with {step['digits']} decimals"
        return f"shares are written as {form}" + (f" and {step['sign']!r}" if step["sign"] else "")
    if kind == "form":
        value = step["is"] if "table" in step else step["is"].replace("{}", "its value")
        of = f" of {step['table']}" if "table" in step else ""
        return f"outputs made of {', '.join(step['columns'])}{of} are written {value}"
    if kind == "missing":
        return f"what is missing in an output is written {step['is']!r}"
    if kind == "ties":
        way = ", descending" if step.get("descending") else ""
        return f"rows that are equal stand in the order of {'their key' if step['by'] == 'key' else step['by']}{way}"
    return "rows grouped by a name are grouped by the key of what has the name"


def _limits(step: Step) -> str:
    said = ""
    for word, limit in (("unless", step.get("unless")), ("only if", step.get("only"))):
        if limit:
            texts = [f"the question says {', '.join(limit['words'])}"] if limit.get("words") else []
            texts += [f"it reads {', '.join(limit['reads'])}"] if limit.get("reads") else []
            said += f"; {word} {' or '.join(texts)}"
    return said
