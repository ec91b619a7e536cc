"""docs/howto/add-a-block-type.md, followed to the letter: a type that is checked, translated, filled and offered."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import jsonschema
import pytest
from writing import png

from newsletter.app.issues.building import build
from newsletter.app.issues.examine import check
from newsletter.app.operating.new_project import start_project, update_schemas
from newsletter.app.project import Project, open_project
from newsletter.authoring.project_blocks.type_file import FieldEntry, Kind, TypeFile
from newsletter.problem import has_errors
from newsletter.source import parse_source

PAGE = (Path(__file__).parents[2] / "docs/howto/add-a-block-type.md").read_text(encoding="utf-8")
SCHEMA, TEMPLATE, BLOCK, LINES = re.findall(r"```(?:yaml|jinja)\n(.*?)```", PAGE, re.DOTALL)
HEAD = 'title: Maps\ndate: 2026-12-01\nlanguage: en\nclosing: ""\nsignature: ""\nblocks:\n'
GERMAN = """\
title: Karten
blocks:
  - id: evening
    event: "Ein Abend mit Karten"
    day: "Freitag, 4. Dezember"
    text: "Für {{ subscriber.name | default('dich') }}."
    photo: {alt: "Der Lesesaal"}
    speakers: [{id: noor, about: "zeichnet Küsten"}]
"""
LIBRARY = "https://library.example.org/"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    start_project(tmp_path)
    blocks, issue = tmp_path / "templates/blocks", tmp_path / "issues/maps"
    blocks.mkdir()
    issue.mkdir()
    (blocks / "event.schema.yaml").write_text(SCHEMA, encoding="utf-8")
    (blocks / "event.mjml.j2").write_text(TEMPLATE, encoding="utf-8")
    (issue / "issue.yaml").write_text(HEAD + BLOCK, encoding="utf-8")
    (issue / "hall.png").write_bytes(png(1200, 800))
    return open_project(tmp_path, {})


def built(project: Project, language: str = "en") -> tuple[str, str]:
    """HTML and text of the page's issue."""
    report = build(project, [project.issues / "maps"], project.folder / "out")
    assert not has_errors(report.problems), report.problems
    html, text = (
        (project.folder / f"out/maps/{language}.{end}").read_text(encoding="utf-8") for end in ("html", "txt")
    )
    return html, text


def test_page_makes_a_type_that_both_parts_show(project: Project) -> None:
    html, text = built(project)
    assert f'<a href="{LIBRARY}maps"' in html
    assert "Bring <strong" in html
    assert "Noor: draws coasts" in html
    assert text.split("====\n\n")[1].split("\n\n---")[0] == (
        f"An evening of maps\nFriday, 4 December\nThe old library [1]\n{LIBRARY}maps\n\n[The reading room]\n\n"
        f"Bring one map you love.\n\n* Noor\n  draws coasts\n\n* Sam\n\n[1] {LIBRARY}"
    )


def test_lines_of_the_page_write_the_text_part(project: Project) -> None:
    (project.folder / "templates/blocks/event.schema.yaml").write_text(
        SCHEMA.replace("    kind: list\n", '    kind: list\n    line: "{name} ({about})"\n') + LINES, encoding="utf-8"
    )
    text = built(project)[1]
    assert text.split("====\n\n")[1].split("\n\n---")[0] == (
        f"An evening of maps: Friday, 4 December, The old library [1] (free)\n{LIBRARY}maps\n\n"
        f"Bring one map you love.\n\n* Noor (draws coasts)\n\n* Sam ()\n\n[1] {LIBRARY}"
    )


def test_it_is_translated_and_filled(project: Project) -> None:
    (project.issues / "maps/issue.de.yaml").write_text(GERMAN, encoding="utf-8")
    html, text = built(project, "de")
    assert (
        f"\nEin Abend mit Karten\nFreitag, 4. Dezember\nThe old library [1]\n{LIBRARY}maps\n\n[Der Lesesaal]\n\nFür "
        in text
    )
    assert "subscriber.name" not in html + text
    assert "* Noor\n  zeichnet Küsten\n\n* Sam" in text
    (project.issues / "maps/issue.de.yaml").write_text(
        GERMAN.replace("    event:", "    # event:").replace("    day:", "    # day:"), encoding="utf-8"
    )
    missing = {(one.path, one.severity.value) for one in check(project) if one.id == "missing-translation"}
    assert missing == {("blocks[0].event", "error"), ("blocks[0].day", "warning")}


def test_editors_know_the_type(project: Project) -> None:
    update_schemas(project)
    schema = json.loads((project.folder / "schema/issue.schema.json").read_text(encoding="utf-8"))
    for text, is_right in ((BLOCK, True), (BLOCK.replace("entry: free", "entry: fre"), False)):
        root, _ = parse_source((HEAD + text).encode(), "issue.yaml")
        assert root is not None
        plain = json.loads(json.dumps(root.plain()))
        assert jsonschema.Draft7Validator(schema).is_valid(plain) is is_right
    assert schema["definitions"]["EventEntry"]["description"] == "Something that readers can go to."
    assert schema["definitions"]["EventEntry"]["properties"]["event"]["description"] == "What it is called."


def test_template_alone_makes_a_type_of_one_text(project: Project) -> None:
    (project.folder / "templates/blocks/event.schema.yaml").unlink()
    (project.folder / "templates/blocks/event.mjml.j2").write_text(
        "<mj-section><mj-column><mj-text>{{ block.event | markdown }}</mj-text></mj-column></mj-section>",
        encoding="utf-8",
    )
    (project.issues / "maps/issue.yaml").write_text(HEAD + '  - event: "Some **Markdown**."\n', encoding="utf-8")
    html, text = built(project)
    assert "Some <strong" in html
    assert "\nSome Markdown.\n" in text


def test_page_names_every_kind_and_key() -> None:
    code = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`\n]+)`", PAGE)))) | set(re.findall(r"(\w+):", PAGE))
    assert set(get_args(Kind)) <= code
    assert (FieldEntry.model_fields.keys() | TypeFile.model_fields.keys()) <= code
