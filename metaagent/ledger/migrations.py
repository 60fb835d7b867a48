"""Numbered, append-only changes of the schema, on sqlite-utils' own migrations.

sqlite-utils runs a migration and writes its record in one transaction; each of ours also sets ``PRAGMA user_version``
there (which is transactional), so that the hot path knows with one cheap read that nothing is to be done and never
imports sqlite-utils (70-115 ms). This module is therefore imported only when a migration is due.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping

from sqlite_utils import Database, Migrations

from metaagent.ledger import schema
from metaagent.ledger.views import recreate_views

Change = Callable[[sqlite3.Connection], None]


def m001_first(connection: sqlite3.Connection) -> None:
    for table, columns in schema.FACTS_1.items():
        suffix = "" if table in schema.BODIES_1 else " WITHOUT ROWID"
        connection.execute(f"CREATE TABLE {table} ({columns}){suffix}")
    for table, columns in schema.EVIDENCE_1.items():
        connection.execute(f"CREATE TABLE {table} ({columns}) WITHOUT ROWID")
    for table, columns in schema.OPERATIONAL_1.items():
        connection.execute(f"CREATE TABLE {table} ({columns}) WITHOUT ROWID")
    for name, target in schema.INDEXES_1.items():
        connection.execute(f"CREATE INDEX {name} ON {target}")
    for table in (*schema.FACTS_1, *schema.EVIDENCE_1):
        for trigger in schema.append_only(table):
            connection.execute(trigger)


def m002_sandboxes(connection: sqlite3.Connection) -> None:
    _facts(connection, schema.FACTS_2)


def m003_proposals(connection: sqlite3.Connection) -> None:
    _facts(connection, schema.FACTS_3)


def _facts(connection: sqlite3.Connection, tables: Mapping[str, str]) -> None:
    for table, columns in tables.items():
        connection.execute(f"CREATE TABLE {table} ({columns}) WITHOUT ROWID")
        for trigger in schema.append_only(table):
            connection.execute(trigger)


def m004_trials(connection: sqlite3.Connection) -> None:
    _facts(connection, schema.FACTS_4)
    for name, target in schema.INDEXES_4.items():
        connection.execute(f"CREATE INDEX {name} ON {target}")


def m005_patterns(connection: sqlite3.Connection) -> None:
    _facts(connection, schema.FACTS_5)
    for table, columns in schema.DERIVED_5.items():
        connection.execute(f"CREATE TABLE {table} ({columns}) WITHOUT ROWID")


def m006_bootstraps(connection: sqlite3.Connection) -> None:
    _facts(connection, schema.FACTS_6)


def m007_alarms(connection: sqlite3.Connection) -> None:
    _facts(connection, schema.FACTS_7)


def m008_logprobs(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE steps ADD COLUMN logprobs TEXT")


CHANGES: list[Change] = [
    m001_first,
    m002_sandboxes,
    m003_proposals,
    m004_trials,
    m005_patterns,
    m006_bootstraps,
    m007_alarms,
    m008_logprobs,
]


def build(changes: list[Change]) -> Migrations:
    """Each change, the views as they are now and the new ``user_version`` in one transaction with its record."""
    migrations = Migrations("metaagent")

    def register(number: int, change: Change) -> None:
        @migrations(name=change.__name__)
        def step(database: Database) -> None:
            change(database.conn)
            recreate_views(database.conn)
            database.conn.execute(f"PRAGMA user_version = {number}")

    for number, change in enumerate(changes, 1):
        register(number, change)
    return migrations


def migrate(connection: sqlite3.Connection, changes: list[Change] | None = None) -> None:
    """Applies what is pending. The caller holds the ledger's lock. A change that fails stays pending, wholly undone."""
    build(CHANGES if changes is None else changes).apply(Database(connection, execute_plugins=False))
