"""Fingerprints of a stream in two passes: the first counts signatures and keeps the values of each failure in a file,
the second says what each failure is, by its group after merging. Memory holds the signatures, never the failures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from metaagent.learning.fingerprints.fingerprint import Failure, Miner, regrouper
from metaagent.learning.fingerprints.masks import SEPARATED


def spool(failures: Iterable[Failure], file: BinaryIO) -> Miner:
    """Counts the signatures of all failures, and writes what the second pass needs: number and values of each."""
    miner = Miner()
    write, values_of = file.write, miner.failure_values
    for failure in failures:
        number, joined = values_of(failure)
        text = "[]" if joined is None else _json(joined, plain=failure.message.isprintable())
        write(f"{number}\t{text}\n".encode("utf-8", "surrogatepass"))
    return miner


def spool_lines(lines: Iterable[str], file: BinaryIO) -> Miner:
    """The same for log lines, without a value for each."""
    miner = Miner()
    write, values_of = file.write, miner.line_values
    for line in lines:
        number, joined = values_of(line)
        text = "[]" if joined is None else _json(joined, plain=line.isprintable())
        write(f"{number}\t{text}\n".encode("utf-8", "surrogatepass"))
    return miner


def _json(joined: str, *, plain: bool) -> str:
    """A JSON list of the values. ``plain``: no character in them that JSON or a terminal minds, but quotes."""
    if not plain:
        return json.dumps(joined.split(SEPARATED))
    text = joined.replace("\\", "\\\\").replace('"', '\\"').replace(SEPARATED, '", "')
    return f'["{text}"]'


def fingerprints(miner: Miner, file: BinaryIO) -> Iterator[tuple[int, str]]:
    """For each failure, in their order: its signature's number, and as a JSON list the values behind the variables of
    its group's template."""
    pairs = zip(miner.signatures, miner.groups(), strict=True)
    merged = {n: regrouper(one, group) for n, (one, group) in enumerate(pairs) if one.words != group.words}
    file.seek(0)
    for line in file:
        head, _, values = line.decode("utf-8", "surrogatepass").rstrip("\n").partition("\t")
        number = int(head)
        if number in merged:
            values = json.dumps(merged[number](json.loads(values)))
        yield number, values
