from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from writing import write_project

from newsletter.authoring.check import RULES, check_issue
from newsletter.authoring.image import ImageFile
from newsletter.authoring.issue import Issue
from newsletter.authoring.load import load_issue
from newsletter.problem import Severity

ARTICLE = '      - id: memory\n        title: "Maps from memory"'


@pytest.fixture
def edited(tmp_path: Path) -> Callable[..., Issue]:
    """The good issue with some of its lines changed."""

    def edit(*changes: tuple[str, str], file: str = "issue.yaml") -> Issue:
        folder = write_project(tmp_path)
        text = (folder / file).read_text(encoding="utf-8")
        for old, new in changes:
            assert text.count(old) == 1
            text = text.replace(old, new)
        (folder / file).write_text(text, encoding="utf-8")
        with (folder / "issue.zh.yaml").open("a", encoding="utf-8") as translation:
            translation.write("\nfallback: allow\n")
        loaded = load_issue(folder / "issue.yaml", root=tmp_path)
        assert loaded.issue is not None, loaded.problems
        return loaded.issue

    return edit


def found(issue: Issue) -> list[tuple[str, str, int, int]]:
    return [(p.id, p.place.file.rpartition("/")[2], p.place.line, p.place.column) for p in check_issue(issue)]


def test_good_issue_passes(edited: Callable[..., Issue]) -> None:
    assert check_issue(edited()) == []


@pytest.mark.parametrize(
    ("old", "new", "rule", "line", "column"),
    [
        ('"Write for us"', '"Write for us whenever you like"', "long-button", 58, 13),
        ('"Write for us"', f'"{"x" * 31}"', "long-button", 58, 13),
        ("  - divider:", "  - button: Two\n    url: https://two.example\n    id: two", "many-buttons", 60, 13),
        ("default('you')", f"default('you') }}}} {'x' * 78} {{{{ subscriber.email", "long-subject", 3, 10),
        ('preheader: "', f'preheader: "{"x" * 150}', "long-preheader", 4, 12),
        ("  - highlights:\n", "  - heading: Another\n  - highlights:\n", "empty-heading", 25, 14),
        (
            "  - divider:",
            "  - read_more: More\n    id: more\n  - read_more: Still\n    id: still",
            "second-read-more",
            56,
            16,
        ),
        (ARTICLE, f'{ARTICLE}\n        url: "https://maps.example.org/paper/#top"', "duplicate-url", 41, 14),
    ],
)
def test_rule_finds_its_mistake(
    edited: Callable[..., Issue], old: str, new: str, rule: str, line: int, column: int
) -> None:
    assert (rule, "issue.yaml", line, column) in found(edited((old, new)))


def test_last_heading_stands_over_nothing(edited: Callable[..., Issue]) -> None:
    issue = edited()
    content = replace(issue.original, blocks=issue.original.blocks[:2])
    assert [p.id for p in check_issue(replace(issue, contents={"en": content}))] == ["empty-heading"]


def test_end_of_the_email_after_which_nothing_follows_is_noticed(edited: Callable[..., Issue]) -> None:
    issue = edited(("  - divider:", "  - divider:\n  - read_more: More\n    id: more"))
    assert check_issue(issue) == []
    types = [one.type for one in issue.original.blocks]
    content = replace(issue.original, blocks=issue.original.blocks[: types.index("read_more") + 1])
    assert [one.id for one in check_issue(replace(issue, contents={"en": content}))] == ["nothing-more"]


def test_decoration_needs_no_words(edited: Callable[..., Issue]) -> None:
    assert check_issue(edited(('alt: "A ridge at dusk"', 'alt: ""'))) == []


def test_article_without_any_link_is_noticed(edited: Callable[..., Issue]) -> None:
    issue = edited(
        ('author: [ana, {name: Cy Guest, url: "https://cy.example.org"}]', "author: bo"),
        ("; see [the drawings](https://maps.example.org/memory).", "."),
    )
    assert found(issue) == [("article-without-link", "issue.yaml", 39, 9)]


@pytest.mark.parametrize("with_link", ["author: ana", 'url: "https://maps.example.org/m"'])
def test_article_with_some_link_is_fine(edited: Callable[..., Issue], with_link: str) -> None:
    issue = edited(
        ('author: [ana, {name: Cy Guest, url: "https://cy.example.org"}]', with_link),
        ("; see [the drawings](https://maps.example.org/memory).", "."),
    )
    assert check_issue(issue) == []


def with_pictures(issue: Issue, **changes: Any) -> Issue:
    def change(file: ImageFile) -> ImageFile:
        return replace(file, **changes)

    hero = issue.original.hero
    assert hero is not None
    content = replace(issue.original, hero=replace(hero, file=change(hero.file)))
    return replace(issue, contents={"en": content})


def test_small_hero_is_noticed(edited: Callable[..., Issue]) -> None:
    assert found(with_pictures(edited(), width=599)) == [("small-picture", "issue.yaml", 14, 10)]


def test_what_languages_share_is_said_once(edited: Callable[..., Issue]) -> None:
    issue = edited((ARTICLE, f'{ARTICLE}\n        url: "https://maps.example.org/paper"'))
    assert [rule for rule, *_ in found(issue)].count("duplicate-url") == 1


def test_no_rule_of_taste_is_an_error(edited: Callable[..., Issue]) -> None:
    issue = edited(('"Three picks"', '"TODO"'), ('"Write for us"', f'"{"x" * 31}"'))
    assert {problem.severity for problem in check_issue(issue)} == {Severity.WARNING}


def test_every_rule_says_what_it_is_for() -> None:
    assert all(rule.__doc__ for rule in RULES)
