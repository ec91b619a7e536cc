"""Size: what blocks cost in bytes of HTML, and what is said when an email is about to be cut off."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from compiling import edition_of, make_content, make_issue, make_kit

from newsletter.authoring.block import Block
from newsletter.authoring.blocks.simple.heading import HeadingBlock
from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.compiler.checks.size import html_size
from newsletter.compiler.compile import compile_issue
from newsletter.problem import Place, Severity

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


def test_heaviest_blocks_are_named_with_their_weight_and_place() -> None:
    sentence = "A sentence of forty bytes, more or less. "
    blocks = [TextBlock(sentence * count) for count in (1, 600, 2, 1500, 300, 3)]
    content = make_content(*blocks)
    places = {**content.places, "blocks[3]": Place("issue.yaml", 40, 5)}
    compiled = compile_issue(make_issue(replace(content, places=places)), "en", make_kit())
    (problem,) = compiled.problems
    assert (problem.id, problem.severity) == ("html-size", Severity.ERROR)
    named = re.findall(r"(blocks\[\d\]) \(([^)]*)\) (\d+) kB", problem.message)
    assert [path for path, _, _ in named] == ["blocks[3]", "blocks[1]", "blocks[4]"]
    assert named[0][1] == "issue.yaml:40:5"
    assert [abs(int(weight) - expected) <= 1 for (_, _, weight), expected in zip(named, (62, 25, 12), strict=True)]
    assert "allow_oversized" in problem.hint


def test_issue_that_may_be_oversized_is_only_warned_of() -> None:
    issue = make_issue(make_content(TextBlock("A sentence of some length. " * 5000)))
    severities = [
        [problem.severity for problem in compile_issue(issue, "en", make_kit(oversized=frozenset(slugs))).problems]
        for slugs in ((), ("another",), ("another", issue.slug))
    ]
    assert severities == [[Severity.ERROR], [Severity.ERROR], [Severity.WARNING]]
