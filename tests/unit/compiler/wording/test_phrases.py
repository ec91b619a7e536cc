"""The interface words: complete in every language, plural and dates as people write them."""

from __future__ import annotations

import string
from datetime import date

import pytest

from newsletter.compiler.wording.phrases import KEYS, WORDS, issue_date, phrase, plural, wording

LANGUAGES = ("en", "zh", "zh-Hant", "de", "fr", "es", "pt", "it", "nl", "pl", "ja", "ko", "ar", "he")


def _braces(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_dictionary_holds_every_language(language: str) -> None:
    assert wording(language) == language


@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("key", KEYS)
def test_phrase_is_there_in_every_language(language: str, key: str) -> None:
    text = phrase(key, language, newsletter="The Meridian", count=5)
    assert text.strip()
    assert "{" not in text


@pytest.mark.parametrize("language", WORDS)
def test_language_has_no_phrase_of_its_own(language: str) -> None:
    assert set(WORDS[language]) - {"like"} == set(WORDS["en"])


@pytest.mark.parametrize("language", WORDS)
def test_why_names_the_newsletter(language: str) -> None:
    assert "The Meridian" in phrase("why", language, newsletter="The Meridian")


@pytest.mark.parametrize("language", WORDS)
def test_date_pattern_knows_day_month_and_year(language: str) -> None:
    words = WORDS[language]
    assert _braces(words["date"]) == {"day", "month", "year"}
    assert len(words["months"].split()) in (0, 12)
    assert len({issue_date(date(2024, month, 2), language) for month in range(1, 13)}) == 12


@pytest.mark.parametrize("language", WORDS)
def test_minutes_have_a_form_for_every_number(language: str) -> None:
    forms = WORDS[language]["minutes"]
    assert set(forms) - {"other"} <= {plural(language, count) for count in range(200)}
    for count in range(1, 200):
        assert str(count) in phrase("minutes", language, count=count) or plural(language, count) in ("one", "two")


@pytest.mark.parametrize(
    ("language", "day", "written"),
    [
        ("en", date(2024, 1, 25), "25 January 2024"),
        ("en-US", date(2024, 1, 25), "January 25, 2024"),
        ("zh", date(2024, 1, 25), "2024年1月25日"),
        ("zh-TW", date(2023, 5, 2), "2023年5月2日"),
        ("ja", date(2023, 5, 2), "2023年5月2日"),
        ("ko", date(2023, 5, 2), "2023년 5월 2일"),
        ("de-AT", date(2023, 5, 2), "2. Mai 2023"),
        ("fr", date(2023, 5, 1), "1er mai 2023"),
        ("fr", date(2023, 5, 2), "2 mai 2023"),
        ("es", date(2023, 5, 2), "2 de mayo de 2023"),
        ("pl", date(2023, 5, 2), "2 maja 2023"),
        ("ar", date(2023, 5, 2), "2 مايو 2023"),
        ("he", date(2023, 5, 2), "2 במאי 2023"),
        ("sv", date(2023, 5, 2), "2 May 2023"),
    ],
)
def test_issue_date_as_people_write_it(language: str, day: date, written: str) -> None:
    assert issue_date(day, language) == written


@pytest.mark.parametrize(
    ("language", "count", "written"),
    [
        ("en", 1, "1 min read"),
        ("zh", 3, "3 分钟阅读"),
        ("de", 1, "1 Minute Lesezeit"),
        ("de", 8, "8 Minuten Lesezeit"),
        ("pl", 1, "1 minuta czytania"),
        ("pl", 3, "3 minuty czytania"),
        ("pl", 12, "12 minut czytania"),
        ("pl", 22, "22 minuty czytania"),
        ("ar", 1, "قراءة دقيقة واحدة"),
        ("ar", 2, "قراءة دقيقتين"),
        ("ar", 8, "قراءة 8 دقائق"),
        ("ar", 11, "قراءة 11 دقيقة"),
        ("he", 2, "שתי דקות קריאה"),
    ],
)
def test_minutes_take_the_plural_of_the_language(language: str, count: int, written: str) -> None:
    assert phrase("minutes", language, count=count) == written


@pytest.mark.parametrize(
    ("language", "entry"),
    [
        ("zh", "zh"),
        ("zh-CN", "zh"),
        ("zh-Hans-HK", "zh"),
        ("zh-hant", "zh-Hant"),
        ("zh-TW", "zh-Hant"),
        ("zh_HK", "zh-Hant"),
        ("en-us", "en-US"),
        ("en-GB", "en"),
        ("pt-BR", "pt"),
        ("sv", "en"),
    ],
)
def test_wording_finds_the_best_entry(language: str, entry: str) -> None:
    assert wording(language) == entry


def test_phrase_that_is_not_there() -> None:
    with pytest.raises(KeyError, match="there is no phrase 'farewell'"):
        phrase("farewell", "en")


def test_phrase_without_its_value() -> None:
    with pytest.raises(KeyError, match="newsletter"):
        phrase("why", "en")
