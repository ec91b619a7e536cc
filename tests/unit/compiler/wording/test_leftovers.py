"""Leftovers: what readers would see of the Markdown is found, with its line."""

from __future__ import annotations

from pathlib import Path

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
        ("[x](javascript:alert)", "begin with javascript:", True),
        ("[x](/relative)", "no scheme and no host", True),
        ("[x](@nobody)", "no scheme and no host", True),
        ("```\ncode", "never ends", True),
        ("a | b | c\n--- | ---\n1 | 2", "a table", True),
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


def test_leftover_names_its_place() -> None:
    text = "**fine**\nand **not\n\nfine"
    assert [item.at for item in leftovers(text, Slots("seed"), inline=False)] == [text.index("**not")]


def table() -> list[tuple[str, str]]:
    lines = Path(__file__).with_name("leftovers.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("# What") and not line.startswith("# `fine"))
    return [(sign, text.replace("\\n", "\n")) for sign, text in rows]


@pytest.mark.parametrize(("sign", "text"), table())
def test_other_dialects_are_found_and_what_looks_like_them_is_not(sign: str, text: str) -> None:
    found = leftovers(text, Slots("seed"), inline=False)
    if sign == "fine":
        assert found == []
    else:
        assert found
        places = [item.at for item in found]
        assert any(text[at:].startswith(sign) for at in places) or (sign[0] == "]" and text[places[0]] == "[")


def test_links_are_blamed_where_they_are_broken() -> None:
    text = (
        "[One](https://example.org/1) is fine, so is [two](https://example.org/2),\n"
        "but [three] (https://example.org/3) is not, and [four](https://example.org/4 is not\n"
        "either, nor is [five](https://example.org/a b)."
    )
    found = leftovers(text, Slots("seed"), inline=False)
    assert [item.at for item in found] == [text.index(f"[{word}]") for word in ("three", "four", "five")]


@pytest.mark.parametrize(
    ("text", "at", "is_error"),
    [
        ("words\n\n[a]: https://e.example", 7, False),
        ("[a]\n\n[a]: https://e.example\n[a]: https://other.example", 28, False),
        ("[Update]: yes", 0, True),
        ("words\n\n[^1]: a note", 7, True),
        ("a[^1]\n\n[^1]: a note\n\n[^1]: another", 21, True),
    ],
)
def test_definitions_that_nothing_refers_to(text: str, at: int, is_error: bool) -> None:
    (found,) = leftovers(text, Slots("seed"), inline=False)
    assert (found.at, found.is_error) == (at, is_error)


@pytest.mark.parametrize(
    ("tag", "hint"),
    [
        ("<br />", "End the line with \\"), ("<kbd>", "`code`"), ("</sup>", "signs of Unicode"),
        ("<IMG src=x>", "![what"),
        ("<iframe src=x>", "- image:"), ("<details>", "- read_more:"), ("<td>", "|---|"), ("<small>", "Delete it"),
        ("<b>", "**bold**"), ("<a href=x>", "[words]"),
    ],
)  # fmt: skip
def test_hint_says_what_to_write_in_place_of_an_element(tag: str, hint: str) -> None:
    (found,) = leftovers(f"a {tag} b", Slots("seed"), inline=False)
    assert hint in found.hint


def test_lists_that_would_lose_their_end_are_found() -> None:
    deep = "\n".join("  " * level + f"- {level}" for level in range(40))
    assert "nested" in leftovers(deep, Slots("seed"), inline=False)[0].message
    assert leftovers("\n".join("  " * level + f"- {level}" for level in range(20)), Slots("seed"), inline=False) == []


@pytest.mark.parametrize("text", ["# **a", "- x\n- **a", "> q\n> **a", "| h | i |\n|---|---|\n| 1 | **a |", "1. **a"])
def test_place_is_found_inside_every_block(text: str) -> None:
    assert [item.at for item in leftovers(text, Slots("seed"), inline=False)] == [text.index("**")]
