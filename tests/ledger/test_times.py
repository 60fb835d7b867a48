from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from metaagent.ledger.times import from_text, to_text


def test_times_are_utc_with_milliseconds_whatever_the_zone() -> None:
    moment = datetime(2026, 1, 31, 23, 59, 59, 123456, tzinfo=UTC)
    assert to_text(moment) == "2026-01-31T23:59:59.123Z"
    assert to_text(moment.astimezone(timezone(timedelta(hours=5)))) == "2026-01-31T23:59:59.123Z"
    assert from_text("2026-01-31T23:59:59.123Z") == datetime(2026, 1, 31, 23, 59, 59, 123000, tzinfo=UTC)
