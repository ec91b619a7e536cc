"""What is written short is read like the whole, and its mistakes are found where they were written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from newsletter.authoring.blocks.highlights import Article, HighlightsBlock
from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.authoring.json_schema import schemas
from newsletter.authoring.load import Loaded, load_issue

HEAD = "title: Maps\ndate: 2026-01-01\nlanguage: en\nblocks:\n"
LONG = """\
  - text: "Good *morning*, {{ subscriber.name | default('you') }}."
  - highlights:
      - title: The "paper" map
        url: https://maps.example.net/a_(b)
        summary: "Why: it *lasts*."
      - title: Tides
        url: https://tides.example.net/
"""
SHORT = """\
  - "Good *morning*, {{ subscriber.name | default('you') }}."
  - highlights:
      - "[The \\"paper\\" map](https://maps.example.net/a_(b)): Why: it *lasts*."
      - '[Tides](https://tides.example.net/)'
"""


def load(folder: Path, blocks: str, german: str = "") -> Loaded:
    (folder / "one.yaml").write_text(HEAD + blocks, encoding="utf-8")
    if german:
        (folder / "one.de.yaml").write_text(german, encoding="utf-8")
    return load_issue(folder / "one.yaml", root=folder)


def test_short_and_long_are_the_same(tmp_path: Path) -> None:
    short, long = load(tmp_path, SHORT), load(tmp_path, LONG)
    assert (short.problems, long.problems) == ((), ())
    assert short.issue is not None
    assert long.issue is not None
    assert short.issue.original.blocks == long.issue.original.blocks


@pytest.mark.parametrize(
    ("line", "rule", "column"),
    [
        ('  - "Dear {{ subscriber.name }}"', "missing-default", 11),
        ("  - Dear [](@nobody)", "unknown-person", 10),
        ("  - highlights: ['[It''s](javascript:a)']", "bad-url", 26),
        ('  - highlights: ["[A](https://a.example.net): see [](@nobody)"]', "unknown-person", 51),
        ('  - highlights: ["[A](https://a.example.net): \\"see\\" [](@nobody)"]', "unknown-person", 55),
        ('  - highlights: ["just words"]', "wrong-type", 18),
    ],
)
def test_mistake_is_found_at_its_place(tmp_path: Path, line: str, rule: str, column: int) -> None:
    [problem] = load(tmp_path, f"{line}\n").problems
    assert (problem.id, problem.place.line, problem.place.column) == (rule, 5, column)


def test_what_is_short_is_translated_by_position(tmp_path: Path) -> None:
    original = """\
  - "Good morning."
  - highlights:
      - "[Tides](https://tides.example.net/): High and low."
      - "[Maps](https://maps.example.net/)"
  - "Good night."
"""
    german = original.replace("Good", "Guten").replace("Tides", "Gezeiten").replace("High and low", "Hoch und tief")
    loaded = load(tmp_path, original, f"title: Karten\nblocks:\n{german}")
    assert [(one.id, one.place.file, one.place.line) for one in loaded.problems] == []
    assert loaded.issue is not None
    good, articles, night = loaded.issue.contents["de"].blocks
    assert isinstance(articles, HighlightsBlock)
    assert [(one.title, one.url, one.summary) for one in articles.items if isinstance(one, Article)] == [
        ("Gezeiten", "https://tides.example.net/", "Hoch und tief."),
        ("Maps", "https://maps.example.net/", ""),
    ]
    assert [block.text for block in (good, night) if isinstance(block, TextBlock)] == ["Guten morning.", "Guten night."]
    fewer = load(tmp_path, original, "title: Karten\nblocks:\n  - Guten Morgen.\n").problems
    assert [(one.id, str(one.place)) for one in fewer] == [("missing-id", "one.de.yaml:3:5")]
    assert "the list has 1 items, not 3 as in the original (one.yaml:5)" in fewer[0].message


def test_editors_accept_what_is_short() -> None:
    schema = json.loads(json.dumps(schemas()["issue.schema.json"]))
    bare = [one for one in schema["properties"]["blocks"]["items"]["oneOf"] if one.get("type") == "string"]
    assert [bool(re.search(one["pattern"], "words")) for one in bare] == [True]
    items = schema["definitions"]["HighlightsEntry"]["properties"]["highlights"]["items"]["oneOf"]
    [pattern] = [one["pattern"] for one in items if one.get("type") == "string"]
    assert re.search(pattern, "[Tides](https://tides.example.net/): High and low.")
    assert not re.search(pattern, "Tides")
