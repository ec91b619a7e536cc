"""rewrite: every text of a noun is reached by its type, and a value of no known type is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest

from newsletter.authoring.fields.rewrite import rewrite, texts
from newsletter.authoring.fields.values import Id, Inline, Key, Markdown, Role


@dataclass(frozen=True)
class Row:
    cells: tuple[tuple[Inline, ...], ...] = ()
    path: str = ""


@dataclass(frozen=True)
class Table:
    row: Annotated[Row | None, Key("")] = None
    rows: Annotated[tuple[Row, ...], Key("lines")] = ()
    note: Markdown = ""
    id: Id = ""
    width: int = 2


@dataclass(frozen=True)
class Untyped:
    note: str = ""


@dataclass(frozen=True)
class Words:
    by_language: object = ()


def test_texts_come_with_their_paths_and_roles() -> None:
    table = Table(Row((("a", "b"), ("c",))), (Row(), Row((("d",),))), note="e", id="f")
    assert list(texts(table)) == [
        ("cells[0][0]", Role.INLINE, "a"), ("cells[0][1]", Role.INLINE, "b"), ("cells[1][0]", Role.INLINE, "c"),
        ("lines[1].cells[0][0]", Role.INLINE, "d"), ("note", Role.MARKDOWN, "e"),
    ]  # fmt: skip


def test_nested_values_are_changed_and_know_their_path() -> None:
    changed = rewrite(Table(rows=(Row((("a",),)),), id="x"), lambda _path, _role, value: value.upper(), "blocks[3]")
    assert changed == Table(rows=(Row((("A",),), "blocks[3].lines[0]"),), id="x")


@pytest.mark.parametrize("noun", [Untyped("a"), Words({"en": "a"}), Words(["a"]), Words((object(),))])
def test_value_whose_type_says_nothing_is_refused(noun: object) -> None:
    with pytest.raises(TypeError, match=r"the type of (note|by_language(\[0\])?) \(\w+\) has no role"):
        list(texts(noun))
