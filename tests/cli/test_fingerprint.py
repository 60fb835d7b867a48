"""``metaagent fingerprint``: a filter that needs no workspace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from metaagent.learning.fingerprints.readers import READERS
from tests.conftest import Ran

Cli = Callable[..., Ran]

TRACEBACK = """\
before
Traceback (most recent call last):
  File "/home/x/shop/cart.py", line 12, in total
    return prices[name]
  File "/usr/lib/python3.12/site-packages/lib.py", line 3, in get
    raise KeyError(key)
KeyError: 'apple'
after
"""
JUNIT = """<?xml version="1.0"?>
<testsuites><testsuite><testcase classname="tests.test_a" name="test_x[1-2]">
<failure message="AssertionError: assert 3 == 4">long</failure></testcase>
<testcase classname="tests.test_a" name="test_x[5-6]">
<failure message="AssertionError: assert 7 == 8">long</failure></testcase>
<testcase classname="tests.test_a" name="test_ok"/>
<testcase classname="tests.test_b" name="test_y">
<error message="" type="builtins.ValueError">bad value 3</error></testcase>
</testsuite></testsuites>"""
PYTEST = {
    "tests": [
        {"nodeid": "a.py::t[1]", "call": {"outcome": "failed", "crash": {"message": "TypeError: bad 'x' at 3"}}},
        {"nodeid": "a.py::t[2]", "call": {"outcome": "failed", "crash": {"message": "TypeError: bad 'y' at 4"}}},
        {"nodeid": "a.py::u", "call": {"outcome": "passed"}},
        {"nodeid": "a.py::v", "setup": {"outcome": "failed", "longrepr": "assert 1 == 2"}},
    ]
}
RUFF = [{"code": "F401", "message": "`os` imported but unused", "filename": "a.py", "location": {"row": 1}}]
SARIF = {
    "runs": [
        {
            "tool": {"driver": {"name": "scan"}},
            "results": [{"ruleId": "S1", "message": {"text": "call of 'eval' here"}}],
        }
    ]
}
JSONL = """\
{"kind": "schema", "validator": "json.schema", "location": "items[3].price", "message": "'x' is not a number"}

{"kind": "schema", "validator": "json.schema", "location": "items[9].price", "message": "'y' is not a number"}
{"tool": "fetch", "status": 503, "message": "no answer in 30 s"}
{"error": {"message": "boom 5", "type": "Oops"}}
"""
INPUTS = {
    "junit": (JUNIT, ["assertion", "assertion", "exception"], 2),
    "pytest-json": (json.dumps(PYTEST), ["exception", "exception", "assertion"], 2),
    "ruff-json": (json.dumps(RUFF), ["lint"], 1),
    "sarif": (json.dumps(SARIF), ["lint"], 1),
    "jsonl": (JSONL, ["schema", "schema", "http", "log"], 3),
    "traceback": (TRACEBACK * 2, ["exception", "exception"], 1),
    "log": ("\ufefflost 3 of 5\r\n\n \nlost 4 of 5\r\n", ["log", "log"], 1),
}


def records(ran: Ran) -> list[dict[str, object]]:
    return [json.loads(line) for line in ran.out.splitlines()]


def test_every_format_is_tried_here() -> None:
    assert set(INPUTS) == set(READERS)


@pytest.mark.parametrize("form", INPUTS)
def test_one_record_for_each_error_in_order(form: str, cli: Cli) -> None:
    text, kinds, groups = INPUTS[form]
    ran = cli("fingerprint", "-", "--format", form, "--jsonl", input=text)
    assert ran.status == 0, ran.err
    found = records(ran)
    assert [one["kind"] for one in found] == kinds
    assert len({one["pattern"] for one in found}) == groups
    assert all(set(one) == {"kind", "template", "variables", "pattern"} for one in found)
    assert all(str(one["template"]).count("<*>") == len(list(one["variables"])) for one in found)  # type: ignore[call-overload]


def test_the_frame_is_the_users_and_has_no_line_number(cli: Cli) -> None:
    ran = cli("fingerprint", "-", "--format", "traceback", "--jsonl", input=TRACEBACK)
    assert records(ran) == [
        {
            "kind": "exception",
            "template": "KeyError shop/cart.py:total: <*>",
            "pattern": records(ran)[0]["pattern"],
            "variables": ["'apple'"],
        }
    ]


def test_a_syntax_error_of_the_file_itself_has_no_first_line(cli: Cli) -> None:
    text = "  File \"/home/x/shop/cart.py\", line 3\n    x = (\n        ^\nSyntaxError: '(' was never closed\n"
    ran = cli("fingerprint", "-", "--format", "traceback", "--jsonl", input=text + TRACEBACK)
    found = records(ran)
    assert [one["kind"] for one in found] == ["syntax", "exception"]
    assert found[0]["template"] == "SyntaxError shop/cart.py: <*> was never closed"


def test_what_a_fixture_raised(cli: Cli) -> None:
    text = """<testsuite><testcase classname="t" name="a">
        <error message='failed on setup with "RuntimeError: no db at port 5432"'/></testcase></testsuite>"""
    (found,) = records(cli("fingerprint", "-", "--format", "junit", "--jsonl", input=text))
    assert (found["kind"], found["template"]) == ("exception", "t::a RuntimeError: no db at port <*>")


def test_of_a_chain_the_last_counts(cli: Cli) -> None:
    middle = "\nDuring handling of the above exception, another exception occurred:\n\n"
    second = TRACEBACK.removeprefix("before\n").replace("KeyError: 'apple'", "shop.errors.CartError: no price")
    text = TRACEBACK.removesuffix("after\n") + middle + second
    ran = cli("fingerprint", "-", "--format", "traceback", "--jsonl", input=text)
    assert [one["template"] for one in records(ran)] == ["CartError shop/cart.py:total: no price"]


QUOTED = """\
Traceback (most recent call last):
  File "/home/x/shop/cart.py", line 12, in total
    return run(cmd)
shop.WorkerError: the worker failed:
{between}Traceback (most recent call last):
  File "/home/x/shop/worker.py", line 3, in go
    x = 1/0
ZeroDivisionError: division by zero
{end}"""


@pytest.mark.parametrize(("between", "end"), [("", ""), ("\n", "\nlater\n"), ('"""\n', '"""\n')])
def test_a_traceback_that_a_message_quotes_is_part_of_it(between: str, end: str, cli: Cli) -> None:
    text = QUOTED.format(between=between, end=end)
    ran = cli("fingerprint", "-", "--format", "traceback", "--jsonl", input=text + TRACEBACK)
    heads = [str(one["template"]).partition(":")[0] for one in records(ran)]
    assert heads == ["WorkerError shop/cart.py", "KeyError shop/cart.py"]


def test_what_a_worker_process_sent_is_the_cause_of_what_surfaced(cli: Cli) -> None:
    text = QUOTED.format(between='"""\n', end='"""\n').replace("shop.WorkerError: the worker failed", "RemoteTraceback")
    text += "\nThe above exception was the direct cause of the following exception:\n\n" + TRACEBACK.partition("\n")[2]
    ran = cli("fingerprint", "-", "--format", "traceback", "--jsonl", input=text)
    assert [str(one["template"]).partition(" ")[0] for one in records(ran)] == ["KeyError"]


def test_two_tracebacks_in_a_row_are_two(cli: Cli) -> None:
    text = TRACEBACK.removeprefix("before\n").removesuffix("after\n") * 2
    assert len(records(cli("fingerprint", "-", "--format", "traceback", "--jsonl", input=text))) == 2


@pytest.mark.parametrize("form", ["log", "jsonl", "traceback"])
def test_what_looks_like_a_credential_is_not_shown(form: str, cli: Cli) -> None:
    said = "refused: password=hunter2secret, token ghp_abcdefghijklmnopqrstuvwxyz0123"
    text = {"log": said, "jsonl": json.dumps({"message": said}), "traceback": TRACEBACK.replace("'apple'", said)}[form]
    for options in ((), ("--jsonl",), ("--json",)):
        ran = cli("fingerprint", "-", "--format", form, *options, input=text)
        assert ran.out and "hunter2" not in ran.out and "ghp_" not in ran.out
    assert "password=[masked]" in ran.out


def test_a_pipe_is_read_and_a_folder_is_none(cli: Cli, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("lost 3 of 5\n",))
    writer.start()
    ran = cli("fingerprint", pipe, "--format", "log", "--jsonl")
    writer.join()
    assert [one["template"] for one in records(ran)] == ["lost <*> of <*>"]
    ran = cli("fingerprint", tmp_path, "--format", "log")
    assert (ran.status, "is a folder" in ran.err) == (2, True)


def test_input_that_is_refused_half_way_tells_it_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"message": "a"}\n' * 3 + "{\n", encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "metaagent", "fingerprint", file], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "line 4: not JSON" in ran.stderr and "Traceback" not in ran.stderr and "Exception ignored" not in ran.stderr


def test_the_groups_as_a_table_and_as_json(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("lost 3 of 5\nlost 4 of 5\nfound\n", encoding="utf-8")
    ran = cli("fingerprint", file)
    assert "lost <*> of <*>" in ran.out
    rows = cli("fingerprint", file, "--json").json
    assert [(row["count"], row["route"], row["template"]) for row in rows] == [
        (2, "exact", "lost <*> of <*>"),
        (1, "exact", "found"),
    ]


@pytest.mark.parametrize(
    ("form", "text", "told"),
    [
        ("jsonl", '{"message": "a"}\n{"message": \n', "line 2: not JSON"),
        ("jsonl", '{"message": "a"}\n[]\n', "line 2: not an object"),
        ("jsonl", '{"text": "a"}\n', "line 1: no text"),
        ("junit", "<testsuites>\n<testcase>\n</testsuites>", "line 3: not XML"),
        ("junit", "", "line 1: not XML"),
        ("ruff-json", "[\n{]", "line 2: not JSON"),
        ("ruff-json", "{}", "not a list"),
        ("ruff-json", '[{"a": 3}]', "not a report of ruff"),
        ("junit", "<coverage/>", "not a report of tests: <coverage>"),
        ("sarif", "{}", 'no list "runs"'),
        ("pytest-json", "[1]", 'no list "tests"'),
    ],
)
def test_malformed_input_names_the_line_and_prints_nothing(form: str, text: str, told: str, cli: Cli) -> None:
    ran = cli("fingerprint", "-", "--format", form, "--jsonl", input=text)
    assert (ran.status, ran.out) == (2, "")
    assert told in ran.err and "standard input" in ran.err


def test_a_format_that_is_none_and_one_that_the_name_tells(cli: Cli, tmp_path: Path) -> None:
    assert "did you mean 'junit'?" in cli("fingerprint", "-", "--format", "junt").err
    ran = cli("fingerprint", "-")
    assert (ran.status, "--format" in ran.err) == (2, True)
    (tmp_path / "r.sarif").write_text(json.dumps(SARIF), encoding="utf-8")
    assert cli("fingerprint", tmp_path / "r.sarif", "--json").json[0]["kind"] == "lint"
    assert cli("fingerprint", tmp_path / "none.log").status == 2


def test_no_errors_is_no_error(cli: Cli) -> None:
    ran = cli("fingerprint", "-", "--format", "log", input="")
    assert (ran.status, ran.out) == (0, "")
    assert cli("fingerprint", "-", "--format", "log", "--json", input="").json == []


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("".join(f"lost {i} of many words that fill a pipe\n" for i in range(30_000)), encoding="utf-8")
    command = [sys.executable, "-m", "metaagent", "fingerprint", str(file), "--jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_what_a_terminal_would_obey_is_escaped(cli: Cli) -> None:
    ran = cli("fingerprint", "-", "--format", "log", "--jsonl", input="lost \x1b[2J5 of\u202e 6 \x9b\n")
    assert ran.status == 0
    assert not set("\x1b\u202e\x9b") & set(ran.out)
