"""Fingerprint: changes with what the reader gets, and with nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from compiling import make_content, make_image, rich_content

from newsletter.authoring.blocks.simple.image import ImageBlock
from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.authoring.parts import Picture
from newsletter.compiler.fingerprint import fingerprint
from newsletter.problem import Place


def test_same_content_same_hash() -> None:
    assert fingerprint(rich_content()) == fingerprint(rich_content())


def test_every_word_counts() -> None:
    assert fingerprint(rich_content()) != fingerprint(rich_content(closing="Until the next time,"))


def test_bytes_of_images_count_but_not_where_they_lie() -> None:
    image = make_image()
    content = make_content(ImageBlock(Picture(image)))
    moved = make_content(ImageBlock(Picture(replace(image, file=Path("/elsewhere/name.png")))))
    other = make_content(ImageBlock(Picture(make_image(colour="#336698"))))
    assert fingerprint(content) == fingerprint(moved) != fingerprint(other)


def test_places_in_files_do_not_count() -> None:
    content = make_content(TextBlock("x"))
    moved = replace(content, places={"": Place("other.yaml", 9, 9)}, blocks=(TextBlock("x", path="blocks[7]"),))
    assert fingerprint(content) == fingerprint(moved)


def test_kinds_of_nouns_differ() -> None:
    assert fingerprint("1") != fingerprint(1)
    assert fingerprint("a", "b") != fingerprint("ab")


def test_what_has_no_canonical_form_is_refused() -> None:
    with pytest.raises(TypeError, match="no canonical form"):
        fingerprint(object())
