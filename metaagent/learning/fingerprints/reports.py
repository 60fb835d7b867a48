"""Reports of other tools that are one document: pytest, JUnit, ruff, SARIF. Readers give failures in their order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO
from xml.etree import ElementTree

from metaagent.learning.fingerprints.fingerprint import Failure
from metaagent.learning.fingerprints.traceback_text import kind_of, short_path

_NAMED = re.compile(
    r"(?:E\s+)?(?P<type>(?:\w+\.)*\w*(?:Error|Exception|Warning|Exit|Interrupt))\b:?\s*(?P<message>.*)", re.DOTALL
)
_OTHERS = re.compile(
    r"(?:E\s+)?(?P<type>(?:\w+\.)+[A-Z]\w*|Stop(?:Async)?Iteration|(?:Base)?ExceptionGroup)(?::\s*|\s*$)(?P<message>.*)",
    re.DOTALL,
)
_STAGE = re.compile(r'^failed on (?:setup|teardown) with "(.*?)"?$')
_PARAMETERS = re.compile(r"\[.*\]$", re.DOTALL)
_ASSERT = re.compile(r"assert (?!not )(?P<text>.+)")
_OPERATOR = re.compile(r" (==|!=|<=|>=|<|>|is not|is|not in|in) ")
_LOOKS = {"[": "list", "{": "mapping", "(": "tuple", "'": "text", '"': "text"}
_ROOTS = frozenset({"testsuites", "testsuite", "testcase"})
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_HOLDS = frozenset({"pass", "notApplicable", "informational"})


class MalformedError(ValueError):
    """Input that is not of its format, with the line where that shows."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")


def pytest_json(stream: BinaryIO) -> Iterator[Failure]:
    document = _document(stream)
    tests = _items(document, "tests")
    for collector in _mappings(document.get("collectors")):
        if collector.get("outcome") == "failed":
            text = str(collector.get("longrepr") or "")
            yield _pytest_failure(_node(str(collector.get("nodeid") or "collection")), _last_raised(text) or text)
    for test in _mappings(tests):
        for part in _mappings([test.get(stage) for stage in ("setup", "call", "teardown")]):
            if part.get("outcome") == "failed":
                message = str(_mapping(part.get("crash")).get("message") or part.get("longrepr") or "")
                yield _pytest_failure(_node(str(test.get("nodeid") or "?")), message)


def junit(stream: BinaryIO) -> Iterator[Failure]:
    """Elements that were read are let go of: memory holds one test."""
    above: list[ElementTree.Element] = []
    try:
        for event, element in ElementTree.iterparse(stream, events=("start", "end")):
            name = element.tag.rpartition("}")[2]
            if event == "start":
                if not above and name not in _ROOTS:
                    raise MalformedError(1, f"not a report of tests: <{name}>")
                above.append(element)
                continue
            above.pop()
            if name != "testcase":
                continue
            for child in element:
                if child.tag.rpartition("}")[2] in ("failure", "error"):
                    yield _junit_failure(element, child)
            element.clear()
            if above:
                above[-1].clear()
    except ElementTree.ParseError as error:
        raise MalformedError(error.position[0], f"not XML: {error}") from error


def ruff_json(stream: BinaryIO) -> Iterator[Failure]:
    document = _document(stream)
    if not isinstance(document, list):
        raise MalformedError(1, "not a report of ruff: not a list")
    for item in document:
        if not isinstance(item, Mapping) or "filename" not in item or not isinstance(item.get("message"), str):
            raise MalformedError(1, 'not a report of ruff: an item without "filename" and "message"')
        yield Failure("lint", ("ruff", str(item.get("code") or "syntax")), item["message"])


def sarif(stream: BinaryIO) -> Iterator[Failure]:
    """What holds (``pass``) and what somebody suppressed is no failure."""
    for run in _mappings(_items(_document(stream), "runs")):
        driver = _mapping(_mapping(run.get("tool")).get("driver"))
        rules = driver.get("rules")
        for result in _mappings(run.get("results")):
            if result.get("kind") in _HOLDS or any(map(_suppresses, _mappings(result.get("suppressions")))):
                continue
            rule = _rule(result, rules if isinstance(rules, list) else [])
            named = str(result.get("ruleId") or _mapping(result.get("rule")).get("id") or rule.get("id") or "")
            yield Failure("lint", (str(driver.get("name") or "tool"), named), _sarif_text(result, rule, driver))


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


def _node(name: str) -> str:
    """A node id as JUnit writes it: ``tests/test_a.py::TestX::test_y`` is ``tests.test_a.TestX::test_y``."""
    file, *inner = _PARAMETERS.sub("", name).split("::")
    place = [file.removesuffix(".py").replace("/", "."), *inner[:-1]]
    return "::".join([".".join(place), *inner[-1:]])


def _pytest_failure(node: str, message: str) -> Failure:
    """Node id without parameters, and the shape of the assertion."""
    first = _STAGE.sub(r"\1", next((line for line in message.splitlines() if line.strip()), ""))
    found = _NAMED.match(first) or _OTHERS.match(first)
    head = (_PARAMETERS.sub("", node),)
    if found is None:
        return Failure("assertion", (*head, *_compared(first)), first)
    short = found["type"].rpartition(".")[2]
    kind = kind_of(short)
    compared = _compared(found["message"]) if kind == "assertion" else ()
    return Failure(kind, (*head, short, *compared), found["message"])


def _last_raised(text: str) -> str | None:
    """The exception that a traceback in pytest's form ends with: its last line that begins with ``E``."""
    raised = [line for line in text.splitlines() if re.match(r"E\s+\S", line)]
    return next((line for line in reversed(raised) if _NAMED.match(line) or _OTHERS.match(line)), None)


def _compared(text: str) -> tuple[str, ...]:
    """How an assertion compares, such as ``number == number``: a 5 for a 3 is one error, a text for nothing another.
    Empty where it compares nothing."""
    asserted = _ASSERT.match(text)
    inside = None if asserted is None else _outside_of_brackets(asserted["text"])
    found = None if inside is None else _OPERATOR.search(inside)
    if asserted is None or found is None:
        return ()
    sides = asserted["text"][: found.start()], asserted["text"][found.end() :]
    return (" ".join((_look(sides[0]), found[1], _look(sides[1]))),)


def _outside_of_brackets(text: str) -> str:
    """The text with what stands in brackets and quotes blotted out."""
    made, closing, quote = list[str](), list[str](), ""
    for mark in text:
        inside = bool(closing or quote)
        if quote:
            quote = "" if mark == quote else quote
        elif mark in "'\"":
            quote, inside = mark, True
        elif mark in _CLOSING:
            closing.append(_CLOSING[mark])
        elif closing and mark == closing[-1]:
            closing.pop()
        made.append("_" if inside else mark)
    return "".join(made)


def _look(text: str) -> str:
    """What kind of value a repr is, by its beginning: long ones are cut."""
    if text in ("True", "False"):
        return "truth"
    if re.match(r"-?\d", text):
        return "number"
    return "nothing" if text.startswith("None") else _LOOKS.get(text[:1], "value")


def _junit_failure(test: ElementTree.Element, child: ElementTree.Element) -> Failure:
    place = test.get("classname") or ""
    node = "::".join(filter(None, (short_path(place) if "/" in place else place, test.get("name"))))
    text = (child.text or "").strip()
    message = child.get("message") or text
    if message == "collection failure":
        message = _last_raised(text) or message
    found = _pytest_failure(node, message)
    declared = (child.get("type") or "").rpartition(".")[2]
    raised = "AssertionError" in found.head[1:2]
    if found.kind == "assertion" and not raised and declared not in ("", "AssertionError"):
        return Failure(kind_of(declared), (found.head[0], declared), found.message)
    return found


def _suppresses(suppression: Mapping[str, Any]) -> bool:
    return bool(suppression.get("status", "accepted") == "accepted")


def _rule(result: Mapping[str, Any], rules: Sequence[Any]) -> Mapping[str, Any]:
    """The rule of a result, by its index."""
    number = result.get("ruleIndex", _mapping(result.get("rule")).get("index"))
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < len(rules):
        return _mapping(rules[number])
    named = result.get("ruleId")
    return next((rule for rule in _mappings(list(rules)) if named and rule.get("id") == named), {})


def _sarif_text(result: Mapping[str, Any], rule: Mapping[str, Any], driver: Mapping[str, Any]) -> str:
    """A result's message, said by itself or by its id among its rule's or the tool's."""
    message = _mapping(result.get("message"))
    key = str(message.get("id") or "")
    strings = _mapping(rule.get("messageStrings")).get(key) or _mapping(driver.get("globalMessageStrings")).get(key)
    said = message.get("text") or message.get("markdown") or _mapping(strings).get("text") or key
    arguments = message.get("arguments")
    given = [str(one) for one in arguments] if isinstance(arguments, list) else []
    return re.sub(r"\{(\d+)\}", lambda m: given[int(m[1])] if int(m[1]) < len(given) else m[0], str(said))
