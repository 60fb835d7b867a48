"""Fingerprints of a stream in two passes: the first counts signatures and keeps the values of each failure in a file,
the second says what each failure is, by its group after merging. Memory holds the signatures, never the failures."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from metaagent.learning.fingerprint import Failure, Group, Miner, grouped_values


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One failure: its signature's number, its group, and the values behind the variables of the group's template."""

    number: int
    group: Group
    variables: list[str]


def spool(failures: Iterable[Failure], file: BinaryIO) -> Miner:
    """Counts the signatures of all failures, and writes what the second pass needs."""
    miner = Miner()
    for failure in failures:
        file.write(marshal.dumps(miner.failure_values(failure)))
    return miner


def fingerprints(miner: Miner, file: BinaryIO) -> Iterator[Fingerprint]:
    """One for each failure, in their order."""
    groups = miner.groups()
    file.seek(0)
    while True:
        try:
            number, values = marshal.load(file)
        except EOFError:
            return
        group, signature = groups[number], miner.signatures[number]
        yield Fingerprint(number, group, grouped_values(signature, group, values))
