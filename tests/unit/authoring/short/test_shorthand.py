"""What is written short is read like the whole, and its mistakes are found where they were written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

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


def test_translation_asks_for_an_id(tmp_path: Path) -> None:
    problems = load(tmp_path, SHORT, "title: Karten\nblocks:\n  - Guten Morgen\n").problems
    assert ("missing-id", "one.yaml", 5) in [(one.id, one.place.file, one.place.line) for one in problems]


def test_editors_accept_what_is_short() -> None:
    schema = json.loads(json.dumps(schemas()["issue.schema.json"]))
    bare = [one for one in schema["properties"]["blocks"]["items"]["oneOf"] if one.get("type") == "string"]
    assert [bool(re.search(one["pattern"], "words")) for one in bare] == [True]
    items = schema["definitions"]["HighlightsEntry"]["properties"]["highlights"]["items"]["oneOf"]
    [pattern] = [one["pattern"] for one in items if one.get("type") == "string"]
    assert re.search(pattern, "[Tides](https://tides.example.net/): High and low.")
    assert not re.search(pattern, "Tides")
