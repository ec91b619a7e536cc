"""Issues and templates made by hand for tests of the compiler."""

from __future__ import annotations

import atexit
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from PIL import Image

from newsletter.app.project import shipped_templates
from newsletter.authoring.block import Block
from newsletter.authoring.blocks.columns import Column, ColumnsBlock
from newsletter.authoring.blocks.highlights import Article, HighlightsBlock
from newsletter.authoring.blocks.mjml import MjmlBlock
from newsletter.authoring.blocks.numbers import Number, NumbersBlock
from newsletter.authoring.blocks.simple.button import ButtonBlock
from newsletter.authoring.blocks.simple.callout import CalloutBlock
from newsletter.authoring.blocks.simple.code import CodeBlock
from newsletter.authoring.blocks.simple.divider import DividerBlock
from newsletter.authoring.blocks.simple.heading import HeadingBlock
from newsletter.authoring.blocks.simple.image import ImageBlock
from newsletter.authoring.blocks.simple.links import LinksBlock, ListItem
from newsletter.authoring.blocks.simple.quote import QuoteBlock
from newsletter.authoring.blocks.simple.spacer import SpacerBlock
from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.authoring.blocks.sponsor import SponsorBlock
from newsletter.authoring.image import ImageFile, read_image
from newsletter.authoring.issue import Content, Issue, SourceLink
from newsletter.authoring.parts import Author, Picture
from newsletter.compiler.compile import Compiled, CompileSettings, compile_issue
from newsletter.compiler.edition import Edition, Identity
from newsletter.compiler.mjml.templates import Templates
from newsletter.problem import Place

IDENTITY = Identity(
    newsletter="The Weekly",
    from_name="The Weekly",
    from_address="weekly@example.org",
    legal_name="Weekly Press",
    postal_address="1 Example Street, Sample Town",
    contact="help@example.org",
)

LAYOUT = """\
<mjml lang="{{ language }}" dir="{{ direction }}">
<mj-head><mj-title>{{ content.title }}</mj-title><mj-preview>{{ preheader }}</mj-preview></mj-head>
<mj-body>
{% for block in content.blocks %}{{ render_block(block) }}{% endfor %}
<mj-section><mj-column><mj-text>
<a href="{{ links.unsubscribe }}">leave</a> <a href="{{ links.view }}">view</a>
<a href="mailto:{{ identity.contact }}">ask</a>
</mj-text></mj-column></mj-section>
</mj-body>
</mjml>
"""
TEXT = """\
<mj-section><mj-column>
<mj-text>{{ block.text | markdown }}</mj-text>
</mj-column></mj-section>
"""


def make_image(width: int = 400, height: int = 200, colour: str = "#336699") -> ImageFile:
    file = Path(tempfile.gettempdir(), f"newsletter-{os.getpid()}-{width}-{height}-{colour[1:]}.png")
    if not file.exists():
        atexit.register(file.unlink)
        Image.new("RGB", (width, height), colour).save(file)
    return read_image(file, None)


def make_content(*blocks: Block, language: str = "en", **more: Any) -> Content:
    """A dated content of these blocks; its one known place is the head of the file."""
    placed = tuple(replace(block, path=block.path or f"blocks[{number}]") for number, block in enumerate(blocks))
    values: dict[str, Any] = {"title": "A title", "date": date(2024, 1, 25), "subject": "A subject"}
    places = {"": Place("issues/first/issue.yaml", 1, 1)}
    return Content(language=language, blocks=placed, places=places, **(values | more))


def make_issue(*contents: Content, slug: str = "first") -> Issue:
    return Issue(
        slug=slug,
        file=Path("issues/first/issue.yaml"),
        language=contents[0].language,
        contents={content.language: content for content in contents},
    )


def text_issue(text: str, **more: Any) -> Issue:
    """An issue of one text block."""
    return make_issue(make_content(TextBlock(text), **more))


def rich_content(language: str = "en", **more: Any) -> Content:
    """Every kind of block, people with and without links, pictures everywhere."""
    ana = Author("Ana Example", url="https://people.example/ana", avatar=make_image(80, 80), id="ana")
    bo = Author("Bo Sample")
    picture = Picture(make_image(), alt="A ridge", caption="On the *ridge*", credit="Photo by [Cy](https://cy.example)")
    blocks: Sequence[Block] = (
        TextBlock("Dear {{ subscriber.name | default(\"reader\") }},\n\nsee **this** [page](https://example.org/?a=1&b=2)."),
        HeadingBlock("Highlights"),
        HighlightsBlock(
            (
                Article(
                    "First & foremost", url="https://example.org/first", authors=(ana, bo), summary="It is *good*.",
                    reading_time=4, label="Opinion", path="blocks[2].highlights[0]",
                ),
                replace(picture, path="blocks[2].highlights[1]"),
                Article("Second", summary="By [Di](https://di.example).", path="blocks[2].highlights[2]"),
            )
        ),
        QuoteBlock("Be brief.", by="Somebody"),
        LinksBlock((ListItem("One with [Ed](https://ed.example)"), ListItem("Two"))),
        ImageBlock(replace(picture, url="https://example.org/large")),
        DividerBlock(),
        SpacerBlock(12),
        ButtonBlock("Write for us", "https://example.org/write?to={{ subscriber.language }}"),
        SponsorBlock(
            "Sample Maps", text="Maps of *everything*, [by post](https://sponsor.example/post).",
            url="https://sponsor.example/", picture=replace(picture, path="blocks[9]"),
        ),
        CalloutBlock("It is *closed*; [call](https://call.example/).", title="Before you go"),
        NumbersBlock((Number("1,234", "readers"), Number("42", "towns, [all](https://towns.example/)"))),
        ColumnsBlock(
            (
                Column((HeadingBlock("Paper"), CalloutBlock("It *lasts*; [see](https://paper.example/)."))),
                Column((ImageBlock(replace(picture, path="blocks[12].columns[1].blocks[0]")),), width=2),
            )
        ),
        MjmlBlock('<mj-text>Own <a href="https://own.example/">MJML</a></mj-text>', "Own [MJML](https://own.example/)"),
        CodeBlock("if {{ name }}:\n    print(name)", "Python", "As *short* as can be"),
    )  # fmt: skip
    facts: dict[str, Any] = {
        "subtitle": "And a subtitle",
        "authors": (ana,),
        "reading_time": 3,
        "publication": "The Paper",
        "source": SourceLink("https://example.org/original"),
        "hero": Picture(make_image(1200, 600), alt="A hero", credit="By hand", path="hero"),
        "closing": "Until next time,",
        "signature": "The editors",
    }
    return make_content(*blocks, language=language, **(facts | more))


def make_kit(*folders: Path, **changes: Any) -> CompileSettings:
    """The shipped templates after these folders."""
    root = folders[0].parent if folders else shipped_templates().parent
    kit = CompileSettings(
        templates=Templates((*folders, shipped_templates()), root=root),
        root=root,
        identity=IDENTITY,
        assets_url="https://news.example/assets",
        home_url="https://news.example/",
    )
    return replace(kit, **changes)


def write_templates(folder: Path, **blocks: str) -> Path:
    """A template folder with the smallest layout and these templates: `layout`, or a block's type."""
    templates = {"layout": LAYOUT, "text": TEXT} | blocks
    (folder / "templates" / "layouts").mkdir(parents=True)
    (folder / "templates" / "blocks").mkdir()
    for name, source in templates.items():
        where = "layouts/default" if name == "layout" else f"blocks/{name}"
        (folder / "templates" / f"{where}.mjml.j2").write_text(source, encoding="utf-8")
    return folder / "templates"


def compile_text(text: str, kit: CompileSettings, **more: Any) -> Compiled:
    return compile_issue(text_issue(text, **more), "en", kit)


def edition_of(compiled: Compiled) -> Edition:
    assert compiled.edition is not None, compiled.problems
    return compiled.edition
