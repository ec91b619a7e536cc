"""Numbers stand in tiles that hold them, and below one another in the text part."""

import re

import pytest
from compiling import edition_of, make_content, make_issue, make_kit

from newsletter.authoring.block import Block
from newsletter.authoring.blocks.numbers import Number, NumbersBlock
from newsletter.authoring.blocks.simple.callout import CalloutBlock
from newsletter.compiler.compile import compile_issue
from newsletter.compiler.edition import Edition


def made(block: Block, language: str = "en") -> Edition:
    compiled = compile_issue(make_issue(make_content(block, language=language)), language, make_kit())
    assert [one for one in compiled.problems if one.id != "placeholder"] == []
    return edition_of(compiled)


@pytest.mark.parametrize(
    ("numbers", "rows"),
    [
        (["1"], [1]), (["1", "2"], [2]), (["1", "2", "3"], [3]), (["1", "2", "3", "4"], [2, 2]),
        (["1", "2", "3", "4", "5"], [3, 2]), (["1"] * 7, [3, 3, 1]), (["1", "2", "123,45"], [2, 1]),
        (["1", "1,234,567"], [2]), (["1", "12,345,678"], [1, 1]), (["1", "2", "三千万"], [2, 1]),
    ],
)  # fmt: skip
def test_row_holds_as_many_tiles_as_fit(numbers: list[str], rows: list[int]) -> None:
    html = made(NumbersBlock(tuple(Number(one, "a label") for one in numbers))).html
    found = [row.count('class="figure"') for row in re.findall(r"<tr>.*?</tr>", html, re.DOTALL)]
    assert [count for count in found if count] == rows


def test_numbers_are_aligned_in_the_text_part() -> None:
    items = (
        Number("1,234", "readers of [the letter](https://letter.example/)"),
        Number("3 万", "words that go on for so long that one line of the text part can by no means hold all of them"),
        Number("42", "towns"),
    )
    assert (
        """\
1,234  readers of the letter [1]
 3 万  words that go on for so long that one line of the text part can
       by no means hold all of them
   42  towns

[1] https://letter.example/
"""
        in made(NumbersBlock(items)).text
    )


def test_callout_is_barred_in_the_text_part_and_tinted_in_the_html() -> None:
    edition = made(
        CalloutBlock("It is **closed**.\n\n- [Call](https://call.example/)\n- or wait", title="Before *you* go")
    )
    assert (
        """\
| Before you go
|
| It is closed.
|
| - Call [1]
| - or wait

[1] https://call.example/
"""
        in edition.text
    )
    cell = re.search(r'<td class="tint"[^>]*>(.*?)</td>', edition.html, re.DOTALL)
    assert cell is not None
    words = " ".join(re.sub(r"<[^>]*>", " ", cell[1]).split())
    assert words == "Before you go It is closed . Call or wait"
