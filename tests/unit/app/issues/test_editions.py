"""Editions: all languages of an issue with the project's own settings, and problems brought to the line they are in."""

from __future__ import annotations

from pathlib import Path

import pytest
from compiling import make_content, make_issue

from newsletter.app.issues.editions import compile_editions, sharpen
from newsletter.app.project import Project, open_project
from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.problem import Place, Problem


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return open_project(
        tmp_path, {"NEWSLETTER_NEWSLETTER__NAME": "Mine", "NEWSLETTER_PUBLIC__URL": "https://n.example"}
    )


def test_every_language_is_compiled_the_issues_own_first(project: Project) -> None:
    issue = make_issue(
        make_content(TextBlock("词"), language="zh"), make_content(TextBlock("x")), make_content(language="de")
    )
    compilation = compile_editions(project, issue)
    assert list(compilation.editions) == ["zh", "de", "en"]
    assert compilation.editions["zh"].identity.newsletter == "Mine"


def test_problem_of_all_languages_is_told_once(project: Project) -> None:
    issue = make_issue(make_content(theme="nowhere"), make_content(language="de", theme="nowhere"))
    compilation = compile_editions(project, issue)
    assert not compilation.editions
    assert len(compilation.problems) == len(set(compilation.problems)) == len(compilation.found["de"])


FILE = "one: 1\ntext: |\n  first line\n  the **wrong line\nlast: 2\n"


@pytest.mark.parametrize(
    ("quote", "place"),
    [
        ("the **wrong line", Place("issue.yaml", 4, 3)),
        ("first line", Place("issue.yaml", 3, 3)),
        ("folded differently", Place("issue.yaml", 2, 7)),
        ("", Place("issue.yaml", 2, 7)),
        ("one: 1", Place("issue.yaml", 2, 7)),
        ("x", Place("issue.yaml", 2, 7)),
    ],
)
def test_sharpen_finds_the_quoted_line(tmp_path: Path, quote: str, place: Place) -> None:
    (tmp_path / "issue.yaml").write_text(FILE, encoding="utf-8")
    problem = Problem("leftover-markup", "…", Place("issue.yaml", 2, 7), quote=quote)
    assert sharpen(problem, tmp_path).place == place


def test_sharpen_leaves_problems_of_lost_files_alone(tmp_path: Path) -> None:
    problem = Problem("x", "…", Place("gone.yaml", 2, 7), quote="some line")
    assert sharpen(problem, tmp_path) == problem


def test_sharpen_cuts_a_line_without_end(tmp_path: Path) -> None:
    (tmp_path / "issue.yaml").write_text(f"text: the **wrong line {'x' * 2000}\n", encoding="utf-8")
    problem = Problem("leftover-markup", "…", Place("issue.yaml", 1, 7), quote="the **wrong line")
    assert sharpen(problem, tmp_path).quote == f"text: the **wrong line {'x' * 977}…"
