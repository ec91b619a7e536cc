"""Block types of a project: mistakes in schemas at their places, values as carefully read as in the types that ship."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.authoring.load import Loaded, load_issue
from newsletter.authoring.placeholders import check_placeholders
from newsletter.authoring.project_blocks.load import block_types
from newsletter.compiler.checks.words import check_words
from newsletter.problem import has_errors

HEAD = "title: Offers\ndate: 2026-01-01\nlanguage: en\nblocks:\n"
SCHEMA = """\
fields:
  offer: {kind: plain, required: true}
  text: text
  link: url
  price: {kind: number, min: 1, max: 100}
  size: {kind: choice, of: [small, large]}
  photo: image
  tags: {kind: list, of: inline}
  parts:
    kind: list
    of:
      part: {kind: inline, required: true}
      parts: {kind: list, of: {name: plain}}
"""
FIELDS = ("offer", "text", "link", "price", "size", "photo", "tags", "parts")
KNOWN = f"Known here: id, show_if, {', '.join(FIELDS)}. A block of its own begins with '- '."


def load(folder: Path, blocks: str, schema: str = SCHEMA, name: str = "offer", german: str = "") -> Loaded:
    templates = folder / "templates" / "blocks"
    templates.mkdir(parents=True, exist_ok=True)
    (templates / f"{name}.mjml.j2").touch()
    (templates / f"{name}.schema.yaml").write_text(schema, encoding="utf-8")
    (folder / "one.yaml").write_text(HEAD + blocks, encoding="utf-8")
    if german:
        (folder / "one.de.yaml").write_text(german, encoding="utf-8")
    return load_issue(folder / "one.yaml", root=folder, types=block_types([folder / "templates"], folder))


def found(loaded: Loaded) -> list[tuple[str, int, int, str]]:
    return [(one.id, one.place.line, one.place.column, one.hint) for one in loaded.problems]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{offer: a, txt: b}", ("unknown-key", 5, 16, "Did you mean 'text'?")),
        ("{offer: a, picture: b}", ("unknown-key", 5, 16, "Did you mean 'price'?")),
        ("{offer: a, xyz: b}", ("unknown-key", 5, 16, KNOWN)),
        ("{offer: a, link: 'javascript:a'}", ("bad-url", 5, 22, "Links begin with https://, http://, mailto: or tel:")),
        ("{offer: a, price: 0.5}", ("out-of-range", 5, 23, "")),
        ("{offer: a, price: '7'}", ("wrong-type", 5, 23, "")),
        ("{offer: a, size: huge}", ("wrong-value", 5, 22, "")),
        ("{offer: a, text: 7}", ("wrong-type", 5, 22, 'Quote this text: "7"')),
        ("{offer: a, photo: {image: none.png, alt: x}}",
         ("missing-image", 5, 31, "An image lies in the folder of the file that names it.")),
        ("{offer: a, tags: []}", ("empty-value", 5, 22, "")),
        ("{offer: a, parts: [{part: '[](@nobody)'}]}",
         ("unknown-person", 5, 32, "Add nobody: to people.yaml, or write the name without a link.")),
        ("{offer: a, parts: [{part: a, parts: [{nam: b}]}]}", ("unknown-key", 5, 43, "Did you mean 'name'?")),
        ("{offer: 'a {{ subscriber.name }}'}",
         ("missing-default", 5, 16, 'Give it a default: {{ subscriber.name | default("…") }}')),
        ("{ofer: a}", ("unknown-block", 5, 6, "Did you mean 'offer'?")),
    ],
)  # fmt: skip
def test_mistake_in_a_block_is_found_at_its_place(
    tmp_path: Path, line: str, problem: tuple[str, int, int, str]
) -> None:
    assert found(load(tmp_path, f"  - {line}\n")) == [problem]


def test_words_and_placeholders_are_looked_at_by_kind(tmp_path: Path) -> None:
    blocks = "  - offer: 'a `b`'\n    text: 'TODO: c ~~d'\n    link: https://TODO.example/TODO\n    size: small\n"
    loaded = load(tmp_path, blocks)
    assert not has_errors(loaded.problems)
    [file] = loaded.files.values()
    assert ("leftover-markup", "blocks[0].offer") in [(one.id, one.path) for one in check_words(file, loaded.schema)]
    assert {one.path for one in check_placeholders(file, "en", loaded.schema)} == {"blocks[0].text", "blocks[0].link"}


def test_missing_translations_are_told_by_what_the_schema_says(tmp_path: Path) -> None:
    schema = SCHEMA.replace("text: text", "text: text\n  where: {kind: plain, required: true, translated: false}")
    blocks = (
        "  - offer: a\n    where: w\n    text: b\n    id: x\n    tags: [c]\n"
        "    parts: [{part: d, id: p, parts: [{name: e, id: q}]}]\n"
    )
    german = "title: b\nblocks:\n  - {id: x}\n"
    loaded = load(tmp_path, blocks, schema, german=german)
    told = {(one.path, one.severity.value) for one in loaded.problems if one.id == "missing-translation"}
    assert told == {
        ("blocks[0].offer", "error"), ("blocks[0].text", "warning"), ("blocks[0].tags[0]", "error"),
        ("blocks[0].parts[0]", "error"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ("fields: {offer: plane}", ("wrong-value", 1, 17)),
        ("fields: {offer: plain, url: {kind: url, of: a}}", ("wrong-value", 1, 45)),
        ("fields: {offer: plain, url: {kind: url, of: [a]}}", ("misplaced-key", 1, 29)),
        ("fields: {offer: plain, id: plain}", ("bad-key", 1, 24)),
        ("fields: {offer: plain, from: plain}", ("bad-key", 1, 24)),
        ("fields: {offer: plain, Big: plain}", ("bad-key", 1, 24)),
        ("fields: {offer: plain, size: {kind: choice}}", ("missing-key", 1, 30)),
        ("fields: {offer: plain, parts: {kind: list}}", ("missing-key", 1, 31)),
        ("fields: {offer: plain, parts: list}", ("missing-key", 1, 31)),
        ("fields: {offer: plain, size: choice}", ("missing-key", 1, 30)),
        ("fields: {offer: plain, parts: {kind: list, of: {a: list}}}", ("missing-key", 1, 52)),
        ("fields: {offer: plain}\ntext: '{ofer}'", ("unknown-key", 1, 1)),
        ("fields: {offers: plain}", ("missing-key", 1, 1)),
        ("fields: {}", ("empty-value", 1, 9)),
        ("feilds: {offer: plain}", ("unknown-key", 1, 1)),
        ("fields: {offer: plain", ("yaml", 1, 22)),
    ],
)
def test_mistake_in_a_schema_is_found_at_its_place_and_only_there(
    tmp_path: Path, schema: str, problem: tuple[str, int, int]
) -> None:
    loaded = load(tmp_path, "  - offer: a\n    whatever: 7\n", schema)
    assert [(one.id, one.place.line, one.place.column) for one in loaded.problems] == [problem]
    assert {one.place.file for one in loaded.problems} == {"templates/blocks/offer.schema.yaml"}


@pytest.mark.parametrize("name", ["text", "Offer", "id", "my-offer"])
def test_schema_that_can_make_no_type_is_an_error(tmp_path: Path, name: str) -> None:
    loaded = load(tmp_path, "  - text: a\n", name=name)
    assert [(one.id, one.place.file) for one in loaded.problems] == [
        ("bad-block-type", f"templates/blocks/{name}.schema.yaml")
    ]


def test_schema_without_a_template_is_an_error(tmp_path: Path) -> None:
    load(tmp_path, "  - text: a\n")
    (tmp_path / "templates/blocks/offer.mjml.j2").unlink()
    types = block_types([tmp_path / "templates"], tmp_path)
    assert [one.id for one in types.problems] == ["missing-template"]
    assert types.entries == {}


def test_schema_behind_a_link_is_not_read(tmp_path: Path) -> None:
    load(tmp_path, "  - text: a\n")
    (tmp_path / "outside.yaml").write_text(SCHEMA, encoding="utf-8")
    (tmp_path / "templates/blocks/offer.schema.yaml").unlink()
    (tmp_path / "templates/blocks/offer.schema.yaml").symlink_to(tmp_path / "outside.yaml")
    assert [one.id for one in block_types([tmp_path / "templates"], tmp_path).problems] == ["refused-file"]


def test_changed_schema_counts_at_once(tmp_path: Path) -> None:
    assert found(load(tmp_path, "  - offer: a\n    more: b\n"))[0][0] == "unknown-key"
    assert found(load(tmp_path, "  - offer: a\n    more: b\n", SCHEMA + "  more: plain\n")) == []
