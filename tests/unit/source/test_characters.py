"""Wrong characters in the place of YAML's signs: each named, at its place, with what to write."""

from __future__ import annotations

import pytest

from newsletter.problem import Problem
from newsletter.source import parse_source

WRONG = {
    "no-break space after the colon": ('title:\u00a0"x"\ndate: 2026-11-27\n', "1:7", "U+00A0 NO-BREAK SPACE"),
    "the same below a list": ("blocks:\n  - text:\u00a0x\n    id: a\n", "2:10", "U+00A0 NO-BREAK SPACE"),
    "no-break space as indentation": ("a:\n\u00a0\u00a0b: 1\nc: 2\n", "2:1", "U+00A0 NO-BREAK SPACE"),
    "no-break space after the hyphen": ("a:\n  -\u00a0b: 1\n    c: 2\n", "2:4", "U+00A0 NO-BREAK SPACE"),
    "ideographic space": ("title:\u3000x\ndate: 1\n", "1:7", "U+3000 IDEOGRAPHIC SPACE"),
    "full-width colon": ("title: x\ndate：2026-11-27\nlanguage: en\n", "2:5", "U+FF1A FULLWIDTH COLON"),
    "full-width colon and space": ("title： x\ndate: 2026-11-27\n", "1:6", "U+FF1A FULLWIDTH COLON"),
    "ratio as colon": ("title: x\ndate∶ 2026\nb: 1\n", "2:5", "U+2236 RATIO"),
    "en dash as hyphen": ("a:\n  – b: 1\n    c: 2\n", "2:3", "U+2013 EN DASH"),
    "bullet as hyphen": ("a:\n  - b: 1\n  • b: 2\n", "3:3", "U+2022 BULLET"),
    "byte order mark in the middle": ("a: 1\n\ufeffb: 2\n", "2:1", "U+FEFF ZERO WIDTH NO-BREAK SPACE"),
    "zero-width space in a key": ("ti\u200btle: x\n", "1:3", "U+200B ZERO WIDTH SPACE"),
    "zero-width space before the colon": ("title\u200b: x\n", "1:6", "U+200B ZERO WIDTH SPACE"),
    "mark before a key": ("\u200etitle: x\n", "1:1", "U+200E LEFT-TO-RIGHT MARK"),
    "wide letters in a key": ("ｔｉｔｌｅ: x\n", "1:1", "U+FF54 FULLWIDTH LATIN SMALL LETTER T"),
    "wide bracket": ("a: ［b, c]: d\n", "1:4", "U+FF3B FULLWIDTH LEFT SQUARE BRACKET"),
    "curly quote that hides a colon": ("title: “One: two”\n", "1:8", "U+201C LEFT DOUBLE QUOTATION MARK"),
    "wide number sign": ("＃ a comment\ntitle: x\n", "1:1", "U+FF03 FULLWIDTH NUMBER SIGN"),
}


def problems(text: str) -> tuple[Problem, ...]:
    return parse_source(text.encode(), "f.yaml")[1]


@pytest.mark.parametrize(("text", "place", "name"), WRONG.values(), ids=WRONG)
def test_wrong_character_is_named_at_its_place(text: str, place: str, name: str) -> None:
    (problem,) = problems(text)
    assert (problem.id, f"{problem.place.line}:{problem.place.column}") == ("wrong-character", place)
    assert problem.message.startswith(f"this is {name}")
    assert problem.hint.startswith(("Write ", "Delete "))


@pytest.mark.parametrize(
    "text",
    [
        "\ufefftitle: x\n",
        "title: “Quoted” and – so on\n",
        "text: |\n  Überschrift：中文，「引用」\u3000好\n",
        "titre:\n  - « Bonjour\u00a0! »\n",
        "naïve: 1\nпривет: 2\n名: 3\n",
        "a: שלום\u200f\nb: می\u200cخواهم\n",
    ],
)
def test_character_of_a_text_is_none(text: str) -> None:
    assert problems(text) == ()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('a: 1\nclosing:"x"\nb: 2\n', "2:8"),
        ('a: "1"\nclosing:"x"\n', "2:8"),
        ('a: |\n  note:x\nclosing:"x"\nb: 2\n', "3:8"),
        ("a:\n  - b: 1\n    c:'x'\n  - b: 2\n", "3:6"),
    ],
)
def test_missing_space_is_blamed_on_its_own_line(text: str, place: str) -> None:
    (problem,) = problems(text)
    assert (problem.id, f"{problem.place.line}:{problem.place.column}") == ("yaml", place)
    assert problem.hint.startswith(("Write closing: ", "Write c: "))
