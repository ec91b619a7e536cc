from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.problem import Place, Problem, Severity
from newsletter.source import MAX_BYTES, Node, near_miss, parse_source, quoted, shortened


def parse(text: str) -> tuple[Node | None, tuple[Problem, ...]]:
    return parse_source(text.encode(), "f.yaml")


def good(text: str) -> Node:
    root, problems = parse(text)
    assert problems == ()
    assert root is not None
    return root


def only_problem(text: str | bytes) -> Problem:
    _, problems = parse_source(text if isinstance(text, bytes) else text.encode(), "f.yaml")
    assert len(problems) == 1, problems
    return problems[0]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("Y", "Y"), ("12:30", "12:30"), ("2024-01-25", "2024-01-25"),
        ("1_000", "1_000"), ("0b1", "0b1"), ("=", "="), ("true", True), ("False", False), ("null", None), ("~", None),
        ("", None), ("7", 7), ("-3", -3), ("012", 12), ("0x1F", 31), ("0o17", 15), ("1.5", 1.5), ("1e3", 1000.0),
        (".5", 0.5), ("9" * 100, "9" * 100), (".inf", ".inf"), ('"7"', "7"), ("'no'", "no"), ('""', ""),
    ],
)  # fmt: skip
def test_plain_scalar_follows_yaml_1_2(written: str, value: Any) -> None:
    found = good(f"a: {written}\nb: x\n").mapping["a"].value
    assert found == value
    assert type(found) is type(value)


def test_values_have_paths_and_places() -> None:
    root = good("é: 中文\nlist:\n  - x\n  - deep: {er: 1}\n")
    deep = root.mapping["list"].items[1].mapping["deep"].mapping["er"]
    assert deep.path == "list[1].deep.er"
    assert (deep.place, deep.key_place) == (Place("f.yaml", 4, 16), Place("f.yaml", 4, 12))
    assert root.mapping["é"].place == Place("f.yaml", 1, 4)


def test_columns_count_characters_after_a_byte_order_mark_and_wide_letters() -> None:
    root, problems = parse_source("\ufeff中文: 😀x\r\nb: c\r\n".encode(), "f.yaml")
    assert problems == ()
    assert root is not None
    assert root.mapping["中文"].place == Place("f.yaml", 1, 5)
    assert root.mapping["b"].place == Place("f.yaml", 2, 4)


def test_empty_value_is_placed_at_its_key() -> None:
    assert good("a: 1\nbcd:\ne: 2\n").mapping["bcd"].place == Place("f.yaml", 2, 1)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: so @", (1, 7)),
        ("a: 'it''s @'", (1, 11)),
        ('a: "\\u4e2d\\n\\x41 \\t@"', (1, 20)),
        ("a: |\n\n   one\n     two\n   @", (5, 4)),
        ("a: |2  # comment\n   x @", (2, 6)),
        ("a: >-\n  one\n  two\n\n  three @", (5, 9)),
        ("a: one\n  two\n\n  three @", (4, 9)),
        ('a: "one\n  two \\\n  @"', (3, 3)),
        ("a: 'one\n\n  @'", (3, 3)),
    ],
)
def test_place_at_finds_a_character_through_every_style(text: str, place: tuple[int, int]) -> None:
    node = good(text).mapping["a"]
    found = node.place_at(node.text.index("@"))
    assert (found.line, found.column) == place


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1), st.data())
def test_place_at_points_to_the_same_character_in_the_file(text: str, data: st.DataObject) -> None:
    text = text.replace("\ufeff", "").replace("\ufffe", "").replace("\uffff", "") or "x"
    node = good(f"a: {quoted(text)}\n").mapping["a"]
    assert node.text == text
    offset = data.draw(st.integers(0, len(text) - 1))
    if text[offset].isspace():
        return
    place = node.place_at(offset)
    character = node.source.line(place.line)[place.column - 1]
    assert character == ("\\" if text[offset] in '"\\' else text[offset])


@pytest.mark.parametrize(
    ("text", "rule", "line", "column"),
    [
        ("a: 1\nb: 2\na: 3\n", "duplicate-key", 3, 1),
        ("a: &x 1\n", "anchor", 1, 4),
        ("a: *x\n", "alias", 1, 4),
        ("*x : 1\n", "alias", 1, 1),
        ("a: !!int 1\n", "tag", 1, 4),
        ("a: !x 1\n", "tag", 1, 4),
        ("a: {<<: 1}\n", "merge-key", 1, 5),
        ("a: 1\n---\nb: 2\n", "several-documents", 2, 1),
        ("a: {{ x }}\n", "bad-key", 1, 5),
        ("? [a]\n: b\n", "bad-key", 1, 3),
        ("a: Foo: bar\n", "yaml", 1, 7),
        ("a:\n\tb: 1\n", "yaml", 2, 1),
        ("a: 1\n  b: 2\n", "yaml", 2, 4),
        ('a: "x\nb: y\n', "yaml", 1, 4),
        ('a: "x\nb: "y"\n', "yaml", 1, 4),
        ("a: *b* c\n", "yaml", 1, 6),
        ("a: `b`\n", "yaml", 1, 4),
        ("a: [b](c) d\n", "yaml", 1, 7),
        ("a: 'It's'\n", "yaml", 1, 8),
        ('a: "\\q"\n', "yaml", 1, 5),
        ("%YAML 3.0\n---\na: 1\n", "yaml", 1, 1),
        ("a: b #c\n", "cut-text", 1, 6),
        ("a: one two # three\n", "cut-text", 1, 12),
        ('a: "\\x07"\n', "control-character", 1, 4),
        ("a: b\x07\n", "control-character", 1, 5),
        ("a: b\u2028c\n", "control-character", 1, 5),
        ("a: b\x85c\n", "control-character", 1, 5),
        ("a: b\u202ec\n", "control-character", 1, 5),
        ("[" * 60, "too-deep", 1, 51),
        ("a:\n" + "- x\n" * 60_000, "too-many-values", 50002, 3),
    ],
)  # fmt: skip
def test_surprising_yaml_is_a_problem_at_its_place(text: str, rule: str, line: int, column: int) -> None:
    problem = only_problem(text)
    assert (problem.id, problem.place) == (rule, Place("f.yaml", line, column))


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "empty-file"), (b" \n\t\n", "empty-file"), (b"# nothing\n", "empty-file"), (b"---\n", "empty-file"),
        (b"a" * (MAX_BYTES + 1), "too-large"), ("a: é".encode("latin-1"), "bad-encoding"),
        ("a: x".encode("utf-16"), "bad-encoding"),
    ],
)  # fmt: skip
def test_file_without_usable_text_is_one_problem(data: bytes, rule: str) -> None:
    assert only_problem(data).id == rule


def test_bad_encoding_is_placed_at_the_first_bad_byte() -> None:
    assert only_problem("a: b\nc: dé".encode("latin-1")).place == Place("f.yaml", 2, 5)


@pytest.mark.parametrize(
    "text", ["a: b # c\n", "a: b  # c\n", "a: one two  # three\n", "a: b#c\n", 'a: "b #c"\n', "a: |\n  b #c\n"]
)
def test_comment_or_quoted_hash_is_no_cut(text: str) -> None:
    assert parse(text)[1] == ()


def test_prose_before_one_space_and_hash_only_warns() -> None:
    problem = only_problem("a: one two # three\n")
    assert problem.severity is Severity.WARNING
    assert "two spaces" in problem.hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("title: Foo: bar\n", 'Quote this text: title: "Foo: bar"'),
        ("  - quote: *b* c\n", 'Quote this text: - quote: "*b* c"'),
        ("title: Issue #4\n", 'Quote this text: "Issue #4"'),
        ("title: [a](b) c\n", 'Quote this text: title: "[a](b) c"'),
        ("title: 'It's'\n", 'Quote this text: title: "It\'s"'),
    ],
)
def test_hint_shows_the_text_quoted(text: str, hint: str) -> None:
    assert only_problem(text).hint == hint


def test_problem_quotes_its_line_without_control_characters() -> None:
    assert only_problem("a: b\n  c: \x1b[31md\n").quote == "  c: \N{REPLACEMENT CHARACTER}[31md"


def test_problem_in_an_endless_line_quotes_what_can_be_read() -> None:
    begin = only_problem("a: &x " + "y" * 5000).quote
    assert len(begin) == 1001
    assert only_problem("[" + "b, " * 500 + "&x d]").quote == ""


def test_many_problems_end_the_reading() -> None:
    root, problems = parse("a: 1\n" * 5000)
    assert root is None
    assert len(problems) == 101
    assert problems[-1].id == "too-many-problems"


@given(st.binary(max_size=200))
def test_any_bytes_give_a_tree_or_problems(data: bytes) -> None:
    root, problems = parse_source(data, "f.yaml")
    assert root is not None or problems


@given(st.text(st.sampled_from("ab:-[]{}\"'|>#&*!%@`,? \n\t"), max_size=60))
def test_any_soup_of_yaml_signs_gives_a_tree_or_problems(text: str) -> None:
    root, problems = parse(text)
    assert root is not None or problems
    assert all(problem.place.line >= 0 for problem in problems)


@pytest.mark.parametrize(
    ("word", "found"), [("titel", "Did you mean 'title'?"), ("URL", "Did you mean 'url'?"), ("colour", "")]
)
def test_near_miss_names_what_was_meant(word: str, found: str) -> None:
    assert near_miss(word, ["title", "url", "author"]) == found


def test_shortened_keeps_one_line_of_a_length() -> None:
    assert shortened("a\n  b") == "a b"
    assert shortened("x" * 100, 10) == "xxxxxxxxx…"


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ('title: a\nclosing:"x"\nsignature: b\n', "2:8", 'Write closing: "x"'),
        ('title: a\nclosing:"x"\n', "2:8", 'Write closing: "x"'),
        ('title: a\nblocks:\n  - button:"Go"\n    url: https://x.example\n', "3:11", 'Write button: "Go"'),
        ("title:Twelve links\ndate: 2024-01-25\n", "1:6", "Write title: Twelve links"),
        ("text: |\n  see:this\nclosing:'x'\nz: y\n", "3:8", "Write closing: 'x'"),
    ],
)
def test_missing_space_after_a_colon_is_told_in_its_own_line(text: str, place: str, hint: str) -> None:
    problem = only_problem(text)
    assert (str(problem.place), problem.hint) == (f"f.yaml:{place}", hint)
    assert problem.message == "a space is missing after this colon"
