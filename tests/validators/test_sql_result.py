"""``sql.result`` on a real database in a real sandbox."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from metaagent.errors import EnvironmentFailedError, TrustError
from metaagent.records import Check, ErrorKind, Outcome, Verdict
from metaagent.sandbox import base
from metaagent.trust import digest
from metaagent.validators import CheckContext, OptionsError, get, judge
from tests.validators.walls import named, strongest, verdict

EXPECTED = {"columns": ["town", "members"], "rows": [["Oslo", 2], ["Rome", 1]], "ordered": False}
RIGHT = "SELECT town, COUNT(*) AS members FROM people GROUP BY town"
FIXTURE = "fixtures/club.db"
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("club")
    (folder / "fixtures").mkdir()
    connection = sqlite3.connect(folder / FIXTURE)
    connection.executescript(
        "CREATE TABLE people (name TEXT, town TEXT, paid REAL);"
        "INSERT INTO people VALUES ('Ada', 'Oslo', 0.1), ('Bo', 'Oslo', 0.2), ('Cy', 'Rome', NULL);"
    )
    connection.close()
    return folder


def run(root: Path, query: str, expected: Any = EXPECTED, **options: Any) -> Verdict:
    return verdict(root, query, "sql.result", fixture=FIXTURE, expected=expected, **options)


def test_the_right_query_passes_with_a_semicolon_and_a_comment_too(root: Path) -> None:
    for query in (RIGHT, f"-- members\n{RIGHT};\n-- done", f"{RIGHT} ORDER BY town DESC"):
        found = run(root, query)
        assert (found.outcome, found.checked, found.held) == (Outcome.PASS, 4, 4), found


@pytest.mark.parametrize("name", ["bubblewrap", "landlock"])
def test_at_every_level(root: Path, name: str) -> None:
    found = verdict(root, RIGHT, "sql.result", named(name), fixture=FIXTURE, expected=EXPECTED)
    assert found.outcome is Outcome.PASS


def test_the_order_counts_where_it_is_asked_for(root: Path) -> None:
    ordered = {**EXPECTED, "ordered": True}
    assert run(root, f"{RIGHT} ORDER BY town", ordered).outcome is Outcome.PASS
    assert run(root, f"{RIGHT} ORDER BY town DESC", ordered).findings[0].message == "the rows stand in another order"


@pytest.mark.parametrize(
    ("query", "kind", "message"),
    [
        ("", ErrorKind.FORMAT, "the reply is empty"),
        ("-- nothing", ErrorKind.FORMAT, "the reply is empty"),
        (f"```sql\n{RIGHT}\n```", ErrorKind.FORMAT, "code fence"),
        (f"Here it is:\n{RIGHT}", ErrorKind.FORMAT, "text stands before it"),
        (f"{RIGHT};\nThis groups by town.", ErrorKind.FORMAT, "something follows it"),
        (f"{RIGHT}; DELETE FROM people", ErrorKind.FORMAT, "something follows it"),
        ("SELECT '\0'", ErrorKind.FORMAT, "characters"),
        ("SELECT '\ud800'", ErrorKind.FORMAT, "characters"),
        ("SELECT " + "1," * 30_000 + "1", ErrorKind.RESOURCE, "characters"),
        ("DELETE FROM people", ErrorKind.FORMAT, "begins with DELETE"),
        ("ATTACH 'x.db' AS x", ErrorKind.FORMAT, "begins with ATTACH"),
        ("PRAGMA journal_mode = WAL", ErrorKind.FORMAT, "begins with PRAGMA"),
        ("WITH a AS (SELECT 1) DELETE FROM people", ErrorKind.FORMAT, "it wants DELETE"),
        ("SELECT * FROM pragma_table_info('people')", ErrorKind.FORMAT, "only reading is allowed"),
        ("SELECT load_extension('x')", ErrorKind.FORMAT, "the function load_extension"),
        ("SELECT town FRM people", ErrorKind.SYNTAX, "syntax error"),
        ("SELECT (town FROM people", ErrorKind.SYNTAX, "syntax error"),
        ("SELECT city FROM people", ErrorKind.NAME, "no such column: city"),
        ("SELECT 1 FROM persons", ErrorKind.NAME, "no such table: persons"),
        ("SELECT YEAR('2024') FROM people", ErrorKind.NAME, "no such function: YEAR"),
        ("SELECT upper(town, 1) FROM people", ErrorKind.SIGNATURE, "wrong number of arguments"),
        ("SELECT abs(-9223372036854775808)", ErrorKind.EXCEPTION, "integer overflow"),
        (f"{ENDLESS} SELECT count(*) FROM c", ErrorKind.TIMEOUT, "the query took too long"),
        (f"{ENDLESS} SELECT x FROM c", ErrorKind.RESOURCE, "more than 10000 rows"),
        ("SELECT replace(printf('%1500000d', 1), ' ', 'xx')", ErrorKind.RESOURCE, "too big"),
        (f"{ENDLESS} SELECT printf('%1500000d', x) FROM c LIMIT 9", ErrorKind.RESOURCE, "bytes"),
    ],
)
def test_every_way_to_go_wrong_has_its_kind(root: Path, query: str, kind: ErrorKind, message: str) -> None:
    found = run(root, query, seconds=1)
    assert found.outcome is Outcome.FAIL
    assert found.findings[0].kind is kind, found
    assert message in found.findings[0].message
    assert found.held == 0


def test_a_wrong_result_says_which_rows_and_columns(root: Path) -> None:
    found = run(root, "SELECT town, SUM(paid) AS members FROM people GROUP BY town")
    assert (found.checked, found.held) == (4, 2)
    assert [(one.location, one.message, one.expected, one.got) for one in found.findings] == [
        ("row 1", "wrong value in 'members'", '["Oslo", 2]', '["Oslo", 0.30000000000000004]'),
        ("row 2", "wrong value in 'members'", '["Rome", 1]', '["Rome", null]'),
    ]


def test_null_is_null_and_a_blob_is_no_text(root: Path) -> None:
    expected = {"columns": ["a", "b"], "rows": [[None, "x"]]}
    assert run(root, "SELECT NULL AS a, 'x' AS b", expected).outcome is Outcome.PASS
    assert run(root, "SELECT NULL AS a, x'78' AS b", expected).outcome is Outcome.FAIL
    assert run(root, "SELECT 0 AS a, 'x' AS b", expected).outcome is Outcome.FAIL
    assert run(root, "SELECT 1e999 AS a, 'x' AS b", expected).outcome is Outcome.FAIL


def test_the_fixture_is_never_written(root: Path) -> None:
    before = (root / FIXTURE).read_bytes()
    run(root, "WITH a AS (SELECT 1) UPDATE people SET town = 'Rome'")
    assert (root / FIXTURE).read_bytes() == before
    assert [path.name for path in (root / "fixtures").iterdir()] == ["club.db"]


def _one(context: CheckContext, fixture: str = FIXTURE) -> Verdict:
    return judge(RIGHT, (Check("sql.result", False, {"fixture": fixture, "expected": EXPECTED}),), context)[0]


def test_without_a_sandbox_nothing_runs(root: Path) -> None:
    found = _one(CheckContext(root, trusted=lambda *_: True))
    assert (found.outcome, found.findings[0].kind) == (Outcome.INCONCLUSIVE, ErrorKind.INFRASTRUCTURE)
    assert found.findings[0].message.startswith("nothing was run")


def test_a_sandbox_that_stops_working_is_for_the_run_to_hear(root: Path) -> None:
    class Fallen:
        level, name = 1, "fallen"

        def identity(self) -> str:
            return "fallen"

        def run(self, job: base.Job) -> base.Outcome:  # noqa: ARG002
            raise EnvironmentFailedError("no walls today")

    with pytest.raises(EnvironmentFailedError, match="no walls today"):
        _one(CheckContext(root, trusted=lambda *_: True, sandbox=Fallen()))


def test_a_fixture_must_be_there_be_trusted_and_be_a_database(root: Path) -> None:
    pinned = {FIXTURE: digest((root / FIXTURE).read_bytes())}
    trusted = lambda path, found: pinned.get(path) == found  # noqa: E731
    assert _one(CheckContext(root, trusted=trusted, sandbox=strongest())).outcome is Outcome.PASS
    pinned[FIXTURE] = "another"
    with pytest.raises(TrustError, match=r"fixtures/club.db is not trusted"):
        _one(CheckContext(root, trusted=trusted, sandbox=strongest()))
    (root / "fixtures" / "text").mkdir(exist_ok=True)
    (root / "fixtures" / "text" / "bad.db").write_text("this is text, not a database of any kind")
    context = CheckContext(root, trusted=lambda *_: True, sandbox=strongest())
    for fixture, message in {
        "fixtures/none.db": "the fixture fixtures/none.db does not exist",
        "../club.db": "is not in fixtures/",
        "fixtures/text": "is a folder",
        "fixtures/text/bad.db": "cannot be read: file is not a database",
    }.items():
        found = _one(context, fixture)
        assert (found.outcome, found.findings[0].kind) == (Outcome.INCONCLUSIVE, ErrorKind.INFRASTRUCTURE)
        assert message in found.findings[0].message


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"fixture": "", "expected": EXPECTED}, "fixture"),
        ({"fixture": "f", "expected": [[1]]}, "expected"),
        ({"fixture": "f", "expected": {"rows": 3}}, "expected.rows"),
        ({"fixture": "f", "expected": {"columns": [], "rows": []}}, "expected.columns"),
        ({"fixture": "f", "expected": {"columns": ["a"], "rows": [[1, 2]]}}, "expected.rows"),
        ({"fixture": "f", "expected": {"columns": ["a"], "rows": [[[1]]]}}, "expected.rows"),
        ({"fixture": "f", "expected": {"columns": ["a"], "rows": [], "orderd": True}}, "orderd"),
        ({"fixture": "f", "expected": EXPECTED, "seconds": 0}, "seconds"),
        ({"fixture": "f", "expected": EXPECTED, "tolerance": -1}, "tolerance"),
    ],
)
def test_options_that_do_not_hold(options: dict[str, Any], option: str) -> None:
    with pytest.raises(OptionsError) as caught:
        get("sql.result")(options)
    assert caught.value.option == option
