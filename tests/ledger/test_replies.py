from __future__ import annotations

from dataclasses import replace

from metaagent.ledger import replies
from metaagent.ledger.database import Ledger
from metaagent.records import Reply

REPLY = Reply("text €", "m", "d", "scripted", "stop", 10, None, 1.5, 1.0, False)


def test_a_reply_comes_back_marked_as_cached(ledger: Ledger) -> None:
    cache = replies.LedgerReplyCache(ledger)
    assert cache.get("k") is None
    reply = replace(REPLY, logprobs={"state": {'"due"': -0.5, '"open"': -1.25}})
    cache.put("k", reply)
    ledger.flush()
    assert cache.get("k") == replace(reply, cached=True, calls=0)
    replies.clear(ledger)
    assert cache.get("k") is None


def test_one_with_a_credential_is_not_kept(ledger: Ledger) -> None:
    cache = replies.LedgerReplyCache(ledger)
    cache.put("k", replace(REPLY, text="password: hunter22"))
    ledger.flush()
    assert cache.get("k") is None
