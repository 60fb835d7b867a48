"""What the references of mine tasks do that their questions do not say: candidate steps, and each reference as somebody
would write it who does not know the house. Mine only: a reference is an answer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from metaagent.learning.synthesis.sql.meanings import MIN_GROUPS, Solved, started, values
from metaagent.learning.synthesis.sql.steps import Step, key_of
from metaagent.learning.synthesis.sql.written import forms, periods, rounding, shares
from metaagent.remedies.sql.schema import Schema
from metaagent.remedies.sql.scope import selects, sources, table_of
from metaagent.remedies.sql.tree import identifier, named, parse, render

if TYPE_CHECKING:
    from sqlglot import exp

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")


def steps(solved: Sequence[Solved], schema: Schema) -> list[tuple[Step, int]]:
    """Candidate steps, each with the number of content groups whose references take it, two at least; most first."""
    groups: dict[str, set[str]] = {}
    found: dict[str, Step] = {}
    for one in solved:
        tree = parse(one.text)
        if tree is None:
            continue
        for step in _of(tree, one.words, schema):
            key = key_of(step)
            found[key] = step
            groups.setdefault(key, set()).add(one.group)
    ranked = Counter({key: len(members) for key, members in groups.items() if len(members) >= MIN_GROUPS})
    return [(found[key], count) for key, count in ranked.most_common()]


def _of(tree: exp.Query, words: str, schema: Schema) -> Iterator[Step]:
    for select in selects(tree):
        for node in _conjuncts(select):
            if (step := _kept(node, words, schema)) is not None:
                yield step
                yield {**step, "alone": True}
        yield from values(select, schema)
    yield from started(tree, schema)
    yield from _scales(tree, schema)
    yield from _shifts(tree, schema)
    outermost = selects(tree)[0]
    yield from _dates(outermost)
    yield from forms(outermost, schema)
    yield from periods(tree)
    yield from shares(tree)
    yield from rounding(tree)
    yield from _measures(outermost, schema)
    if (tie := _tie(outermost, schema)) is not None:
        yield tie


def _conjuncts(select: exp.Select) -> list[exp.Expr]:
    from sqlglot import exp

    where = select.args.get("where")
    if where is None:
        return []
    return list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]


def _kept(node: exp.Expr, words: str, schema: Schema) -> Step | None:
    """A condition on one table's columns whose texts the question does not say."""
    from sqlglot import exp

    if node.find(exp.Query, exp.Func) is not None:
        return None
    tables = {table_of(column, schema) for column in node.find_all(exp.Column)}
    if len(tables) != 1 or None in tables:
        return None
    for literal in node.find_all(exp.Literal):
        if literal.is_string and _DAY.fullmatch(literal.name) and literal.name[:4] in words:
            return None  # a period that the question asks for
        if literal.is_string and re.search(rf"(?<!\w){re.escape(literal.name.lower())}", words):
            return None
        if not literal.is_string and literal.name not in ("0", "1") and literal.name in words:
            return None
    return {"do": "keep", "table": next(iter(tables)), "where": render(_bare(node))}


def _bare(node: exp.Expr) -> exp.Expr:
    """The columns without the names of their tables."""
    from sqlglot import exp

    copy = node.copy()
    for column in copy.find_all(exp.Column):
        column.set("table", None)
    return copy.unnest()


def _scales(tree: exp.Query, schema: Schema) -> Iterator[Step]:
    """``ROUND(x / 100.0, 2)`` among the outputs: the columns in x are in a small unit."""
    from sqlglot import exp

    for output in selects(tree)[0].expressions:
        digits, by, inner = unscaled(output.unalias())
        if by is None:
            continue
        for column in inner.find_all(exp.Column):
            table = table_of(column, schema)
            if table is not None:
                suffix = column.name.lower().rpartition("_")[2]
                yield {"do": "scale", "columns": with_suffix(schema, suffix), "by": by, "digits": digits}
                return


def unscaled(node: exp.Expr) -> tuple[int | None, float | None, exp.Expr]:
    """(digits, divisor, what is divided); no divisor where the output is not a plain quotient by ten or more."""
    from sqlglot import exp

    digits = None
    if isinstance(node, exp.Round):
        digits = int(node.text("decimals") or 0) if (node.text("decimals") or "0").isdigit() else None
        node = node.this
    node = node.unnest()
    if not isinstance(node, exp.Div) or not isinstance(node.expression, exp.Literal) or node.expression.is_string:
        return digits, None, node
    by = float(node.expression.name)
    return digits, (by if by >= 10 else None), node.this.unnest()


def with_suffix(schema: Schema, suffix: str) -> list[str]:
    """All columns whose name ends so: one unit."""
    return sorted(
        f"{table.name}.{name}"
        for table in schema.tables.values()
        for name in table.names
        if name == suffix or name.endswith(f"_{suffix}")
    )


def _dates(select: exp.Select) -> Iterator[Step]:
    from sqlglot import exp

    for output in select.expressions:
        inner = output.unalias()
        if not isinstance(output, exp.Alias) or inner.find(exp.AggFunc, exp.Query) is not None:
            continue
        columns = {column.sql() for column in inner.find_all(exp.Column)}
        if len(columns) == 1 and not isinstance(inner, exp.Column) and "STRFTIME" in render(inner):
            text = render(inner).replace(next(iter(columns)), "{}")
            yield {"do": "date", "name": output.alias.lower(), "is": text}


def _measures(select: exp.Select, schema: Schema) -> Iterator[Step]:
    """What an output's name stands for: the aggregate as it is, and that of each column alone."""
    from sqlglot import exp

    for output in select.expressions:
        inner = unscaled(output.unalias())[2]
        if not isinstance(output, exp.Alias) or inner.find(exp.Sum, exp.Avg, exp.Count) is None:
            continue
        local = [one for one in inner.find_all(exp.Column) if one.find_ancestor(exp.Select) is select]
        tables = {table_of(one, schema) for one in local}
        table = tables.pop() if len(tables) == 1 else None
        if table is None:
            continue
        whole = inner.copy()
        aliases = {one.alias for one in sources(select, schema).values() if one.table == table}
        bare = {id(one) for query in whole.find_all(exp.Query) for one in query.find_all(exp.Column)}
        for column in whole.find_all(exp.Column):
            if column.table.lower() in aliases or (not column.table and id(column) not in bare):
                column.set("table", identifier(table))
        texts = [render(whole)]
        for aggregate in inner.find_all(exp.Sum, exp.Avg):
            names = {one.name.lower() for one in aggregate.find_all(exp.Column) if one in local}
            texts += [f"{aggregate.key.upper()}({named(table)}.{named(name)})" for name in sorted(names)]
        for text in dict.fromkeys(texts):
            yield {"do": "measure", "name": output.alias.lower(), "table": table, "is": text}


def _shifts(tree: exp.Query, schema: Schema) -> Iterator[Step]:
    from sqlglot import exp

    for call in tree.find_all(exp.Anonymous):
        name, given = call.name.upper(), call.expressions
        place = {"STRFTIME": 1, "DATE": 0}.get(name)
        if place is None or len(given) != place + 2 or not given[-1].is_string or given[-1].name[:1] not in "+-":
            continue
        table = table_of(given[place], schema) if isinstance(given[place], exp.Column) else None
        if table is not None:
            column = f"{table}.{given[place].name.lower()}"
            yield {"do": "shift", "column": column, "by": given[-1].name, "codes": ["%H"]}
            yield {"do": "shift", "column": column, "by": given[-1].name, "codes": ["%H", "%d", "%w", "%j"]}


def _tie(select: exp.Select, schema: Schema) -> Step | None:
    from sqlglot import exp

    order = select.args.get("order")
    last = order.expressions[-1] if order is not None and len(order.expressions) > 1 else None
    column = last.this if last is not None else None
    if last is None or not isinstance(column, exp.Column):
        return None
    table = table_of(column, schema)
    if table is None:
        return None
    name = column.name.lower()
    by = "key" if name == schema.tables[table].key else name
    return {"do": "ties", "by": by, "descending": bool(last.args.get("desc"))}


def naive(
    text: str, kept: Iterable[Step], values: Iterable[Step], swapped: Iterable[Step], schema: Schema
) -> str | None:
    """The reference without the conditions of ``kept``, the amounts of ``values`` and the divisors of its outputs, and
    with the column of ``swapped`` in place of what it stands for: what somebody would write who knows SQL and not the
    house. None where it would be the same."""
    from sqlglot import exp

    tree = parse(text)
    if tree is None:
        return None
    before = render(tree)
    conditions = {(step["table"], step["where"]) for step in kept}
    changed_columns = {(step["table"], step["column"]) for step in values}
    for select in selects(tree):
        for node in _conjuncts(select):
            table = next((table_of(column, schema) for column in node.find_all(exp.Column)), None)
            if (table, render(_bare(node))) in conditions:
                node.replace(exp.true())
        for aggregate in list(select.find_all(exp.Sum, exp.Avg)):
            plain = _plain(aggregate.this, changed_columns, schema)
            if plain is not None:
                aggregate.set("this", plain)
    for output in selects(tree)[0].expressions:
        _, by, inner = unscaled(output.unalias())
        if by is not None:
            output.unalias().replace(inner.copy())
    for step in swapped:
        for column in tree.find_all(exp.Column):
            if column.name.lower() == step["is"] and table_of(column, schema) == step["table"]:
                column.set("this", identifier(step["column"]))
    after = render(tree)
    return after if after != before else None


def _plain(argument: exp.Expr, columns: set[tuple[str, str]], schema: Schema) -> exp.Expr | None:
    """The column that stands at the heart of an amount."""
    from sqlglot import exp

    if isinstance(argument, exp.Column):
        return None
    for column in argument.find_all(exp.Column):
        table = table_of(column, schema)
        if table is not None and (table, column.name.lower()) in columns:
            return column.copy()
    return None


def taken(step: Step, text: str, schema: Schema) -> bool:
    """Whether a statement holds the condition of a ``keep`` step itself."""
    from sqlglot import exp

    tree = parse(text)
    for select in selects(tree) if tree is not None else ():
        for node in _conjuncts(select):
            tables = {table_of(column, schema) for column in node.find_all(exp.Column)}
            if step["table"] in tables and render(_bare(node)) == step["where"]:
                return True
    return False


def own_words_of(steps_: Iterable[Mapping[str, Any]]) -> list[str]:
    """Beginnings of the words that a condition is about: what it compares with, and its columns' names."""
    from metaagent.remedies.sql.views import named_by

    found: list[str] = []
    for step in steps_:
        texts, columns = named_by(step["where"])
        for name in [*texts, *(() if texts else columns)]:
            for word in re.split(r"[_\W]+", name):
                if len(word) > 2 and word not in ("is", "has", "the", "flag"):
                    found.append(stem(word))
    return found


def stem(word: str) -> str:
    """The beginning that the forms of a word share: cancelled, cancellation -> cancel; tests -> test."""
    for ending in ("lations", "lation", "ations", "ation", "led", "ting", "ing", "ions", "ion", "ed", "es", "s"):
        if word.endswith(ending) and not word.endswith("ss") and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word
