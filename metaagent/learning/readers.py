"""What other tools report, as failures: one reader for each format. Streams where the format is a stream."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import TextIOWrapper
from typing import Any, BinaryIO
from xml.etree import ElementTree

from metaagent.errors import UsageError
from metaagent.learning.fingerprint import LONGEST, Failure
from metaagent.learning.traceback_text import UnfinishedError, kind_of, short_path, tracebacks

_SUFFIXES = {
    ".jsonl": "jsonl",
    ".log": "log",
    ".ndjson": "jsonl",
    ".sarif": "sarif",
    ".txt": "log",
    ".xml": "junit",
}
_EXCEPTION = re.compile(
    r"(?:E\s+)?(?P<type>(?:\w+\.)*\w*(?:Error|Exception|Warning|Exit|Interrupt))\b:?\s*(?P<message>.*)", re.DOTALL
)
_STAGE = re.compile(r'^failed on (?:setup|teardown) with "(.*?)"?$')
_PARAMETERS = re.compile(r"\[.*\]$", re.DOTALL)
_INDEX = re.compile(r"\[\d+\]|(?<=[./])\d+(?=[./]|$)")


class MalformedError(ValueError):
    """Input that is not of its format, with the line where that shows."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")


def read(stream: BinaryIO, form: str, name: str) -> Iterator[Failure]:
    """The failures of one input in their order. Raises UsageError that names the line for what is not of the format."""
    try:
        yield from READERS[form](stream)
    except UnfinishedError as error:
        raise UsageError(f"{name}, line {error.line}: {error}") from error
    except MalformedError as error:
        raise UsageError(f"{name}, {error}", mend=f"--format {'|'.join(READERS)}") from error


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


def _text_lines(stream: BinaryIO) -> Iterator[str]:
    """Decoded lines without their ends, and without a mark at the beginning. Not closed with the stream."""
    wrapper = TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="\n")
    try:
        for line in wrapper:
            yield line.rstrip("\r\n")
    finally:
        wrapper.detach()


def log_lines(stream: BinaryIO) -> Iterator[str]:
    """The lines that say something, cut where they are endless."""
    for line in _text_lines(stream):
        if line and not line.isspace():
            yield line[:LONGEST]


def _log(stream: BinaryIO) -> Iterator[Failure]:
    for line in log_lines(stream):
        yield Failure("log", (), line)


def _tracebacks(stream: BinaryIO) -> Iterator[Failure]:
    yield from tracebacks(_text_lines(stream))


def _jsonl(stream: BinaryIO) -> Iterator[Failure]:
    for number, line in enumerate(_text_lines(stream), 1):
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
        found = list(_or_nothing(str(value["traceback"]).splitlines()))
        if found:
            return found[-1]
    message = next((value[name] for name in ("message", "msg", "error") if isinstance(value.get(name), str)), None)
    if message is None:
        return None
    tool = _first(value, "validator", "tool", "logger", "source")
    status = _first(value, "status", "status_code")
    code = _first(value, "code", "rule", "type")
    place = index_free(_first(value, "location", "path", "field"))
    kind = _first(value, "kind") or ("http" if status else "lint" if code and tool else "log")
    if kind == "log" and not (tool or code or place):
        return Failure("log", (), message[:LONGEST])
    return Failure(kind, tuple(filter(None, (tool, status, code, place))), message)


def _or_nothing(lines: Iterable[str]) -> Iterator[Failure]:
    try:
        yield from tracebacks(lines)
    except UnfinishedError:
        return


def _first(value: Mapping[str, Any], *names: str) -> str:
    found = (value.get(name) for name in names)
    return next((str(one) for one in found if isinstance(one, (str, int)) and not isinstance(one, bool)), "")


def index_free(location: str) -> str:
    """A path in a document without the numbers of its items: ``items[3].price`` and ``items[7].price`` are one."""
    return _INDEX.sub("[]", location)


def _document(stream: BinaryIO) -> Any:
    try:
        return json.load(stream)
    except json.JSONDecodeError as error:
        raise MalformedError(error.lineno, f"not JSON: {error.msg}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(1, f"not JSON that can be read: {error}") from error


def _items(value: Any, name: str) -> list[Any]:
    """The list under a name of a document; MalformedError where there is none."""
    found = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(found, list):
        raise MalformedError(1, f'not a report of this format: no list "{name}"')
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list, where it is one."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _pytest_json(stream: BinaryIO) -> Iterator[Failure]:
    document = _document(stream)
    tests = _items(document, "tests")
    for collector in _mappings(document.get("collectors")):
        if collector.get("outcome") == "failed":
            yield _pytest_failure(str(collector.get("nodeid") or "collection"), str(collector.get("longrepr") or ""))
    for test in _mappings(tests):
        for part in _mappings([test.get(stage) for stage in ("setup", "call", "teardown")]):
            if part.get("outcome") == "failed":
                message = str(_mapping(part.get("crash")).get("message") or part.get("longrepr") or "")
                yield _pytest_failure(str(test.get("nodeid") or "?"), message)


def _pytest_failure(node: str, message: str) -> Failure:
    """Node id without parameters, and the shape of the assertion."""
    first = _STAGE.sub(r"\1", next((line for line in message.splitlines() if line.strip()), ""))
    found = _EXCEPTION.match(first)
    head = (_PARAMETERS.sub("", node),)
    if found is None:
        return Failure("assertion", head, first)
    short = found["type"].rpartition(".")[2]
    return Failure(kind_of(short), (*head, short), found["message"])


def _junit(stream: BinaryIO) -> Iterator[Failure]:
    try:
        for _, element in ElementTree.iterparse(stream, events=("end",)):
            if element.tag.rpartition("}")[2] != "testcase":
                continue
            for child in element:
                if child.tag.rpartition("}")[2] in ("failure", "error"):
                    yield _junit_failure(element, child)
            element.clear()
    except ElementTree.ParseError as error:
        raise MalformedError(error.position[0], f"not XML: {error}") from error


def _junit_failure(test: ElementTree.Element, child: ElementTree.Element) -> Failure:
    place = test.get("classname") or ""
    node = "::".join(filter(None, (short_path(place) if "/" in place else place, test.get("name"))))
    message = child.get("message") or (child.text or "").strip()
    found = _pytest_failure(node, message)
    declared = (child.get("type") or "").rpartition(".")[2]
    if len(found.head) == 1 and declared and declared != "AssertionError":
        return Failure(kind_of(declared), (*found.head, declared), found.message)
    return found


def _ruff_json(stream: BinaryIO) -> Iterator[Failure]:
    document = _document(stream)
    if not isinstance(document, list):
        raise MalformedError(1, "not a report of ruff: not a list")
    for item in _mappings(document):
        code = str(item.get("code") or "syntax")
        yield Failure("lint", ("ruff", code), str(item.get("message") or ""))


def _sarif(stream: BinaryIO) -> Iterator[Failure]:
    for run in _mappings(_items(_document(stream), "runs")):
        driver = _mapping(_mapping(run.get("tool")).get("driver")).get("name") or "tool"
        for result in _mappings(run.get("results")):
            message = _mapping(result.get("message"))
            text = str(message.get("text") or message.get("markdown") or message.get("id") or "")
            yield Failure("lint", (str(driver), str(result.get("ruleId") or "")), text)


READERS: dict[str, Callable[[BinaryIO], Iterator[Failure]]] = {
    "junit": _junit,
    "pytest-json": _pytest_json,
    "ruff-json": _ruff_json,
    "sarif": _sarif,
    "jsonl": _jsonl,
    "traceback": _tracebacks,
    "log": _log,
}
