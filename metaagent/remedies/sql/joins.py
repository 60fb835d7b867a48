"""``sql.joins``: a column that its table does not have is taken from the table that has it.

The nearest owner along the foreign keys: joined where it is not there yet, named rightly where it is. A table that is
used without being joined is joined; a column named like a parent (``category`` beside ``category_id``) is the parent's
name; any other name that no table has becomes the nearest one that a table in reach has. It abstains where the schema
is unknown, where every name is in order, and where two owners are as near as each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final

from metaagent.records import Brief
from metaagent.remedies.sql.schema import Schema, Step, cost, schema_of
from metaagent.remedies.sql.scope import Source, given_names, outer_sources, own_columns, selects, sources
from metaagent.remedies.sql.tree import identifier, is_sql, parse, render

if TYPE_CHECKING:
    from sqlglot import exp

_NEAR: Final = 0.75
_MAX_ROUNDS: Final = 12
_FAR: Final = 6.0
_PARTS: Final = {"year": "%Y", "month": "%Y-%m", "week": "%Y-%W", "day": "%Y-%m-%d", "hour": "%H", "date": "%Y-%m-%d"}
_DATE_ENDINGS: Final = ("_on", "_at", "date", "_day", "time", "since", "_until")
_LABELS: Final = ("name", "title", "label", "full_name", "description", "code")


def fix(reply: str, brief: Brief, settings: Mapping[str, Any]) -> str | None:
    if not is_sql(brief):
        return None
    tree = parse(reply)
    schema = schema_of(brief, settings)
    if tree is None or not schema.tables:
        return None
    return render(tree) if mended(tree, schema) else None


def mended(tree: exp.Query, schema: Schema) -> bool:
    """Whether anything was changed; the tree is the caller's."""
    changed = _tables(tree, schema)
    for select in selects(tree):
        changed = counted(select, schema) or changed
        for _ in range(_MAX_ROUNDS):
            if not _mend_one(select, schema):
                break
            changed = True
        if changed:
            _in_order(select, schema)
    return changed


def _tables(tree: exp.Query, schema: Schema) -> bool:
    """Names of tables that are not there, to the one that is meant."""
    from sqlglot import exp

    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    changed = False
    for table in list(tree.find_all(exp.Table)):
        name = table.name.lower()
        if not name or name in schema.tables or name in ctes or table.text("db"):
            continue
        near = _nearest(name, list(schema.tables))
        if near is None:
            continue
        if not table.alias and tree.find(exp.Column) is not None:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
        table.set("this", identifier(near))
        changed = True
    return changed


def counted(select: exp.Select, schema: Schema) -> bool:
    """``COUNT(*) AS orders`` where no orders are read counts something else: the table is joined."""
    from sqlglot import exp

    own = sources(select, schema)
    start = next((one for one in own.values() if one.table), None)
    for output in select.expressions:
        name = output.alias.lower() if isinstance(output, exp.Alias) else ""
        plain = isinstance(output.unalias(), exp.Count) and isinstance(output.unalias().this, exp.Star)
        if not plain or name not in schema.tables or start is None or start.table is None:
            continue
        way = schema.path(start.table, name) if all(one.table != name for one in own.values()) else None
        if way and cost(way) < _FAR and not any(one.table is None for one in own.values()):
            _join(select, start.alias, way, own, schema)
            return True
    return False


def _mend_one(select: exp.Select, schema: Schema) -> bool:
    own = sources(select, schema)
    outer = outer_sources(select, schema)
    names = given_names(select)
    for column in list(own_columns(select)):
        name, qualifier = column.name.lower(), column.table.lower()
        if column.text("db").lower() in own:  # ``o.lines.quantity``: the alias, and then a piece of the table's name
            qualifier = column.text("db").lower()
            column.set("db", None)
            _qualify(column, qualifier)
            return True
        if qualifier:
            source = own.get(qualifier) or outer.get(qualifier)
            if source is None:
                if _unjoined(select, column, own, schema):
                    return True
            elif qualifier in own and _lacks(source, name, schema) and _foreign(select, column, source, own, schema):
                return True
        elif (name not in names or _is_output(column, select)) and not _known(name, {**outer, **own}, schema) and own:
            start = next((one for one in own.values() if one.table), None)
            if start is not None and _foreign(select, column, start, own, schema):
                return True
    return False


def _is_output(column: exp.Column, select: exp.Select) -> bool:
    """Whether it stands in what is selected: there the names given with AS are not known yet."""
    place: exp.Expr = column
    while place.parent is not None and place.parent is not select:
        place = place.parent
    return place.arg_key == "expressions"


def _lacks(source: Source, name: str, schema: Schema) -> bool:
    return source.table is not None and schema.tables[source.table].column(name) is None


def _known(name: str, found: Mapping[str, Source], schema: Schema) -> bool:
    if name in ("rowid", "true", "false"):
        return True
    return any(one.table is None or schema.tables[one.table].column(name) for one in found.values())


def _foreign(select: exp.Select, column: exp.Column, source: Source, own: Mapping[str, Source], schema: Schema) -> bool:
    """A column that ``source`` has not: from the nearest table that has it, else by the nearest name."""
    from sqlglot import exp

    name = column.name.lower()
    if source.table is None:
        return False
    owner = _owner(source.table, name, own, schema)
    if owner is None:
        if _date_part(select, column, source, schema):
            return True
        if (parent := _named_parent(source.table, name, schema)) is None:
            return _renamed(column, source, own, schema)
        owner, label = parent
        column.set("this", exp.to_identifier(label))
    present = next((one.alias for one in own.values() if one.table == owner), None)
    if present is None:
        way = schema.path(source.table, owner)
        if way is None:
            return False
        present = _join(select, source.alias, way, own, schema)
    _qualify(column, present)
    return True


def _date_part(select: exp.Select, column: exp.Column, source: Source, schema: Schema) -> bool:
    """``month`` where no such column is: that part of the one date that the statement is about."""
    from sqlglot import exp

    code = _PARTS.get(column.name.lower())
    if code is None or source.table is None:
        return False
    dates = [name for name in schema.tables[source.table].names if name.endswith(_DATE_ENDINGS)]
    named = {one.name.lower() for one in own_columns(select)} & set(dates)
    meant = sorted(named) if len(named) == 1 else dates
    if len(meant) != 1:
        return False
    date = exp.column(identifier(meant[0]), table=column.args.get("table"))
    made = exp.Anonymous(this="STRFTIME", expressions=[exp.Literal.string(code), date])
    plain_output = column.parent is select and column.arg_key == "expressions"
    column.replace(exp.alias_(made, column.name) if plain_output else made)
    return True


def _named_parent(table: str, name: str, schema: Schema) -> tuple[str, str] | None:
    """``category`` where the table has ``category_id``: the parent and its column that names a row."""
    for key in schema.tables[table].parents:
        if key.column.removesuffix("_id") == name or key.table in (name, name + "s"):
            label = next((one for one in _LABELS if schema.tables[key.table].column(one)), None)
            return (key.table, label) if label and key.table != table else None
    return None


def _owner(table: str, name: str, own: Mapping[str, Source], schema: Schema) -> str | None:
    """The nearest table with that column; None where two are as near or none is in reach."""
    ranked: list[tuple[float, str]] = []
    here = {one.table for one in own.values()}
    for owner in schema.owners(name):
        way = schema.path(table, owner)
        if way is not None and owner != table:
            ranked.append((cost(way) - (0.6 if owner in here else 0.0), owner))
    ranked.sort()
    if not ranked or ranked[0][0] > _FAR or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
        return None
    return ranked[0][1]


def _renamed(column: exp.Column, source: Source, own: Mapping[str, Source], schema: Schema) -> bool:
    qualified = bool(column.table)
    places = [source] if qualified else []
    places += [one for one in own.values() if one.table and one not in places]
    for place in places:
        near = _nearest(column.name.lower(), list(schema.tables[place.table or ""].names))
        if near is not None:
            column.set("this", identifier(near))
            if qualified or len(own) > 1:
                _qualify(column, place.alias)
            return True
    return False


def _nearest(name: str, names: list[str]) -> str | None:
    """The one name that is most like this one; None where nothing is near or two are as near."""
    ranked = sorted(((_likeness(name, other), other) for other in names), reverse=True)
    if not ranked or ranked[0][0] < _NEAR or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
        return None
    return ranked[0][1]


def _likeness(one: str, other: str) -> float:
    left, right = _words(one), _words(other)
    if left and right and (left <= right or right <= left):
        return 0.8 + 0.2 * len(left & right) / max(len(left), len(right))
    return SequenceMatcher(None, one, other).ratio()


def _words(name: str) -> set[str]:
    return {word.removesuffix("s") for word in re.split(r"[_\W]+", name) if word and word != "id"}


def _unjoined(select: exp.Select, column: exp.Column, own: Mapping[str, Source], schema: Schema) -> bool:
    """``p.name`` where nothing is called p: the table that p stands for is there under another alias, or is joined."""
    qualifier, name = column.table.lower(), column.name.lower()
    start = next((one for one in own.values() if one.table), None)
    if start is None or start.table is None:
        return False
    meant = [table for table in schema.owners(name) if _stands_for(qualifier, table)]
    if not meant:
        return False
    present = [one.alias for one in own.values() if one.table in meant]
    if present:
        _qualify(column, present[0])
        return True
    ranked = sorted((cost(way), table) for table in meant if (way := schema.path(start.table, table)))
    if not ranked or ranked[0][0] > _FAR:
        return False
    way = schema.path(start.table, ranked[0][1])
    if way is None:
        return False
    _join(select, start.alias, way, own, schema, last_alias=qualifier)
    return True


def _stands_for(alias: str, table: str) -> bool:
    initials = "".join(word[0] for word in table.split("_") if word)
    return alias == initials or table.startswith(alias)


def _join(
    select: exp.Select,
    alias: str,
    way: list[Step],
    own: Mapping[str, Source],
    schema: Schema,
    last_alias: str | None = None,
) -> str:
    """Join along the way; what is on it already is used. The alias of its end."""
    from sqlglot import exp

    used = set(own)
    added: list[exp.Join] = []
    for number, step in enumerate(way):
        present = next((one.alias for one in own.values() if one.table == step.right), None)
        if present is not None:
            alias = present
            continue
        last = number == len(way) - 1
        right = last_alias if last and last_alias else step.right
        while right in used:
            right += "_"
        used.add(right)
        condition = exp.EQ(
            this=exp.column(identifier(step.left_column), table=identifier(alias)),
            expression=exp.column(identifier(step.right_column), table=identifier(right)),
        )
        name = exp.TableAlias(this=identifier(right)) if right != step.right else None
        table = exp.Table(this=identifier(step.right), alias=name)
        added.append(exp.Join(this=table, on=condition))
        alias = right
    _qualify_all(select, own, {step.right for step in way}, schema)
    select.set("joins", [*(select.args.get("joins") or ()), *added])
    return alias


def _qualify_all(select: exp.Select, own: Mapping[str, Source], new: set[str], schema: Schema) -> None:
    """Bare names that a new table has as well would become ambiguous: name the table that they were of."""
    names = {name for table in new for name in schema.tables[table].names}
    for column in own_columns(select):
        name = column.name.lower()
        if column.table or name not in names or name in given_names(select):
            continue
        holders = [one.alias for one in own.values() if one.table and schema.tables[one.table].column(name)]
        if len(holders) == 1:
            _qualify(column, holders[0])


def _qualify(column: exp.Column, alias: str) -> None:
    column.set("table", identifier(alias))


def _in_order(select: exp.Select, schema: Schema) -> None:
    """Joins such that each condition names only what stands before it; only where all joins are inner ones."""
    joins = list(select.args.get("joins") or ())
    if any(join.side or join.kind.upper() in ("CROSS", "OUTER") or join.method for join in joins):
        return
    start = select.args.get("from_") or select.args.get("from")
    if start is None:
        return
    own = set(sources(select, schema))
    done, ordered = {start.this.alias_or_name.lower()}, []
    while joins:
        ready = next((one for one in joins if _needs(one) & own <= done | {one.this.alias_or_name.lower()}), None)
        if ready is None:
            return
        joins.remove(ready)
        ordered.append(ready)
        done.add(ready.this.alias_or_name.lower())
    select.set("joins", ordered)


def _needs(join: exp.Join) -> set[str]:
    from sqlglot import exp

    condition = join.args.get("on")
    return {column.table.lower() for column in condition.find_all(exp.Column)} if condition is not None else set()
