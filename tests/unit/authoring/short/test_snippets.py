"""A snippet stands for its blocks; its mistakes are found in its own file, and it can be written in every language."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from newsletter.authoring.blocks.simple.callout import CalloutBlock
from newsletter.authoring.blocks.simple.image import ImageBlock
from newsletter.authoring.load import Loaded, load_issue, load_snippet
from newsletter.compiler.fingerprint import fingerprint

HEAD = "title: Maps\ndate: 2026-01-01\nlanguage: en\nblocks:\n"
BLOCKS = "  - {text: Hello., id: hello}\n  - snippet: support\n  - {text: Bye., id: bye}\n"
SUPPORT = "- callout: Thank **you**.\n  title: Support\n- Bare words\n"
GERMAN = "title: Karten\nblocks:\n  - {text: Hallo., id: hello}\n  - {text: Tschüss., id: bye}\n"


def load(folder: Path, blocks: str = BLOCKS, german: str = "", **snippets: str) -> Loaded:
    (folder / "snippets").mkdir(exist_ok=True)
    (folder / "issues").mkdir(exist_ok=True)
    for name, text in snippets.items():
        (folder / "snippets" / f"{name.replace('_', '.')}.yaml").write_text(text, encoding="utf-8")
    (folder / "issues" / "one.yaml").write_text(HEAD + blocks, encoding="utf-8")
    if german:
        (folder / "issues" / "one.de.yaml").write_text(german, encoding="utf-8")
    return load_issue(folder / "issues" / "one.yaml", root=folder)


def test_blocks_take_its_place(tmp_path: Path) -> None:
    loaded = load(tmp_path, support=SUPPORT)
    assert loaded.problems == ()
    assert loaded.issue is not None
    content = loaded.issue.original
    assert [block.type for block in content.blocks] == ["text", "callout", "text", "text"]
    assert str(content.place("blocks[1].callout")) == "snippets/support.yaml:1:12"
    assert str(content.place("blocks[3].text")).startswith("issues/one.yaml:7")


def test_its_content_is_a_part_of_the_hash(tmp_path: Path) -> None:
    hashes = []
    for words in (SUPPORT, SUPPORT.replace("Thank", "Bless"), f"\n\n{SUPPORT}"):
        issue = load(tmp_path, support=words).issue
        assert issue is not None
        hashes.append(fingerprint(issue.original))
    assert hashes[0] != hashes[1]
    assert hashes[0] == hashes[2]


@pytest.mark.parametrize(
    ("support", "problem"),
    [
        ("- callout: a\n  titel: b\n", ("unknown-key", "snippets/support.yaml", 2, 3)),
        ("- text: Dear {{ subscriber.name }}\n", ("missing-default", "snippets/support.yaml", 1, 14)),
        ("- text: '[](@nobody)'\n", ("unknown-person", "snippets/support.yaml", 1, 10)),
        ("- snippet: support\n", ("misplaced-key", "snippets/support.yaml", 1, 3)),
        ("text: a\n", ("wrong-type", "snippets/support.yaml", 1, 1)),
        ("- text: [a\n", ("yaml", "snippets/support.yaml", 2, 1)),
        ("- {text: a, id: hello}\n", ("duplicate-id", "snippets/support.yaml", 1, 17)),
    ],
)
def test_mistake_is_found_in_its_file(tmp_path: Path, support: str, problem: tuple[str, str, int, int]) -> None:
    found = [
        (one.id, one.place.file, one.place.line, one.place.column) for one in load(tmp_path, support=support).problems
    ]
    assert found == [problem]


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ("snippet: suport", ("missing-snippet", 14, "Did you mean 'support'? There are: support.")),
        ("snippet: ../secret", ("bad-name", 14, "There are: support.")),
        ("snippet: support\n    id: a", ("unknown-key", 5, "A snippet has only its name.")),
    ],
)
def test_mistake_where_it_is_included(tmp_path: Path, block: str, problem: tuple[str, int, str]) -> None:
    [found] = load(tmp_path, f"  - {block}\n  - text: a\n", support=SUPPORT).problems
    assert (found.id, found.place.column, found.hint) == problem


def test_translation_takes_the_snippet_of_its_language(tmp_path: Path) -> None:
    loaded = load(tmp_path, german=GERMAN, support=SUPPORT, support_de="- callout: Danke.\n")
    assert loaded.problems == ()
    assert loaded.issue is not None
    german = loaded.issue.contents["de"].blocks
    assert [block.type for block in german] == ["text", "callout", "text"]
    assert isinstance(german[1], CalloutBlock)
    assert german[1].text == "Danke."
    bad = load(tmp_path, german=GERMAN, support=SUPPORT, support_de="- callout: Danke {{ subscriber.name }}\n")
    assert [(one.id, str(one.place)) for one in bad.problems] == [("missing-default", "snippets/support.de.yaml:1:18")]


def test_issue_itself_takes_the_snippet_of_its_language(tmp_path: Path) -> None:
    load(tmp_path, support=SUPPORT, support_de="- callout: Danke.\n")
    file = tmp_path / "issues" / "one.yaml"
    file.write_text(file.read_text().replace("language: en", "language: de"))
    issue = load_issue(file, root=tmp_path).issue
    assert issue is not None
    assert [block.text for block in issue.original.blocks if isinstance(block, CalloutBlock)] == ["Danke."]


def test_missing_one_is_the_only_problem_of_a_translation_by_position(tmp_path: Path) -> None:
    german = "title: Karten\nblocks:\n  - Hallo.\n  - Tschüss.\n"
    loaded = load(tmp_path, BLOCKS.replace("snippet: support", "snippet: suport"), german, support=SUPPORT)
    assert [one.id for one in loaded.problems] == ["missing-snippet"]


def test_without_one_its_blocks_are_translated_by_id(tmp_path: Path) -> None:
    german = GERMAN + "  - {callout: Danke., id: thanks}\n"
    loaded = load(tmp_path, german=german, support="- {callout: Thanks., id: thanks}\n")
    assert loaded.problems == ()
    missing = load(tmp_path, german=GERMAN, support="- {callout: Thanks., id: thanks}\n").problems
    assert [(one.id, one.place.file) for one in missing] == [("missing-translation", "issues/one.de.yaml")]


def test_items_around_it_are_translated_by_position(tmp_path: Path) -> None:
    blocks = "  - Before\n  - snippet: support\n  - After\n"
    german = "title: Eins\nblocks:\n  - Davor\n  - snippet: support\n  - Danach\n"
    for text in (german, german.replace("  - snippet: support\n", "")):
        loaded = load(tmp_path, blocks, german=text, support=SUPPORT, support_de="- callout: Danke.\n")
        assert loaded.problems == ()
        assert loaded.issue is not None
        shown = loaded.issue.contents["de"].blocks
        assert [getattr(block, "text", "") for block in shown] == ["Davor", "Danke.", "Danach"]


def test_its_pictures_lie_beside_it(tmp_path: Path) -> None:
    (tmp_path / "snippets").mkdir()
    Image.new("RGB", (1200, 600)).save(tmp_path / "snippets" / "map.png")
    picture = "- image: map.png\n  alt: A map\n"
    loaded = load(tmp_path, support=picture)
    assert loaded.problems == ()
    assert loaded.issue is not None
    shown = loaded.issue.original.blocks[1]
    assert isinstance(shown, ImageBlock)
    assert shown.picture.file.file.parent.name == "snippets"

    Image.new("RGB", (1200, 400)).save(tmp_path / "issues" / "map.png")
    both = load(tmp_path, BLOCKS + "  - {image: map.png, alt: A town}\n", support=picture)
    assert [(one.id, one.place.file) for one in both.problems] == [("bad-image", "issues/one.yaml")]


def test_folder_without_snippets_is_told(tmp_path: Path) -> None:
    [problem] = load(tmp_path).problems
    assert (problem.id, problem.hint) == ("missing-snippet", "There are: none.")


def alone(folder: Path, name: str = "support.yaml", text: str = SUPPORT) -> Loaded:
    load(folder)
    (folder / "snippets" / name).write_text(text, encoding="utf-8")
    return load_snippet(folder / "snippets" / name, "en", root=folder, issues=folder / "issues")


@pytest.mark.parametrize(
    ("text", "rule", "line", "column"),
    [
        ("- callout: a\n  titel: b\n", "unknown-key", 2, 3),
        ("- text: Dear {{ subscriber.name }}\n", "missing-default", 1, 14),
        ("- text: '[](@nobody)'\n", "unknown-person", 1, 10),
        ("- image: none.png\n  alt: a\n", "missing-image", 1, 10),
        ("- snippet: support\n", "misplaced-key", 1, 3),
        ("- text: a\n  id: x\n- text: b\n  id: x\n", "duplicate-id", 4, 7),
        ("text: a\n", "wrong-type", 1, 1),
        ("- text: [a\n", "yaml", 2, 1),
    ],
)
def test_snippet_that_no_issue_includes_is_checked(
    tmp_path: Path, text: str, rule: str, line: int, column: int
) -> None:
    found = [(one.id, str(one.place)) for one in alone(tmp_path, text=text).problems]
    assert (rule, f"snippets/support.yaml:{line}:{column}") in found
    assert not any(place == "" for _, place in found)


def test_good_snippet_alone_has_no_problems_in_the_language_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "issues").mkdir()
    (tmp_path / "issues" / "people.yaml").write_text("ana: {name: Ana}\n", encoding="utf-8")
    loaded = alone(tmp_path, "support.de.yaml", "- text: Danke, [](@ana).\n")
    assert loaded.problems == ()
    assert list(loaded.files) == ["de"]
    assert list(alone(tmp_path).files) == ["en"]


@pytest.mark.parametrize("name", ["über uns.yaml", "support.german!.yaml"])
def test_file_that_no_issue_can_include_is_told(tmp_path: Path, name: str) -> None:
    (problem,) = alone(tmp_path, name).problems
    assert (problem.id, problem.place.file) == ("bad-name", f"snippets/{name}")
