"""What other tools report, as failures: one reader for each format. Streams where the format is a stream."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from io import TextIOWrapper
from typing import Any, BinaryIO

from metaagent.errors import UsageError
from metaagent.learning.fingerprints import reports
from metaagent.learning.fingerprints.fingerprint import LONGEST, Failure
from metaagent.learning.fingerprints.reports import MalformedError
from metaagent.learning.fingerprints.traceback_text import tracebacks
from metaagent.ledger.mask import mask

_SUFFIXES = {
    ".jsonl": "jsonl",
    ".log": "log",
    ".ndjson": "jsonl",
    ".sarif": "sarif",
    ".txt": "log",
    ".xml": "junit",
}
_INDEX = re.compile(r"\[\d+\]|(?<=[./])\d+(?=[./]|$)")
_COLOURS = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)")
_MARKS = {BOM_UTF16_LE: "utf-16-le", BOM_UTF16_BE: "utf-16-be"}
_LINE = 1 << 16
"""Characters of a line that are read; the rest of it is passed over."""
_RECORD = 1 << 24
"""Characters of a JSON record on one line."""


def read(stream: BinaryIO, form: str, name: str) -> Iterator[Failure]:
    """The failures of one input in their order, with messages that are cut and hold nothing that looks like a
    credential. Raises UsageError that names the line for what is not of the format."""
    try:
        for failure in READERS[form](stream):
            message = failure.message[:LONGEST]
            message = mask(message if message.isprintable() else _plain(message))
            yield failure if message == failure.message else replace(failure, message=message)
    except MalformedError as error:
        raise UsageError(f"{name}, {error}", mend=f"--format {'|'.join(READERS)}") from error


def _plain(message: str) -> str:
    """Without colours, and without halves of characters, which no JSON reader takes."""
    return _COLOURS.sub("", message).encode("utf-8", "replace").decode("utf-8")


def format_named(text: str | None, name: str) -> str:
    """The format that was asked for, or the one that the file's name tells."""
    from difflib import get_close_matches

    known = "|".join(READERS)
    if text is None:
        suffix = name[name.rfind(".") :].lower() if "." in name else ""
        if suffix in _SUFFIXES:
            return _SUFFIXES[suffix]
        raise UsageError(f"the name {name} does not tell the format", mend=f"--format {known}")
    if text in READERS:
        return text
    near = get_close_matches(text, READERS, n=1, cutoff=0.4)
    raise UsageError(f"no format '{text}'" + (f"; did you mean '{near[0]}'?" if near else ""), mend=f"--format {known}")


def _text_lines(stream: BinaryIO, most: int = _LINE) -> Iterator[str]:
    """Decoded lines without their ends, their colours and a mark at the beginning; of a longer line the first ``most``
    characters. The stream stays open."""
    wrapper = TextIOWrapper(stream, encoding=_encoding(stream), errors="replace", newline="\n")
    try:
        whole = True
        for piece in iter(partial(wrapper.readline, most), ""):
            if whole:
                line = piece.rstrip("\r\n")
                yield _COLOURS.sub("", line) if "\x1b" in line else line
            whole = piece.endswith("\n")
    finally:
        with suppress(ValueError):  # closed by now
            wrapper.detach()


def _encoding(stream: BinaryIO) -> str:
    """UTF-16 where the input begins with its mark, as some shells write it; else UTF-8."""
    if not stream.seekable():
        return "utf-8-sig"
    at = stream.tell()
    stream.seek(0)
    mark = stream.read(2)
    stream.seek(at)
    known = _MARKS.get(mark, "utf-8-sig")
    return "utf-16" if at == 0 and known != "utf-8-sig" else known


def log_lines(stream: BinaryIO) -> Iterator[str]:
    """The lines that say something, cut where they are endless, without what looks like a credential."""
    return map(mask, _log_lines(stream))


def _log_lines(stream: BinaryIO) -> Iterator[str]:
    for line in _text_lines(stream, LONGEST + 2):
        if line and not line.isspace():
            yield line[:LONGEST]


def _log(stream: BinaryIO) -> Iterator[Failure]:
    for line in _log_lines(stream):
        yield Failure("log", (), line)


def _tracebacks(stream: BinaryIO) -> Iterator[Failure]:
    yield from tracebacks(_text_lines(stream))


def _jsonl(stream: BinaryIO) -> Iterator[Failure]:
    for number, line in enumerate(_text_lines(stream, _RECORD), 1):
        if not line or line.isspace():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise MalformedError(number, f"not JSON: {error}") from error
        except RecursionError as error:
            raise MalformedError(number, "not JSON that can be read: too deep") from error
        if not isinstance(value, dict):
            raise MalformedError(number, "not an object")
        found = from_mapping(value)
        if found is None:
            raise MalformedError(number, 'no text under "message", "msg" or "error"')
        yield found


def from_mapping(value: Mapping[str, Any]) -> Failure | None:
    """A structured error by its usual names: kind, tool or validator, code or status, location, message, traceback."""
    inner = value.get("error")
    if isinstance(inner, Mapping):
        value = {**value, **inner}
    if isinstance(value.get("traceback"), str):
        found = list(tracebacks(str(value["traceback"]).splitlines()))
        if found:
            return found[-1]
    message = next((value[name] for name in ("message", "msg", "error") if isinstance(value.get(name), str)), None)
    if message is None:
        return None
    tool = _first(value, "validator", "tool", "logger", "source")
    status = _first(value, "status", "status_code")
    code = _first(value, "code", "rule", "type")
    place = index_free(_first(value, "location", "path", "field"))
    linted = bool(code) and bool(tool or "filename" in value)
    kind = _first(value, "kind") or ("http" if status else "lint" if linted else "log")
    head = tuple(filter(None, (tool, status, code, place)))
    return Failure(kind, head, message[:LONGEST] if kind == "log" and not head else message)


def _first(value: Mapping[str, Any], *names: str) -> str:
    found = (value.get(name) for name in names)
    return next((str(one) for one in found if isinstance(one, (str, int)) and not isinstance(one, bool)), "")


def index_free(location: str) -> str:
    """A path in a document without the numbers of its items: ``items[3].price`` and ``items[7].price`` are one."""
    return _INDEX.sub("[]", location)


READERS: dict[str, Callable[[BinaryIO], Iterator[Failure]]] = {
    "junit": reports.junit,
    "pytest-json": reports.pytest_json,
    "ruff-json": reports.ruff_json,
    "sarif": reports.sarif,
    "jsonl": _jsonl,
    "traceback": _tracebacks,
    "log": _log,
}
