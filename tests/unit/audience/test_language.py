"""Language tags and time zones as people write them."""

from __future__ import annotations

import pytest

from newsletter.audience.language import is_time_zone, language_tag


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
    ],
)
def test_tag_is_written_in_its_one_form(text: str, tag: str) -> None:
    assert language_tag(text) == tag
    assert language_tag(tag) == tag


@pytest.mark.parametrize(
    "text", ["", "english", "e", "en-", "-en", "en us", "en--us", "中文", "en-" + "abcde-" * 8 + "x"]
)
def test_tag_of_another_shape_is_none(text: str) -> None:
    assert language_tag(text) is None


@pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "Asia/Shanghai"])
def test_time_zone_that_exists(name: str) -> None:
    assert is_time_zone(name)


@pytest.mark.parametrize(
    "name", ["", "Europe", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "a\x00b", "x" * 300]
)
def test_time_zone_that_does_not_exist(name: str) -> None:
    assert not is_time_zone(name)
