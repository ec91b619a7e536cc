from __future__ import annotations

import pytest

from newsletter.authoring.language import lookup, normalise_tag


@pytest.mark.parametrize(
    ("written", "tag"),
    [("en", "en"), ("EN-us", "en-US"), ("zh-hant-tw", "zh-Hant-TW"), ("es-419", "es-419"), (" fil ", "fil")],
)
def test_tag_has_one_spelling(written: str, tag: str) -> None:
    assert normalise_tag(written) == tag


@pytest.mark.parametrize("written", ["", "e", "english", "zh_CN", "en-", "12", "en-USA", "x-klingon"])
def test_what_is_no_tag_is_none(written: str) -> None:
    assert normalise_tag(written) is None


@pytest.mark.parametrize(
    ("language", "fallback", "text"),
    [
        ("zh-TW", "en", "traditional"), ("zh-HK", "en", "traditional"), ("zh-CN", "en", "simple"),
        ("zh", "en", "simple"),
        ("en-GB", "zh", "english"), ("fr", "en-US", "english"), ("fr", "it", "english"),
        ("zh-Hant-TW", "en", "traditional"),
    ],
)  # fmt: skip
def test_lookup_shortens_the_tag_then_falls_back(language: str, fallback: str, text: str) -> None:
    assert lookup({"en": "english", "zh": "simple", "zh-Hant": "traditional"}, language, fallback) == text


def test_lookup_in_nothing_is_empty() -> None:
    assert lookup({}, "en", "en") == ""
