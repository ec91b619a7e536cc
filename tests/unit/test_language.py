"""Language tags as people write them, what serves a reader of a language, and which way it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.language import best_match, direction_of, isolate, language_tag, lookup_order


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("en", "en"),
        ("EN", "en"),
        (" de_at ", "de-AT"),
        ("zh_hant_tw", "zh-Hant-TW"),
        ("ZH-HANS", "zh-Hans"),
        ("es-419", "es-419"),
        ("sl-rozaj-biske", "sl-rozaj-biske"),
        ("de-CH-1996", "de-CH-1996"),
        ("en-u-ca-buddhist", "en-u-ca-buddhist"),
        ("en-x-Team", "en-x-team"),
        ("en" + "-abcdefgh" * 3 + "-abcde", "en" + "-abcdefgh" * 3 + "-abcde"),  # 35 characters
    ],
)
def test_tag_is_written_in_its_one_form(text: str, tag: str) -> None:
    assert language_tag(text) == tag
    assert language_tag(tag) == tag


@pytest.mark.parametrize(
    "text",
    [
        "",
        "english",
        "e",
        "en-",
        "-en",
        "en us",
        "en--us",
        "12",
        "en-USA",
        "x-klingon",
        "中文",
        "en-" + "abcde-" * 8 + "x",
    ],
)
def test_tag_of_another_shape_is_none(text: str) -> None:
    assert language_tag(text) is None


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("zh-TW", ["zh-TW", "zh-Hant-TW", "zh-Hant", "zh"]),
        ("zh_hk", ["zh-HK", "zh-Hant-HK", "zh-Hant", "zh"]),
        ("zh-CN", ["zh-CN", "zh-Hans-CN", "zh-Hans", "zh"]),
        ("zh-Hant-TW", ["zh-Hant-TW", "zh-Hant", "zh"]),
        ("zh-Hans-TW", ["zh-Hans-TW", "zh-Hans", "zh"]),
        ("zh", ["zh"]),
        ("de-CH-1996", ["de-CH-1996", "de-CH", "de"]),
        ("en-x-pirate", ["en-x-pirate", "en"]),  # a part of one letter never stays last (RFC 4647 section 3.4)
        ("", []),
        ("-", []),
        ("*", []),
        ("aa-" * 10_000 + "aa", []),  # a header can be long
    ],
)
def test_lookup_order_shortens_from_the_end(tag: str, expected: list[str]) -> None:
    assert [*lookup_order(tag)] == expected


@pytest.mark.parametrize(
    ("wishes", "known", "expected"),
    [
        (["zh-TW"], ["en", "zh", "zh-Hant"], "zh-Hant"),
        (["zh-CN"], ["en", "zh-Hant", "zh"], "zh"),
        (["pt"], ["en", "pt-BR"], None),  # lookup never lengthens
        (["PT-br"], ["en", "pt-BR"], "pt-BR"),
        (["fr", "de"], ["en", "de"], "de"),
        (["", "not a tag!", "en"], ["en", "de"], "en"),
        (["en"], ["default", "en-US"], None),
        ([], ["en"], None),
        (["en"], [], None),
    ],
)
def test_best_match_is_the_first_wish_that_fits(wishes: list[str], known: list[str], expected: str | None) -> None:
    assert best_match(wishes, known) == expected


@pytest.mark.parametrize(
    ("tag", "direction"),
    [
        ("ar", "rtl"),
        ("he-IL", "rtl"),
        ("fa", "rtl"),
        ("az-Arab", "rtl"),
        ("az_arab", "rtl"),
        ("pa-PK", "rtl"),
        ("ar-Latn-EG", "ltr"),
        ("ur-Latn", "ltr"),
        ("en", "ltr"),
        ("de-1996", "ltr"),
        ("zh", "ltr"),
        ("", "ltr"),
    ],
)
def test_direction_of_language(tag: str, direction: str) -> None:
    assert direction_of(tag) == direction


@given(st.text(max_size=40))
def test_any_text_is_a_tag_or_has_nothing_to_look_for(text: str) -> None:
    tag = language_tag(text)
    assert lookup_order(text)[:1] == ((tag,) if tag else ())


@pytest.mark.parametrize(
    ("text", "language", "foreign"),
    [
        ("Ana Example", "he", True),
        ("11 · 2024", "he", False),
        ("נועה לביא", "he", False),
        ("نور الخياط", "he", False),
        ("نور Example", "ar", True),
        ("נועה לביא", "en", True),
        ("نور الخياط", "zh", True),
        ("Ana Example", "zh", False),
        ("", "he", False),
    ],
)
def test_only_a_name_written_the_other_way_is_isolated(text: str, language: str, foreign: bool) -> None:
    assert isolate(text, language) == (f"\u2068{text}\u2069" if foreign else text)
