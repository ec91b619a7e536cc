"""Code is shown exactly as it was written, from left to right, in both parts."""

from __future__ import annotations

import html
import re

import pytest
from compiling import edition_of, make_content, make_image, make_issue, make_kit

from newsletter.authoring.block import Assembly
from newsletter.authoring.blocks import BLOCKS
from newsletter.authoring.blocks.simple.code import CodeBlock, CodeEntry
from newsletter.authoring.fields.explain import read_model
from newsletter.authoring.parts import Author
from newsletter.authoring.schema import IssueFile
from newsletter.compiler.compile import compile_issue
from newsletter.source import parse_source

CODE = '  indented {{ subscriber.name }}\n\n*no* [markdown](x) {% raw %} `a` {# no #} <b>&amp;</b> & "q"\n    end'


@pytest.mark.parametrize("language", ["en", "ar", "zh"])
def test_nothing_is_read_in_it(language: str) -> None:
    content = make_content(CodeBlock(CODE, "Jinja", "See [it](https://e.example/)"), language=language)
    compiled = compile_issue(make_issue(content), language, make_kit())
    assert compiled.problems == ()
    edition = edition_of(compiled)
    shown = re.search(r'dir="ltr"[^>]*>\s*<pre[^>]*>(.*?)</pre>', edition.html, re.DOTALL)
    assert shown is not None
    assert html.unescape(shown[1]) == CODE
    assert "\n".join(f"    {line}".rstrip() for line in CODE.split("\n")) in edition.text
    assert [link.url for link in edition.links if "e.example" in link.url] == ["https://e.example/"]


def test_spaces_before_its_first_line_stay_and_tabs_become_spaces() -> None:
    root, problems = parse_source(
        b'title: a\ndate: 2026-01-01\nlanguage: en\nblocks:\n  - code: "\\n  a\\tb  \\n\\tc\\n\\n"\n', "f.yaml"
    )
    assert problems == ()
    assert root is not None
    model, found = read_model(IssueFile, root)
    assert found == ()
    assert model is not None
    [entry] = model.blocks
    assert isinstance(entry, CodeEntry)
    assert entry.code == "  a b\n    c"
    assert BLOCKS["code"] is CodeEntry


@pytest.mark.parametrize(
    ("written", "shown"),
    [("py", "Python"), ("PYTHON", "Python"), ("js", "JavaScript"), ("c++", "C++"), ("Objective-C", "Objective-C")],
)
def test_language_is_shown_by_its_name(written: str, shown: str) -> None:
    block = CodeEntry(code="a", language=written).to_block(Assembly(lambda _: Author(""), lambda _: make_image()))
    edition = edition_of(compile_issue(make_issue(make_content(block)), "en", make_kit()))
    assert f">{shown}</div>" in edition.html
    assert f"\n\n{shown}\n" in edition.text
