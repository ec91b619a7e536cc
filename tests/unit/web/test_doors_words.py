"""The words of signing up and of preferences: every file has all of them, and so have the notices."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from typing import Any

import pytest

from newsletter.app.project import shipped_templates
from newsletter.web.public.words import choose_words

DOORS = {
    file.name.removesuffix(".toml"): tomllib.loads(file.read_text(encoding="utf-8"))
    for file in files("newsletter.web.public").joinpath("words").iterdir()
    if file.name.endswith(".toml")
}
NOTICES = {
    file.stem: tomllib.loads(file.read_text(encoding="utf-8"))
    for file in (shipped_templates() / "notices").glob("*.toml")
}


def places(phrases: dict[str, Any]) -> dict[str, list[str]]:
    return {key: sorted(set(re.findall(r"\{.*?\}", text))) for key, text in phrases.items()}


@pytest.mark.parametrize("language", sorted(DOORS))
def test_every_language_has_every_phrase_of_the_doors(language: str) -> None:
    assert places(DOORS[language]) == places(DOORS["en"])


@pytest.mark.parametrize("language", sorted(NOTICES))
def test_every_language_has_every_notice_with_its_keys(language: str) -> None:
    assert {kind: set(words) for kind, words in NOTICES[language].items()} == {
        kind: set(words) for kind, words in NOTICES["en"].items()
    }


def test_pages_of_the_doors_fall_back_to_a_language_that_has_them() -> None:
    assert sorted(DOORS) == sorted(NOTICES) == ["ar", "de", "en", "es", "fr", "zh"]
    assert choose_words(["pl", "de-AT"], doors=True).language == "de"
    assert choose_words(["pl"], doors=True).language == "en"
    assert choose_words(["pl"]).language == "pl"
