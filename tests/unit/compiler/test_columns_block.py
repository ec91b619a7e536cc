"""Columns stand side by side where there is room, in Outlook as cells; in the text part one comes after the other."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from compiling import edition_of, make_content, make_image, make_issue, make_kit, write_templates

from newsletter.authoring.block import Block
from newsletter.authoring.blocks.columns import Column, ColumnsBlock
from newsletter.authoring.blocks.simple.button import ButtonBlock
from newsletter.authoring.blocks.simple.heading import HeadingBlock
from newsletter.authoring.blocks.simple.image import ImageBlock
from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.authoring.check import check_issue
from newsletter.authoring.parts import Picture
from newsletter.compiler.compile import Compiled, compile_issue
from newsletter.compiler.edition import Edition
from newsletter.problem import Place


def compiled(*blocks: Block, language: str = "en", folder: Path | None = None) -> Compiled:
    kit = make_kit(folder) if folder else make_kit()
    return compile_issue(make_issue(make_content(*blocks, language=language)), language, kit)


def made(*blocks: Block, language: str = "en") -> Edition:
    found = compiled(*blocks, language=language)
    assert found.problems == ()
    return edition_of(found)


def columns(*each: Block | tuple[Block, ...], widths: tuple[int, ...] = (1, 1, 1)) -> ColumnsBlock:
    stacks = (blocks if isinstance(blocks, tuple) else (blocks,) for blocks in each)
    return ColumnsBlock(tuple(Column(blocks, width) for blocks, width in zip(stacks, widths, strict=False)))


def picture(width: int, height: int, colour: str = "#336699") -> ImageBlock:
    return ImageBlock(Picture(make_image(width, height, colour), alt="A map", path="blocks[0]"))


@pytest.mark.parametrize(
    ("count", "widths", "expected"),
    [(2, (1, 1, 1), [244, 244]), (2, (2, 1, 1), [325, 162]), (3, (1, 1, 1), [154, 154, 154])],
)
def test_columns_share_the_width_in_outlook_too(count: int, widths: tuple[int, ...], expected: list[int]) -> None:
    html = made(columns(*[TextBlock(f"Words {n}.") for n in range(count)], widths=widths)).html
    found = [float(width) for width in re.findall(r'<td style="vertical-align:top;width:([\d.]+)px', html)]
    assert [int(width) for width in found if 100 < width < 500] == expected
    shares = [float(share) for share in re.findall(r"mj-column-per-[\d-]+ \{ width:([\d.]+)%", html)]
    assert sum(dict.fromkeys(share for share in shares if share < 100)) <= 100


def test_columns_come_in_reading_order_in_the_text_part() -> None:
    block = columns(
        (HeadingBlock("Before"), TextBlock("One [link](https://one.example/).")),
        (HeadingBlock("After"), ButtonBlock("Read it", "https://two.example/")),
    )
    text = made(block).text
    parts = ["Before", "One link [1]", "[1] https://one.example/", "After", "Read it", "https://two.example/"]
    assert [text.index(part) for part in parts] == sorted(text.index(part) for part in parts)


def test_columns_run_from_the_right_in_arabic() -> None:
    html = made(columns(TextBlock("الأول"), TextBlock("الثاني")), language="ar").html
    section = html[: html.index("الأول")].rpartition('<td style="direction:')[2]
    assert section.startswith("rtl")


def test_pictures_in_columns_are_alike_and_one_alone_stays_whole() -> None:
    both = made(columns(picture(1200, 600), picture(900, 900, "#663399")))
    assert re.findall(r'<img [^>]*height="(\d+)"', both.html) == ["162", "162"]
    alone = made(columns(picture(1200, 600), TextBlock("Words.")))
    assert re.findall(r'<img [^>]*height="(\d+)"', alone.html) == ["122"]
    assert 'width="244"' in alone.html


def test_the_width_after_columns_is_that_of_the_text_again() -> None:
    html = made(columns(picture(1200, 600), TextBlock("Words.")), picture(1200, 600)).html
    assert re.findall(r'<img [^>]*height="(\d+)"', html) == ["122", "256"]


def test_template_that_writes_a_section_is_named_when_it_stands_in_a_column(tmp_path: Path) -> None:
    folder = write_templates(tmp_path)  # its text is a section
    found = compiled(columns(TextBlock("One"), TextBlock("Two")), folder=folder)
    (problem,) = found.problems
    assert problem.id == "template"
    assert problem.place == Place("templates/blocks/text.mjml.j2")
    assert "a section, which a column cannot hold" in problem.message


def test_editorial_rules_look_into_columns() -> None:
    button = ButtonBlock("Read on", "https://example.org/")
    content = make_content(columns((button, HeadingBlock("Last")), button))
    content = replace(content, places={**content.places})
    assert {problem.id for problem in check_issue(make_issue(content))} == {"many-buttons", "empty-heading"}
