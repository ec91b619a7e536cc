"""A block type is one Python file and one template: a copy of the package with both reads, checks, translates, merges
and writes it like the types that ship."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from writing import CONFIG

import newsletter

TEMPLATE = """\
<mj-section><mj-column>
<mj-text>{{ block.label }} {{ block.dish | markdown }}</mj-text>
</mj-column></mj-section>
"""
HEAD = "title: Recipe\ndate: 2026-01-01\nlanguage: en\nblocks:\n"
GOOD = """\
  - recipe: "Dear {{ subscriber.name | default('you') }}, [](@ana), [more](https://e.example/?{{ subscriber.email }})"
    label: "For {{ subscriber.name | default('you') }}"
    id: c
"""
BAD = """\
  - text: Hello.
    id: t
  - recipe: "Dear {{ subscriber.nam }}, see [](@nobody) and [here](javascript:a)"
    label: "Not `code`"
    id: c
  - recipe: "Some **bold , and <b>html</b>"
    id: d
"""
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a module of the copy in a project beside it."""
    code = tmp_path_factory.mktemp("code")
    package = Path(newsletter.__file__).parent
    shutil.copytree(package, code / "newsletter")
    shutil.copytree(package.parent / "templates", code / "templates")
    shutil.copy(Path(__file__).parents[1] / "recipe.py", code / "newsletter/authoring/blocks")
    (code / "templates/blocks/recipe.mjml.j2").write_text(TEMPLATE, encoding="utf-8")

    def run(folder: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(
            command, cwd=folder, env=os.environ | {"PYTHONPATH": str(code)}, capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(blocks: str, german: str = "") -> Path:
        (tmp_path / "newsletter.toml").write_text(CONFIG, encoding="utf-8")
        issues = tmp_path / "issues"
        issues.mkdir()
        (issues / "people.yaml").write_text("ana: {name: Ana, url: 'https://ana.example'}\n", encoding="utf-8")
        (issues / "personas.yaml").write_text("- {id: kim, name: Kim, email: kim@e.example}\n", encoding="utf-8")
        (issues / "one.yaml").write_text(HEAD + blocks, encoding="utf-8")
        if german:
            (issues / "one.de.yaml").write_text(german, encoding="utf-8")
        return tmp_path

    return write


def test_its_texts_are_checked_where_they_were_written(run: Run, write: Callable[..., Path]) -> None:
    done = run(write(BAD), "newsletter", "check", "--format", "json")
    assert done.returncode == 1, done.stderr
    found = {(p["id"], p["line"], p["column"], p["path"]) for p in json.loads(done.stdout)}
    assert found >= {
        ("unknown-attribute", 7, 19, "blocks[1].recipe"),
        ("missing-default", 7, 19, "blocks[1].recipe"),
        ("unknown-person", 7, 45, "blocks[1].recipe"),
        ("bad-url", 7, 68, "blocks[1].recipe"),
        ("leftover-markup", 8, 17, "blocks[1].label"),
        ("leftover-markup", 10, 19, "blocks[2].recipe"),
        ("leftover-markup", 10, 32, "blocks[2].recipe"),
    }


@pytest.mark.parametrize(
    ("german", "problem"),
    [
        ("", ("missing-translation", "error", "blocks[0]")),
        ("blocks:\n  - {id: c, label: Für dich}\n", ("missing-translation", "error", "blocks[0].recipe")),
        ("blocks:\n  - {id: c, recipe: Hallo}\n", ("missing-translation", "warning", "blocks[0].label")),
    ],
)
def test_its_missing_translation_is_a_problem(
    run: Run, write: Callable[..., Path], german: str, problem: tuple[str, str, str]
) -> None:
    done = run(write(GOOD, f"title: Hinweis\n{german}"), "newsletter", "check", "--format", "json")
    assert problem in [(p["id"], p["severity"], p["path"]) for p in json.loads(done.stdout)]


def test_its_merge_fields_and_people_are_filled_in_both_parts(run: Run, write: Callable[..., Path]) -> None:
    folder = write(GOOD)
    done = run(folder, "newsletter", "build", "--out", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    html, text = ((folder / "out/one" / f"en.{end}").read_text(encoding="utf-8") for end in ("html", "txt"))
    assert "For Kim" in html
    assert "Dear Kim" in html
    assert 'href="https://ana.example"' in html
    assert 'href="https://e.example/?kim%40e.example"' in html
    assert (
        "For Kim\n\nDear Kim, Ana [1], more [2]\n\n[1] https://ana.example\n[2] https://e.example/?kim%40e.example"
        in text
    )


def test_its_schema_is_shown_to_editors(run: Run, tmp_path: Path) -> None:
    run(tmp_path, "newsletter.authoring.json_schema", str(tmp_path)).check_returncode()
    schema = json.loads((tmp_path / "issue.schema.json").read_text(encoding="utf-8"))
    assert {"$ref": "#/definitions/RecipeEntry"} in schema["properties"]["blocks"]["items"]["oneOf"]
    assert set(schema["definitions"]["RecipeEntry"]["properties"]) == {"id", "show_if", "recipe", "label"}
