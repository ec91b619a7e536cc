"""What an author meant to come back to is found in every text, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
from writing import ISSUE, write_project

from newsletter.authoring.load import load_issue
from newsletter.authoring.placeholders import check_authors, check_placeholders
from newsletter.problem import Severity
from newsletter.source import parse_source


def places(text: str, language: str = "en") -> list[tuple[int, int]]:
    node, problems = parse_source(text.encode(), "issue.yaml")
    assert node is not None, problems
    found = list(check_placeholders(node, language))
    assert {(problem.id, problem.severity) for problem in found} <= {("placeholder", Severity.WARNING)}
    return [(problem.place.line, problem.place.column) for problem in found]


@pytest.mark.parametrize(
    "written",
    [
        "A week of maps", "Three ways to draw the same coast", "Maps for ", "Paper, screens and memory", "The Weekly\n",
        "A coast seen from above", "The coast in March.", "Drawn by ", "looks at **maps**", "Three picks",
        "The last paper map", "Why hikers still carry one.", "A ridge at dusk", "Drawn for this issue", "Cy Guest",
        "People draw their town", "measures the tides.", "A map is a promise.", "Ana Example", "Write for us",
        "Until the next one,", "The editors",
    ],
)  # fmt: skip
def test_placeholder_is_found_in_every_text_at_its_place(written: str) -> None:
    at = ISSUE.index(written)
    text = f"{ISSUE[:at]}FIXME {ISSUE[at:]}"
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    assert places(text) == [(line, column)]


def test_good_issue_has_none() -> None:
    assert places(ISSUE) == []


@pytest.mark.parametrize(
    "text",
    [
        "TODO", "Todo: write this", "todo", "A (TODO)", "TODO.", "FIXME!", "When: TBD", "Lorem ipsum.", "ＴＯＤＯ: x",
        "TODO write this", "**TODO** write this", "The end. TODO more", "Maps — TODO more", "Photo by TODO",
        "By me TODO: more", "One\n\n    - TODO more", "\u200bTODO more", "[TODO](https://e.example)",
    ],
)  # fmt: skip
def test_words_for_what_is_missing_are_found(text: str) -> None:
    assert len(places(f"closing: '{text}'\n")) == 1


@pytest.mark.parametrize("text", [
    "Our todo lists", "See TODO.md", "`TODO` comments in code", "the file main/TODO", "TODOS", "A_TODO", "tbd",
    "The best TODO apps of 2026", "Finish your TODO list.", "Tick off your TODO.", "Apps, TODO lists and notes",
])  # fmt: skip
def test_words_that_only_look_like_it_are_left_alone(text: str) -> None:
    assert places(f"closing: '{text}'\n") == []


@pytest.mark.parametrize("language", ["es", "pt-BR"])
def test_word_that_means_everything_is_no_placeholder_in_its_language(language: str) -> None:
    assert places("heading: 'TODO SOBRE MAPAS'\n", language) == []
    assert places("heading: 'TODO: mapas'\n", language) == [(1, 11)]


def test_contributors_of_the_issue_are_looked_at(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    people = folder.parent / "people.yaml"
    people.write_text(people.read_text("utf-8").replace("avatar: ana.png", "avatar: ana.png\n  bio: TODO"), "utf-8")
    loaded = load_issue(folder / "issue.yaml", root=tmp_path)
    assert loaded.issue is not None, loaded.problems
    assert {(problem.id, problem.path) for problem in check_authors(loaded.issue)} == {("placeholder", "author")}
