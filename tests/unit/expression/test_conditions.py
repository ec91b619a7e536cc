"""Conditions: what holds for which values, that nothing raises, and where a mistake is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import ExpressionError
from newsletter.expression import Values, holds, names_in, parse_condition

ANA = {"country": "DE", "plan": "Gold", "points": 7, "share": 0.5, "member": True, "left": False, "blank": "  ",
       "colours": ["red", True, ["blue"], None]}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('country == "DE"', True),
        ("country == 'de'", False),
        ('country != "FR"', True),
        ('"DE" == country', True),
        ('country | lower == "de"', True),
        ('plan | upper == "GOLD"', True),
        ("country == country", True),
        ('country in ["AT", "DE"]', True),
        ('country not in ["AT", "DE"]', False),
        ('country in ["AT"]', False),
        ("points == 7", True),
        ("points == 7.0", True),
        ("points > 6.5", True),
        ("points >= 8", False),
        ('"red" in colours', True), ('"blue" not in colours', True), ("1 in colours", False), ("true in colours", True),
        ("country in colours", False), ('"DE" in country', False), ("nothing in colours", False),
        ("points in [1, 7]", True), ("share < 1", True), ("points > -1", True),
        # text by code point: capitals come first, accents after z
        ('country < "Da"', True),
        ('country > "DD"', True),
        ('plan < "gold"', True),
        ('"é" > "z"', True),
        # alone: whether there is a value
        ("country", True),
        ("nothing", False),
        ("blank", False),
        ("points", True),
        ("member", True),
        ("left", False),
        ("not nothing", True), ("member == true", True), ("left == false", True), ("true", True),
        # a missing or blank value makes every comparison false
        ('nothing == "DE"', False), ('nothing != "DE"', False), ('nothing in ["DE"]', False),
        ('nothing not in ["DE"]', False),
        ('blank == "  "', False),
        ('blank != "DE"', False),
        ("nothing < 3", False),
        ("nothing == nothing", False),
        ('not (nothing == "DE")', True),
        ('nothing | default("XX") != "DE"', True),
        # and so do values of two kinds
        ('points == "7"', False),
        ('points != "7"', False),
        ("country > 3", False),
        ("country in [1, true]", False),
        ("member == 1", False), ("member < true", False), ("points == true", False),
        ("country.of.them", False), ("points.of == 1", False),
        # and before or, not before and
        ("true or false and false", True),
        ("(true or false) and false", False),
        ("not left and member", True),
        ("not (left or member)", False), ("not not member", True),
        ('subscriber.country == "DE" and (plan == "Gold" or points > 100) and not left', True),
    ],
)  # fmt: skip
def test_condition_holds(source: str, expected: bool) -> None:
    assert holds(parse_condition(source), {**ANA, "subscriber": ANA}) is expected


@pytest.mark.parametrize(
    ("source", "position", "message", "hint"),
    [
        ("", 0, "something is missing at the end", 'A condition looks like country == "DE"'),
        ('country = "DE"', 8, "cannot be read", "Write ==."),
        ('country === "DE"', 10, "cannot be read", ""),
        ('country <> "DE"', 9, "cannot be read", ""),
        ('country == "DE" && member', 16, "cannot be read", "Write and."),
        ("a || b", 2, "cannot be read", "Write or."),
        ("!member", 0, "cannot be read", "Write not."),
        ("a AND b", 2, "cannot be read", "Write and."),
        ("a and", 5, "something is missing at the end", ""),
        ("country == “DE”", 11, "cannot be read", "straight quotes"),
        ('country == "DE', 11, "cannot be read", ""),
        ('country in "DE"', 11, "after in comes a list", '["DE", "AT"]'),
        ('country in ["DE"', 11, "this bracket is not closed", ""),
        ('(country == "DE"', 0, "bracket is not closed", ""),
        ("country in [DE]", 12, "DE is a name, and a text belongs here", 'Quote it: "DE"'),
        ("country in []", 12, "cannot be read", ""),
        ("a b", 2, "cannot be read", ""),
        ("a not b", 2, "cannot be read", ""),
        ("1 < a < 3", 6, "only two values can be compared", "a < b and b < c"),
        ("a | shout", 4, "no filter 'shout'", ""),
        ("a[0]", 1, "cannot be read", ""),
        ("a()", 1, "cannot be read", ""),
        ("a.", 2, "something is missing", ""),
        ("{{ a }}", 0, "cannot be read", "without braces"), ("a == 1e9", 5, "cannot be read", ""),
        ("a == 12345678901234567890", 5, "cannot be read", ""),
        ("(" * 160 + "a" + ")" * 160, 121, "too deeply", ""),
        ("not " * 160 + "a", 484, "too deeply", ""), ('a == "x\\"', 5, "cannot be read", ""),
    ],
)  # fmt: skip
def test_condition_that_does_not_parse_says_where_and_what_to_do(
    source: str, position: int, message: str, hint: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_condition(source)
    assert (caught.value.position, message in str(caught.value), hint in caught.value.hint) == (position, True, True)


def test_names_keep_their_places() -> None:
    found = names_in(parse_condition('country == DE or (not subscriber.plan in ["DE"])'))
    assert [(name.path, name.position) for name in found] == [
        (("country",), 0), (("DE",), 11), (("subscriber", "plan"), 22),
    ]  # fmt: skip


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.text()))
SOURCES = [
    "a == b", "a < b", "a >= b", 'a in ["x", 1, true]', 'a not in ["x"] or not b', 'a | upper == b | default("x")',
    "a and (b or not a)", "a | first_word | title != b",
]  # fmt: skip


@given(a=SCALARS, b=SCALARS, source=st.sampled_from(SOURCES))
def test_no_value_raises(a: Any, b: Any, source: str) -> None:
    values: Values = {"a": a, "b": b}
    assert holds(parse_condition(source), values) in (True, False)


@given(st.text(alphabet="ab \"'()[]<>=!.,|&1nordtie\\", max_size=40))
def test_any_text_parses_or_is_refused_within_it(text: str) -> None:
    try:
        assert holds(parse_condition(text), {}) in (True, False)
    except ExpressionError as error:
        place = error.position
    else:
        place = 0
    assert 0 <= place <= len(text)


def test_equal_conditions_are_equal_wherever_they_are_written() -> None:
    one, other = parse_condition('a == "x" and b'), parse_condition('  a=="x"   and (b)')
    assert one.tree == other.tree
    assert hash(one.tree) == hash(other.tree)
