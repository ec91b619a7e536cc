"""Merge fields: what parses, what a missing value gives, and that data never becomes code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import ExpressionError
from newsletter.expression import FILTERS, parse_field


@pytest.mark.parametrize(
    ("source", "values", "expected"),
    [
        ("subscriber.name", {"subscriber": {"name": "Zoë"}}, "Zoë"),
        (" subscriber.name ", {"subscriber": {}}, ""),
        ('subscriber.name | default("there")', {"subscriber": {}}, "there"),
        ("subscriber.name | default('there')", {"subscriber": {"name": "  "}}, "there"),
        ('subscriber.name | first_word | default("you")', {"subscriber": {"name": "Ana María López"}}, "Ana"),
        ('subscriber.name | first_word | default("you")', {"subscriber": {"name": ""}}, "you"),
        ("subscriber.points", {"subscriber": {"points": 7}}, "7"),
        ("subscriber.name | upper", {"subscriber": {"name": "straße"}}, "STRASSE"),
        ("subscriber.name.first", {"subscriber": {"name": "Ana"}}, ""),
        ("a | default(\"it's 'so'\")", {}, "it's 'so'"),
        ("nobody.knows", {}, ""),
    ],
)
def test_field_evaluates(source: str, values: dict[str, object], expected: str) -> None:
    assert parse_field(source).evaluate(values) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "begins with a name"),
        ("| upper", "begins with a name"),
        ("subscriber.name | shout", "no filter 'shout'"),
        ("subscriber.name | default", "takes 1 value"),
        ('subscriber.name | default("a", "b")', "takes 1 value"),
        ("subscriber.name | upper('x')", "takes 0 values"),
        ('subscriber.name | default("a"', "closing bracket"),
        ("subscriber.name upper", "cannot be read"),
        ("subscriber['name']", "cannot be read"),
        ("subscriber.__class__()", "cannot be read"),
        ("1", "begins with a name"),
        ("subscriber.name | ", "no filter ''"),
    ],
)
def test_field_that_does_not_parse_says_why(source: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        parse_field(source)


def test_field_never_reaches_into_objects() -> None:
    assert parse_field("subscriber.__class__.__name__").evaluate({"subscriber": {"name": "x"}}) == ""


@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        field = parse_field(text)
    except ExpressionError:
        return
    assert field.evaluate({}) is not None


def test_unknown_filter_names_those_that_exist() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_field("subscriber.name | nope")
    assert all(name in caught.value.hint for name in FILTERS)
