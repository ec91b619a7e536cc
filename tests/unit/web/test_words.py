"""The words of the public pages: every language has all of them, and each reader gets the best there is."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files

import pytest

from newsletter.web.public.words import accepted_languages, choose_words

CATALOGUES = tomllib.loads(files("newsletter.web.public").joinpath("words.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", sorted(CATALOGUES))
def test_every_language_has_every_phrase_with_its_places(language: str) -> None:
    def places(phrases: dict[str, str]) -> dict[str, list[str]]:
        return {key: re.findall(r"\{.*?\}", text) for key, text in phrases.items()}

    assert places(CATALOGUES[language]) == places(CATALOGUES["en"])
    assert all(text.strip() == text and text for text in CATALOGUES[language].values())


def test_no_line_of_french_can_begin_with_a_sign() -> None:
    texts = "\n".join(CATALOGUES["fr"].values())
    assert set(re.findall(r"(.)([:;?!])", texts)) == {("\u00a0", ":"), ("\u202f", ";"), ("\u202f", "?")}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["zh-TW"], "zh-Hant"),
        (["zh-Hant-HK"], "zh-Hant"),
        (["zh-Hans-CN"], "zh"),
        (["zh-Hans-TW"], "zh"),
        (["zh_CN"], "zh"),
        (["PT-br"], "pt"),
        (["", "xx", "ja"], "ja"),
        (["", "../../etc/passwd"], "en"),
        ([], "en"),
    ],
)
def test_words_are_the_best_match(wanted: list[str], expected: str) -> None:
    assert choose_words(wanted).language == expected


def test_words_are_not_a_template_for_the_name() -> None:
    assert choose_words(["en"])("leave_title", newsletter="{0.__class__} {left_text}") == (
        "Unsubscribe from \u2068{0.__class__} {left_text}\u2069?"
    )


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        ("de", ["de"]),
        ("fr;q=0.2, de-CH , en;q=0.8", ["de-CH", "en", "fr"]),
        ("de;q=0, en;q=nan, fr;q=2, es;q=x, it;q=0.1", ["it"]),
        (",;,;q=,", []),
        (", ".join(["en"] * 1000), ["en"] * 20),
    ],
)
def test_accepted_languages_are_in_order_of_preference(header: str, expected: list[str]) -> None:
    assert accepted_languages(header) == expected
