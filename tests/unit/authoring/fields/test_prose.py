"""Prose: the constructs of the library as it reads them, bare URLs as GitHub does, footnotes, and places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from newsletter.authoring.fields.dialect import UNMATCHED
from newsletter.authoring.fields.prose import parse, read_prose, without_code, words_alone

PIECES = [
    "a", "b c", "word", " ", "\n", "\n\n", "    ", "\t", "- ", "1. ", "> ", "# ", "### ", "---\n", "```\n", "~~~\n",
    "`", "``", "*", "**", "***", "_", "__", "~~", "[a]", "[b][a]", "[", "]", "(/u)", '("t")', "[a](/u)",
    '[a](</u v> "t")', "![p](q.png)", "\n[a]: /u 'T'\n", "<https://e.example>", "&amp;", "\\*", "\\\n", "  \n",
    "| h | i |\n|:--|--:|\n| 1 |",
    "===\n", "!", "~",
]  # fmt: skip


def shape(tokens: Sequence[Token]) -> list[tuple[str, str]]:
    """Types and contents; words in one piece."""
    found: list[tuple[str, str]] = []
    for kind, content in flat(tokens):
        if kind == found[-1][0] == "text" if found else False:
            content = found.pop()[1] + content
        found.append((kind, content))
    return [one for one in found if one != ("text", "")]


def flat(tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:
    for token in tokens:
        kind = "text" if token.type == UNMATCHED else token.type
        yield kind, "" if token.type == "inline" else f"{token.content}{sorted(token.attrs.items()) or ''}"
        yield from flat(token.children or ())


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_structure_is_that_of_the_library(text: str) -> None:
    reference = MarkdownIt("commonmark", {"html": False, "maxNesting": 60}).enable(["table", "strikethrough"])
    assert shape(parse(text, inline=False)) == shape(reference.parse(text))
    assert shape(parse(text, inline=True)) == shape(reference.parseInline(text))


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("see https://e.example/a.", ["https://e.example/a"]),
        ("(https://e.example/a_(b))", ["https://e.example/a_(b)"]),
        ("**https://e.example/a**", ["https://e.example/a"]),
        ("*https://e.example/a_b_c*!", ["https://e.example/a_b_c"]),
        ("https://e.example?q=1&amp;r=2; https://f.example&copy;", ["https://e.example?q=1&r=2", "https://f.example"]),
        ("又见https://e.example/裸链，后文", ["https://e.example/%E8%A3%B8%E9%93%BE"]),
        ("https://e.example的说明", ["https://e.example"]),
        ("「https://e.example/a」", ["https://e.example/a"]),
        ("“https://e.example/a”", ["https://e.example/a"]),
        ("HTTP://E.example:8080/x#y", ["HTTP://E.example:8080/x#y"]),
        ("https://例子.中国/路", ["https://xn--fsqu00a.xn--fiqs8s/%E8%B7%AF"]),
        ("www.e.example/x and ed@e.example.", ["http://www.e.example/x", "mailto:ed@e.example"]),
        ("请写信至ed_x+y@e.example，谢谢", ["mailto:ed_x+y@e.example"]),
        ("https://e.example/?a[]=1&b[0]=2", ["https://e.example/?a[]=1&b[0]=2"]),
        ("[https://e.example/x]", ["https://e.example/x"]),
        ("[https://e.example](https://f.example)", ["https://f.example"]),
        ("<https://e.example/x>", ["https://e.example/x"]),
        ("| a |\n|---|\n| https://e.example |", ["https://e.example"]),
        ("`https://e.example` and ```ed@e.example```", []),
        ("git@e.example:a/b @ed@e.example http://localhost https://", []),
        ("xhttps://e.example version 1.2.3 and a.b@c", []),
    ],
)
def test_bare_urls_are_links(text: str, links: list[str]) -> None:
    tokens = [child for token in parse(text, inline=False) for child in token.children or ()]
    assert [token.attrs["href"] for token in tokens if token.type == "link_open"] == links


def test_footnotes_stand_last_in_the_order_of_their_marks() -> None:
    text = "a[^b] c[^d]\n\n[^d]: four[^e]\n[^b]: two\n\n    more\n\n[^e]: five\n\nend[^b] [^none]\n"
    prose = read_prose(text, inline=False)
    notes = [(token.meta["label"], token.meta["number"], token.meta["marks"]) for token in prose.tokens
             if token.type == "note_open"]  # fmt: skip
    assert notes == [("b", 1, 2), ("d", 2, 1), ("e", 3, 1)]
    assert prose.unused == []


def test_code_and_escapes_leave_their_places_empty() -> None:
    text = "a `b` \\*c\n\n    d\n\n> ```\n> e\n> ```\n\nf"
    assert without_code(text, inline=False) == "a       c\n\n     \n\n     \n   \n     \n\nf"


def test_words_alone_are_what_is_read() -> None:
    text = "# [a](/u) `b`\n\n- c ![d](e) <https://f.example>\n\n[g]: /u\n"
    assert words_alone(text, read_prose(text, inline=False)).split() == ["a", "c"]
    assert len(words_alone(text, read_prose(text, inline=False))) == len(text)


@given(
    st.lists(st.sampled_from([*PIECES, "[^a]", "\n[^a]: x\n", "https://e.example/", "中，"]), max_size=12).map("".join)
)
def test_places_are_inside_the_text(text: str) -> None:
    for token in parse(text, inline=False):
        for child in token.children or ():
            assert 0 <= child.meta.get("start", 0) <= len(text)
            assert child.meta.get("start", 0) <= child.meta.get("stop", len(text))
    assert len(without_code(text, inline=False)) == len(text)
