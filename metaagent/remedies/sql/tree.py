"""SQL text <-> syntax tree, for the SQL fixers. Pure; sqlglot is imported when the first SQL reply comes.

A fixer changes a tree that is its own: ``parse`` hands out copies of a tree that is kept by its text, since the fixers
of one attempt parse one text after another.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from metaagent.records import Brief

if TYPE_CHECKING:
    from sqlglot import exp

MAX_SQL: Final = 20_000
"""Characters. A longer reply is no report that anybody asked for, and parsing it would hold an attempt up."""
_DIALECTS: Final = ("sqlite", "mysql", "postgres", "tsql")
_PLAIN: Final = re.compile(r"[^\W\d]\w*")
_TAKEN: Final = frozenset(
    """add all alter analyze and any as attach autoincrement begin between case cast check collate comment commit
    constraint copy create cross current_date current_time current_timestamp default deferrable delete desc describe
    detach distinct drop else escape except execute exists explain fetch for foreign from glob grant group having
    if ilike in index inner insert intersect interval into is isnull join kill lateral like limit load not nothing
    notnull null on or order outer pivot pragma primary qualify raise recursive references regexp rename replace
    returning rlike rollback select set show table then to transaction union unique update using vacuum values when
    where with xor""".split()  # noqa: SIM905
)
"""Words that SQLite or sqlglot does not read as the name of a column or a table, tried one by one."""


def is_sql(brief: Brief) -> bool:
    return brief.artifact.format.lower() in ("sql", "sqlite")


def parse(text: str) -> exp.Query | None:
    """The one SELECT that the text is, read as SQLite or else as the first dialect that takes it; None: it is not."""
    tree = _kept(text.strip()) if len(text) <= MAX_SQL else None
    return tree.copy() if tree is not None else None


def parse_expression(text: str) -> exp.Expr:
    """A trusted expression, such as a setting holds; the caller owns it. Raises ValueError where it is none."""
    return _expression(text).copy()


def render(tree: exp.Expr) -> str:
    from sqlglot import ErrorLevel

    return tree.sql(dialect="sqlite", unsupported_level=ErrorLevel.IGNORE)


def named(name: str) -> str:
    """The name of a table or a column as SQL text: in quotes where it would be read as something else."""
    if _PLAIN.fullmatch(name) and name.lower() not in _TAKEN:
        return name
    return '"' + name.replace('"', '""') + '"'


def identifier(name: str) -> exp.Identifier:
    """As ``named``, for a tree."""
    from sqlglot import exp

    return exp.to_identifier(name, quoted=named(name) != name)


def is_quoted(output: exp.Expr) -> bool:
    """Whether the name of an output stands in quotes."""
    from sqlglot import exp

    name = output.args.get("alias") if isinstance(output, exp.Alias) else output.this
    return bool(isinstance(name, exp.Identifier) and name.args.get("quoted"))


@lru_cache(maxsize=512)
def _kept(text: str) -> exp.Query | None:
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    for dialect in _DIALECTS:
        try:
            found = sqlglot.parse(text, read=dialect)
        except (SqlglotError, RecursionError):
            continue
        if len(found) == 1 and isinstance(found[0], exp.Query):
            return found[0]
    return None


@lru_cache(maxsize=1024)
def _expression(text: str) -> exp.Expr:
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        return sqlglot.parse_one(text, read="sqlite")
    except (SqlglotError, RecursionError) as error:
        raise ValueError(f"no SQL expression: {text[:80]!r}") from error
