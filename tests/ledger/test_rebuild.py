from __future__ import annotations

import pytest

from metaagent.ledger import rebuild
from metaagent.ledger.database import Ledger
from metaagent.ledger.views import VIEWS
from tests.ledger.conftest import make_attempt, store


def test_views_come_back_and_facts_stay(ledger: Ledger) -> None:
    store(ledger, make_attempt())
    ledger.write([("DROP VIEW v_attempts", ()), ("CREATE VIEW v_old AS SELECT 1", ())])
    made = rebuild.rebuild(ledger)
    assert made["views"] == len(VIEWS)
    assert len(ledger.query("SELECT * FROM v_attempts")) == 1
    assert ledger.query("SELECT 1 FROM sqlite_master WHERE name = 'v_old'") == []


def test_a_view_of_the_user_stays(ledger: Ledger) -> None:
    ledger.write([("CREATE VIEW mine AS SELECT 7 AS n", ())])
    rebuild.rebuild(ledger)
    assert ledger.query("SELECT n FROM mine")[0]["n"] == 7


def test_a_dry_run_changes_nothing(ledger: Ledger) -> None:
    ledger.write([("DROP VIEW v_attempts", ())])
    assert rebuild.rebuild(ledger, dry_run=True)["views"] == len(VIEWS) - 1
    assert ledger.query("SELECT 1 FROM sqlite_master WHERE name = 'v_attempts'") == []


def test_what_a_later_room_derives_is_made_again(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rebuild.DERIVED, "patterns", lambda cursor: cursor.execute("SELECT 3").fetchone()[0])
    assert rebuild.rebuild(ledger)["patterns"] == 3
