"""The reply cache. Operational, not a fact: it can be emptied at any time. A reply that holds what looks like a
credential is not cached: masked it would be another reply."""

from __future__ import annotations

import json

from metaagent.ledger.database import Ledger
from metaagent.ledger.mask import mask
from metaagent.ledger.writer import Statement
from metaagent.records import Reply

_PUT = "INSERT OR REPLACE INTO reply_cache VALUES (?, ?, ?)"


class LedgerReplyCache:
    """``since``: replies that were stored before that time (as the ledger writes it) are not known."""

    def __init__(self, ledger: Ledger, since: str = "") -> None:
        self._ledger = ledger
        self._since = since

    def get(self, key: str) -> Reply | None:
        """As it was stored, marked as cached and with no calls: time and tokens are those of the first time."""
        row = self._ledger.one("SELECT reply FROM reply_cache WHERE key = ? AND time >= ?", (key, self._since))
        if row is None:
            return None
        fields = json.loads(row[0])
        return Reply(**{**fields, "cached": True, "calls": 0})

    def put(self, key: str, reply: Reply) -> None:
        """Does not wait: a reply that is lost is asked for again."""
        batch = put_batch(key, reply, self._ledger.now())
        if batch:
            self._ledger.post(batch)


def put_batch(key: str, reply: Reply, now: str) -> list[Statement]:
    """A reply to keep; nothing for one that holds what looks like a credential."""
    if mask(reply.text) != reply.text:
        return []
    fields = {name: getattr(reply, name) for name in Reply.__slots__}
    return [(_PUT, (key, now, json.dumps(fields, separators=(",", ":"))))]


def calls(ledger: Ledger, prefix: str) -> int:
    """The calls that the replies took whose key begins like that."""
    between = (prefix, prefix + "\x7f")
    row = ledger.one("SELECT sum(json_extract(reply, '$.calls')) FROM reply_cache WHERE key >= ? AND key < ?", between)
    return 0 if row is None else int(row[0] or 0)


def forget(ledger: Ledger, prefix: str) -> None:
    """Removes the replies whose key begins like that."""
    ledger.write([("DELETE FROM reply_cache WHERE key >= ? AND key < ?", (prefix, prefix + "\x7f"))])


def clear(ledger: Ledger) -> None:
    ledger.write([("DELETE FROM reply_cache", ())])
