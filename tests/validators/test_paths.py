from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.validators.paths import MISSING, find, find_all, read_path, show_path

parts = st.lists(st.text(min_size=1) | st.integers(0, 99999) | st.none(), min_size=1, max_size=5)


@given(parts)
def test_a_shown_path_reads_back(path: list[str | int | None]) -> None:
    assert list(read_path(show_path(path))) == path


@given(st.text())
def test_any_text_is_a_path_or_a_value_error(text: str) -> None:
    try:
        read_path(text)
    except ValueError:
        return
    assert text


@pytest.mark.parametrize("text", ["", "a.", "[", "a[x]", "a..b", '["a]', "a[1"])
def test_what_is_not_a_path(text: str) -> None:
    with pytest.raises(ValueError, match="path"):
        read_path(text)


def test_find() -> None:
    document = {"a": [{"b": 1}], "x.y": 2}
    assert find(document, read_path("a[0].b")) == 1
    assert find(document, read_path('["x.y"]')) == 2
    for path in ("a[1]", "a.b", "z", "a[0].b.c", "a[0][0]"):
        assert find(document, read_path(path)) is MISSING


def test_find_all() -> None:
    document = {"a": [{"b": 1}, {}]}
    assert list(find_all(document, read_path("a[*].b"))) == [("a[0].b", 1), ("a[1].b", MISSING)]
    assert list(find_all(document, read_path("z[*].b"))) == [("z[*]", MISSING)]
