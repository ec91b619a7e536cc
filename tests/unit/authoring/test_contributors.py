from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from writing import png

from newsletter.authoring.contributors import (
    Contributor,
    contributor_links,
    escape_markdown,
    link_contributors,
    load_contributors,
)
from newsletter.authoring.parts import Author
from newsletter.problem import Place

ANA = Contributor("ana", {"en": "Ana Example", "zh": "安娜"}, "https://ana.example.org", bios={"": "Draws."})
BO = Contributor("bo", {"": "Bo_Sample* [x]"})
PEOPLE = {"ana": ANA, "bo": BO}


def linked(text: str, language: str = "en") -> str:
    return link_contributors(text, PEOPLE, language, "en")


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("as [](@ana) shows", "as [Ana Example](<https://ana.example.org>) shows"),
        ("[her **map**](@ana)", "[her **map**](<https://ana.example.org>)"),
        ("[](@bo)", r"Bo\_Sample\* \[x\]"),
        ("[Bo](@bo)", "Bo"),
        (r"\[](@ana)", r"\[](@ana)"),
        ("`[](@ana)` and ``[](@bo)``", "`[](@ana)` and ``[](@bo)``"),
        ("a lone ` then [](@bo)", r"a lone ` then Bo\_Sample\* \[x\]"),
        ("[a](https://x.example) [](@nobody)", "[a](https://x.example) [](@nobody)"),
        (r"[a\]b](@ana)", r"[a\]b](<https://ana.example.org>)"),
    ],
)
def test_link_to_a_person_becomes_markdown(text: str, result: str) -> None:
    assert linked(text) == result


def test_person_has_the_name_of_the_language() -> None:
    assert linked("[](@ana)", "zh-CN") == "[安娜](<https://ana.example.org>)"
    assert ANA.author("fr", "zh") == Author("安娜", "https://ana.example.org", None, "Draws.", "ana")


@pytest.mark.parametrize(("language", "bio"), [("en", "Draws."), ("en-US", "Draws."), ("zh", "画画。"), ("fr", "")])
def test_sentence_of_the_same_language_elsewhere_is_shown(language: str, bio: str) -> None:
    person = Contributor(
        "cy", {"en": "Cy"}, bios={"en-GB": "Draws.", "zh-Hans": "画画。"}, bio_place=Place("people.yaml", 3, 8)
    )
    assert person.author(language, "fr").bio == bio
    assert (person.untranslated(language, "fr") is None) == bool(bio)


@pytest.mark.parametrize(
    ("bios", "bio", "told"),
    [
        ({"en": "Draws.", "de": "Zeichnet."}, "", "this bio is missing in fr; none is shown"),
        ({"en": "Draws.", "pt": "Desenha."}, "Desenha.", "this bio is missing in fr; the one in pt is shown"),
        ({"en": "Draws.", "fr": "Dessine."}, "Dessine.", ""),
        ({"": "Draws."}, "Draws.", ""),
        ({}, "", ""),
    ],
)
def test_sentence_of_a_third_language_is_not_shown(bios: dict[str, str], bio: str, told: str) -> None:
    person = Contributor("cy", {"en": "Cy"}, bios=bios, bio_place=Place("people.yaml", 3, 8) if bios else None)
    assert person.author("fr", "pt") == Author("Cy", bio=bio, id="cy")
    problem = person.untranslated("fr", "pt")
    assert (problem.message if problem else "") == told


def test_person_links_have_offsets_and_tell_broken_ones() -> None:
    found = [
        (link.offset, link.id, link.is_whole) for link in contributor_links("a [](@ana) `[](@x)` [b](@two words) [](@)")
    ]
    assert found == [(2, "ana", True), (22, "", False), (36, "", True)]


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=30))
def test_escaped_words_are_shown_as_they_are(words: str) -> None:
    words = " ".join(words.split())
    shown = MarkdownIt("commonmark").renderInline(f"x{escape_markdown(words)}x")
    plain = f"x{words}x".replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    assert shown == plain


def test_people_are_loaded_with_their_pictures(tmp_path: Path) -> None:
    (tmp_path / "ana.png").write_bytes(png(80, 80))
    file = tmp_path / "people.yaml"
    file.write_text(
        "ana: {name: {en: Ana, pt-br: Aninha}, url: 'https://a.example', avatar: ana.png, bio: {en: Draws.}}\n"
    )
    people, problems = load_contributors(file, tmp_path)
    assert problems == ()
    assert people["ana"].names == {"en": "Ana", "pt-BR": "Aninha"}
    assert people["ana"].avatar is not None
    assert people["ana"].bios == {"en": "Draws."}
    assert people["ana"].bio_place == Place("people.yaml", 1, 87)


@pytest.mark.parametrize(
    ("text", "rule", "place"),
    [
        ("ana: {name: 7}\n", "wrong-type", (1, 13)),
        ("ana: {}\n", "missing-key", (1, 6)),
        ("ana: {name: {english: Ana}}\n", "bad-key", (1, 14)),
        ("a b: {name: Ana}\n", "bad-key", (1, 1)),
        ("- ana\n", "wrong-type", (1, 1)),
        ("ana: {name: Ana, url: 'ana.example'}\n", "bad-url", (1, 23)),
        ("ana: {name: Ana, avatar: none.png}\n", "missing-image", (1, 26)),
        ("ana: {name: Ana, avatar: ../../etc/x.png}\n", "bad-image", (1, 26)),
        ("ana: {name: Ana, avatar: people.yaml}\n", "bad-image", (1, 26)),
    ],
)
def test_person_that_is_wrong_is_a_problem_at_its_place(
    tmp_path: Path, text: str, rule: str, place: tuple[int, int]
) -> None:
    file = tmp_path / "people.yaml"
    file.write_text(text, encoding="utf-8")
    _, problems = load_contributors(file, tmp_path)
    assert [(p.id, (p.place.line, p.place.column)) for p in problems] == [(rule, place)]


def test_person_with_a_problem_can_still_be_referred_to(tmp_path: Path) -> None:
    file = tmp_path / "people.yaml"
    file.write_text("ana: {nam: Ana}\nbo: {name: Bo}\n", encoding="utf-8")
    people, problems = load_contributors(file, tmp_path)
    assert people.keys() == {"ana", "bo"}
    assert [problem.id for problem in problems] == ["unknown-key"]
