"""docs/reference/template-context.md names everything that a template can see."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from newsletter.authoring.blocks.highlights import Article
from newsletter.authoring.parts import Author, Picture
from newsletter.compiler.context import Context
from newsletter.compiler.edition import Identity
from newsletter.compiler.theme import LogoEntry, Palette, Sizes, Spacing, Structure, Theme, ThemeEntry, Typeface
from newsletter.compiler.wording.phrases import KEYS

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
BLOCKS = [row for row in (REFERENCE / "issue.md").read_text(encoding="utf-8").splitlines() if row.count("|") == 5]
"""The table of blocks, with what their templates see."""
PAGE = (REFERENCE / "template-context.md").read_text(encoding="utf-8") + "\n".join(BLOCKS)
WORDS = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`\n]+)`", re.sub(r"(?s)```.*?```", "", PAGE)))))
"""Everything that stands in code."""


@pytest.mark.parametrize("noun", [Context, Identity, Theme, Author])
def test_page_names_every_field(noun: type) -> None:
    assert {field.name for field in fields(noun)} <= WORDS


@pytest.mark.parametrize("noun", [Article, Picture])
def test_page_names_what_an_author_can_write(noun: type) -> None:
    assert {field.name for field in fields(noun)} - WORDS <= {"id", "path", "file"}


def test_page_names_every_phrase_setting_and_block() -> None:
    assert set(KEYS) <= WORDS
    for entry in (ThemeEntry, LogoEntry, Palette, Sizes, Spacing, Structure, Typeface):
        assert entry.model_fields.keys() <= WORDS
    assert {file.name.split(".")[0] for file in (ROOT / "templates" / "blocks").iterdir()} <= WORDS


def test_page_names_every_macro_and_class() -> None:
    head = (ROOT / "templates" / "parts" / "head.mjml.j2").read_text(encoding="utf-8")
    assert set(re.findall(r"mj-class name=\"(\w+)\"", head)) <= WORDS
    assert set(re.findall(r"\{\{ where \}\}\.(\w+)", head)) <= WORDS
    for file in (ROOT / "templates" / "parts").iterdir():
        for name in re.findall(r"macro (\w+)\(", file.read_text(encoding="utf-8")):
            assert name in WORDS or name in ("img", "colours"), f"{file.name}: {name}"
