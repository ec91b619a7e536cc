"""Articles of every style in every shipped theme: their words keep off the hairlines."""

import re

import pytest
from compiling import edition_of, make_content, make_issue, make_kit

from newsletter.authoring.blocks.highlights import Article, HighlightsBlock
from newsletter.compiler.compile import compile_issue

_CELL = re.compile(r"<tr><td class=\"rule\"[^>]* style=\"padding:0 0 (-?\d+)px;")


@pytest.mark.parametrize("theme", ["bulletin", "digest", "letter", "magazine"])
@pytest.mark.parametrize("style", ["lead", "rows", "list"])
def test_words_stand_above_a_hairline_not_on_it(theme: str, style: str) -> None:
    block = HighlightsBlock(tuple(Article(f"Article {n}", summary="It has a line.") for n in range(3)), style)
    compiled = compile_issue(make_issue(make_content(block, theme=theme)), "en", make_kit())
    gaps = [int(gap) for gap in _CELL.findall(edition_of(compiled).mjml)]
    assert len(gaps) == 3
    assert gaps[-1] == 0
    assert min(gaps[:-1]) >= 11


@pytest.mark.parametrize("style", ["lead", "rows", "cards", "list"])
def test_article_without_a_summary_leaves_no_empty_line(style: str) -> None:
    block = HighlightsBlock((Article("One", url="https://one.example/"), Article("Two", summary="Words.")), style)
    mjml = edition_of(compile_issue(make_issue(make_content(block)), "en", make_kit())).mjml
    assert mjml.count('<div style="display:inline-block;width:100%;vertical-align:top">') == 1
