"""What may be written in columns, and how it is translated."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.authoring.blocks.columns import ColumnsBlock
from newsletter.authoring.fields.rewrite import texts
from newsletter.authoring.load import Loaded, load_issue

HEAD = "title: Maps\ndate: 2026-01-01\nlanguage: en\nblocks:\n"
COLUMNS = """\
  - columns:
      - blocks:
          - {heading: Paper, id: head}
          - "Bare *words*, see [](@ana)."
        id: paper
      - blocks: [{text: A screen., id: words}]
        width: 2
        id: screen
    id: both
"""


def load(folder: Path, blocks: str, german: str = "") -> Loaded:
    (folder / "people.yaml").write_text("ana: {name: Ana, url: https://ana.example.org}\n", encoding="utf-8")
    (folder / "one.yaml").write_text(HEAD + blocks, encoding="utf-8")
    if german:
        (folder / "one.de.yaml").write_text(german, encoding="utf-8")
    return load_issue(folder / "one.yaml", root=folder)


def test_blocks_in_columns_are_read_like_others(tmp_path: Path) -> None:
    loaded = load(tmp_path, COLUMNS)
    assert loaded.problems == ()
    assert loaded.issue
    (block,) = loaded.issue.contents["en"].blocks
    assert isinstance(block, ColumnsBlock)
    written = [(path, value) for path, _, value in texts(loaded.issue.contents["en"]) if path.startswith("blocks")]
    assert written == [
        ("blocks[0].columns[0].blocks[0].heading", "Paper"),
        ("blocks[0].columns[0].blocks[1].text", "Bare *words*, see [Ana](<https://ana.example.org>)."),
        ("blocks[0].columns[1].blocks[0].text", "A screen."),
    ]
    assert [column.width for column in block.items] == [1, 2]


def test_columns_are_translated_by_their_ids(tmp_path: Path) -> None:
    german = """\
title: Karten
blocks:
  - id: both
    columns:
      - {id: screen, blocks: [{id: words, text: Ein Bildschirm.}]}
      - {id: paper, blocks: [{id: head, heading: Papier}, {id: more, text: Worte.}]}
"""
    original = COLUMNS.replace('- "Bare *words*, see [](@ana)."', "- {text: Words., id: more}")
    loaded = load(tmp_path, original, german)
    assert loaded.problems == ()
    assert loaded.issue
    assert [value for path, _, value in texts(loaded.issue.contents["de"]) if path.startswith("blocks")] == [
        "Papier", "Worte.", "Ein Bildschirm.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "rule", "line", "column"),
    [
        (("text: A screen.", "highlights: [{title: A}]"), "unknown-block", 10, 19),
        (("text: A screen.", "txt: A screen."), "unknown-block", 10, 19),
        (("A screen.", '"A {{ subscriber.nme }}."'), "unknown-attribute", 10, 28),
        (("width: 2", "width: 9"), "out-of-range", 11, 16),
    ],
)
def test_mistake_in_a_column_is_found_at_its_place(
    tmp_path: Path, change: tuple[str, str], rule: str, line: int, column: int
) -> None:
    found = load(tmp_path, COLUMNS.replace(*change)).problems
    assert (rule, line, column) in [(one.id, one.place.line, one.place.column) for one in found]
