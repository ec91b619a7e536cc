"""Size: what blocks cost in bytes of HTML, and what is said when an email is about to be cut off."""

from __future__ import annotations

import pytest
from compiling import edition_of, make_content, make_issue, make_kit

from newsletter.authoring.block import Block
from newsletter.authoring.blocks.heading import HeadingBlock
from newsletter.authoring.blocks.text import TextBlock
from newsletter.compiler.checks.size import html_size
from newsletter.compiler.compile import compile_issue

WORDS = {
    "en": ("Heading 7", "A short sentence about one thing."),
    "zh": ("第七个标题", "关于一件事情的一句短话。"),
    "ar": ("العنوان السابع", "جملة قصيرة عن شيء واحد."),
}


def short_blocks(count: int, language: str) -> tuple[Block, ...]:
    """Headings with a sentence each."""
    heading, sentence = WORDS[language]
    return (HeadingBlock(heading), TextBlock(sentence)) * count


def size(count: int, language: str) -> int:
    content = make_content(*short_blocks(count, language), language=language)
    return html_size(edition_of(compile_issue(make_issue(content), language, make_kit())))


@pytest.mark.parametrize("language", WORDS)
def test_heading_with_a_sentence_costs_at_most_800_bytes(language: str) -> None:
    assert size(41, language) - size(1, language) <= 40 * 800


@pytest.mark.parametrize("language", WORDS)
def test_hundred_headings_with_a_sentence_fit_into_an_email(language: str) -> None:
    assert size(26, language) <= 60_000
    assert size(100, language) <= 99_000
