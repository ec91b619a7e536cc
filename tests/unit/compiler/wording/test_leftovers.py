"""Leftovers: what readers would see of the Markdown is found, with its line."""

from __future__ import annotations

import pytest

from newsletter.compiler.slots import Slots
from newsletter.compiler.wording.leftovers import leftovers


@pytest.mark.parametrize(
    ("text", "message", "is_error"),
    [
        ("**bold", "** would be shown", True),
        ('**"q"**word', "** would be shown", True),
        ("** bold **", "** would be shown", True),
        ("*foo", "* would be shown", False),
        ("a ` b", "` would be shown", False),
        ("<b>x</b>", "<b> would be shown", True),
        ("[x](https://e.example/?q=a b)", "not complete", True),
        ("[](https://e.example)", "no words", True),
        ("![a](b.png)", "picture", True),
        ("[x](javascript:alert)", "begin with javascript:", True),
        ("[x](/relative)", "no scheme and no host", True),
        ("[x](@nobody)", "no scheme and no host", True),
        ("```\ncode", "never ends", True),
        ("| a | b |\n|---|:-:|\n| 1 | 2 |", "a table", True),
        ("a | b\n--- | ---\n1 | 2", "a table", True),
        ("*" * 500 + "a" + "*" * 500, "nested", True),
    ],
)
def test_leftovers_are_found(text: str, message: str, is_error: bool) -> None:
    found = leftovers(text, Slots("seed"), inline=False)
    assert message in found[0].message
    assert found[0].is_error is is_error


@pytest.mark.parametrize(
    "text",
    [r"\*one\* \` \<b\>", "a &lt;b&gt; c", "1 < 2 > 0", r"\[x\](y", "`<b>` and `](`", "5 * 3", "a\n\n---\n\n| b"],
)
def test_what_is_meant_is_no_leftover(text: str) -> None:
    assert leftovers(text, Slots("seed"), inline=False) == []


def test_leftover_names_its_line() -> None:
    text = "**fine**\nand **not\n\nfine"
    assert [(item.row, item.sign) for item in leftovers(text, Slots("seed"), inline=False)] == [(1, "**")]
