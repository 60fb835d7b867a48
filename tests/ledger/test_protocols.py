from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from metaagent.errors import NotFoundError
from metaagent.ledger import protocols
from metaagent.ledger.database import Ledger
from metaagent.ledger.ulid import new_ulid
from metaagent.records import Protocol, Remedy

RULE = Remedy("rule", "dates", {"text": "ISO dates"})


def test_version_0_is_in_force_from_the_start(ledger: Ledger) -> None:
    found = protocols.active(ledger, "data.json.extract", "small")
    assert (found.version, found.remedies, found.domain) == (0, (), "data.json.extract")
    assert protocols.load(ledger, "v0") == protocols.empty()


def test_versions_are_numbered_by_domain_and_model_and_the_same_content_is_one(ledger: Ledger) -> None:
    one = protocols.record(ledger, "data", "small", [RULE])
    two = protocols.record(
        ledger, "data", "small", [RULE, Remedy("option", "num_ctx", {"value": 8192})], parent=one.hash
    )
    other = protocols.record(ledger, "text", "small", [RULE])
    assert (one.version, two.version, other.version) == (1, 2, 1)
    assert protocols.record(ledger, "data", "small", [RULE]) == one
    assert len(protocols.versions(ledger)) == 3
    assert protocols.load(ledger, two.hash[:10]) == two
    with pytest.raises(NotFoundError):
        protocols.load(ledger, "ffffffffffff")


def test_the_nearest_domain_above_and_the_latest_activation_count(ledger: Ledger) -> None:
    wide = protocols.record(ledger, "data", "small", [RULE])
    narrow = protocols.record(ledger, "data.json", "small", [RULE])
    protocols.activate(ledger, wide, "promote", "won")
    assert protocols.active(ledger, "data.json.extract", "small") == wide
    protocols.activate(ledger, narrow, "promote", "won")
    assert protocols.active(ledger, "data.json.extract", "small") == narrow
    assert protocols.active(ledger, "data.sql", "small") == wide
    assert protocols.active(ledger, "data.sql", "large").version == 0
    protocols.activate(ledger, protocols.empty("data.json", "small"), "rollback", "worse")
    assert protocols.active(ledger, "data.json.extract", "small").version == 0


def put(ledger: Ledger, name: str, domain: str = "data") -> Protocol:
    """A version of one rule, put in force."""
    made = protocols.record(ledger, domain, "small", [Remedy("rule", name, {"text": name})])
    protocols.activate(ledger, made, "manual", "wanted")
    return made


def test_the_version_before_is_what_was_in_force_until_then_whatever_it_was_recorded_against(ledger: Ledger) -> None:
    old, new = put(ledger, "old"), Remedy("rule", "new", {"text": "new"})
    proposed = protocols.record(ledger, "data", "small", [new], parent=protocols.empty().hash)
    protocols.activate(ledger, proposed, "manual", "wanted")
    assert protocols.before(ledger, proposed) == old
    assert protocols.before(ledger, old).version == 0
    protocols.activate(ledger, old, "rollback", "worse")
    assert protocols.before(ledger, old).version == 0  # a rollback is no reason to go forth and back
    protocols.activate(ledger, proposed, "manual", "again")
    protocols.activate(ledger, proposed, "manual", "and again")
    assert protocols.before(ledger, proposed) == old


def test_the_version_before_may_be_that_of_a_domain_above(ledger: Ledger) -> None:
    wide = put(ledger, "wide")
    narrow = put(ledger, "narrow", domain="data.json")
    found = protocols.before(ledger, narrow)
    assert (found.hash, found.domain) == (wide.hash, "data.json")


def test_what_is_put_in_force_after_the_clock_stepped_back_is_in_force(tmp_path: Path) -> None:
    """Else a rollback said that it was done, and the promotion stayed until the clock had caught up."""
    path = tmp_path / "ledger.db"
    with Ledger.open(path) as ledger:
        learned = protocols.record(ledger, "data", "m", [Remedy("rule", "r", {"text": "x"})])
        protocols.put_in_force(ledger, learned, "promote", "a trial")
    new_ulid._after_fork()  # as in a new process
    with mock.patch("metaagent.ledger.ulid.time.time_ns", return_value=10**18), Ledger.open(path) as ledger:  # in 2001
        protocols.put_in_force(ledger, protocols.empty("data", "m"), "rollback", "a person")
        assert protocols.active(ledger, "data", "m").remedies == ()
