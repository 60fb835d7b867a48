"""The shape of a difference: what groups failures whose place is a mere index."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.learning.fingerprints.shapes import shape
from metaagent.learning.patterns import native

MONEY = '{"args": [5], "returns": {"$": "house.Money", "args": [1, "EUR"]}}'


@pytest.mark.parametrize(
    ("expected", "got", "wanted"),
    [
        (MONEY, '{"returns": 1.0}', "another type"),
        (MONEY, '{"returns": {"$": "house.Money", "args": [2, "EUR"]}}', "another house.Money"),
        (MONEY, '{"raises": {"type": "TypeError", "message": "x"}}', "an exception"),
        ('{"raises": {"type": "A"}}', '{"raises": {"type": "B"}}', "another exception"),
        ('{"raises": "A"}', '{"returns": null}', "no exception"),
        ('{"returns": "Ab"}', '{"returns": "aB"}', "text in another case"),
        ('{"returns": "a b"}', '{"returns": "a-b"}', "text with other punctuation"),
        ('{"returns": 3}', '{"returns": true}', "another type"),
        ('["Tea", 8724.54]', '["Tea", 1233840]', "number about 100 times too large"),
        ('["Tea", 8724.54]', '["Tea", 10381.2]', "number too large"),
        ('["Tea", -5.0]', '["Tea", -0.5]', "number about 10 times too large"),
        ('["Tea", 5]', '["Tea", -50]', "number too small"),
        ('["Tea", 0]', '["Tea", 50]', "number too large"),
        ('["Tea", 1e-30]', '["Tea", 1e30]', "number too large"),
        ('["Tea", NaN]', '["Tea", 3]', "number too small"),
        ('["Tea", 0.5]', f'["Tea", {"9" * 400}]', "number too large"),
        ('["Tea", 9]', '["Tea", 3]', "number too small"),
        ('["Tea", 9]', '["Coffee", 3]', "several values"),
        ('["Tea"]', '["Tea", 3]', ""),
        ('"Tea"', '"tea"', ""),
        ("4", "5", ""),
        (None, '["Tea"]', ""),
        ("not json {", "[1", ""),
    ],
)
def test_shapes(expected: str | None, got: str | None, wanted: str) -> None:
    assert shape(expected, got) == wanted


@given(st.one_of(st.none(), st.text(max_size=20)), st.one_of(st.none(), st.text(max_size=20)))
def test_any_text_has_a_shape(expected: str | None, got: str | None) -> None:
    assert isinstance(shape(expected, got), str)


def test_failures_whose_place_is_an_index_are_told_apart_by_it_and_never_by_values() -> None:
    large = native("assertion", "sql.result", "row 1", "wrong value in 'n'", "[1]", "[2]")
    assert large == native("assertion", "sql.result", "row 7", "wrong value in 'n'", "[10]", "[19]")
    assert large != native("assertion", "sql.result", "row 1", "wrong value in 'n'", "[2]", "[1]")
