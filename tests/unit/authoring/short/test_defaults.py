"""Defaults: what every issue has that does not say it itself."""

from pathlib import Path

import pytest
from writing import write_project

from newsletter.authoring.issue import Issue, SendPlan
from newsletter.authoring.load import find_issues, load_issue
from newsletter.problem import Place

ISSUE = "title: A\ndate: 2024-01-25\nblocks: [Some words.]\n"
DEFAULTS = """\
language: en
author: ana
theme: letter
closing: "Until the next one,"
signature: "The **editors**"
send: {list: weekly, timezone: Europe/Berlin}
"""


def write(folder: Path, issue: str = ISSUE, defaults: str = DEFAULTS, **others: str) -> Path:
    """An issue with its defaults; `others`: file → text."""
    for name, text in {"a/issue.yaml": issue, "defaults.yaml": defaults, **others}.items():
        file = folder / "issues" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (folder / "issues" / "people.yaml").write_text("ana: {name: Ana Example}\n", encoding="utf-8")
    return folder / "issues" / "a" / "issue.yaml"


def load(folder: Path, *arguments: str, **others: str) -> Issue:
    loaded = load_issue(write(folder, *arguments, **others), root=folder)
    assert loaded.problems == ()
    assert loaded.issue is not None
    return loaded.issue


def problems(folder: Path, *arguments: str, **others: str) -> list[tuple[str, str]]:
    loaded = load_issue(write(folder, *arguments, **others), root=folder, looks={"theme": ["letter"]})
    return [(problem.id, str(problem.place)) for problem in loaded.problems]


def test_defaults_supply_what_an_issue_does_not_say(tmp_path: Path) -> None:
    issue = load(tmp_path)
    content = issue.original
    assert (issue.language, content.theme, content.closing) == ("en", "letter", "Until the next one,")
    assert (content.signature, [author.name for author in content.authors]) == ("The **editors**", ["Ana Example"])
    assert issue.send == SendPlan(("weekly",), "", "Europe/Berlin")
    assert content.place("closing") == Place("issues/defaults.yaml", 4, 10)


def test_what_an_issue_says_itself_comes_first(tmp_path: Path) -> None:
    own = 'language: fr\nauthor: {name: Bo}\ntheme: digest\nclosing: ""\nsignature: Bo\n'
    issue = load(tmp_path, f"{ISSUE}{own}send: {{at: 2024-01-25 09:00}}\n")
    content = issue.original
    assert (issue.language, content.theme, content.closing, content.signature) == ("fr", "digest", "", "Bo")
    assert [author.name for author in content.authors] == ["Bo"]
    assert issue.send == SendPlan(("weekly",), "2024-01-25 09:00", "Europe/Berlin")


def test_defaults_of_a_language_come_first_for_what_is_written_in_it(tmp_path: Path) -> None:
    german = 'closing: "Bis bald,"\nsignature: "Die Redaktion"\n'
    translation = "title: B\nblocks: [{text: Ein paar Worte., id: a}]\n"
    text = ISSUE.replace("[Some words.]", "[{text: Some words., id: a}]")
    others = {"defaults.de.yaml": german, "a/issue.de.yaml": translation, "b/issue.yaml": f"{ISSUE}language: de\n"}
    issue = load(tmp_path, text, **others)
    assert [(one.closing, one.signature, one.theme) for one in map(issue.contents.__getitem__, ("en", "de"))] == [
        ("Until the next one,", "The **editors**", "letter"),
        ("Bis bald,", "Die Redaktion", "letter"),
    ]
    written_in_german = load_issue(tmp_path / "issues" / "b" / "issue.yaml", root=tmp_path).issue
    assert written_in_german is not None
    assert written_in_german.original.closing == "Bis bald,"


@pytest.mark.parametrize(
    ("defaults", "expected"),
    [
        ("languag: en\nlanguage: en\n", ("unknown-key", "issues/defaults.yaml:1:1")),
        ("language: en\ntheme: leter\n", ("missing-theme", "issues/defaults.yaml:2:8")),
        ("language: en\nauthor: bo\n", ("unknown-person", "issues/defaults.yaml:2:9")),
        ("language: en\nclosing: 7\n", ("wrong-type", "issues/defaults.yaml:2:10")),
        ("language: en\nclosing: a [b](nowhere)\n", ("bad-url", "issues/defaults.yaml:2:16")),
        ("language: en\nsend: {timezone: UTC}\n", ("missing-key", "issues/defaults.yaml:2:7")),
        ("language: en\ntitle: A\n", ("unknown-key", "issues/defaults.yaml:2:1")),
        ("language: en\nlanguage: de\n", ("duplicate-key", "issues/defaults.yaml:2:1")),
        ("[]\n", ("wrong-type", "issues/defaults.yaml:1:1")),
        ("language: xx-\n", ("bad-language", "issues/defaults.yaml:1:11")),
    ],
)
def test_mistake_in_the_defaults_is_reported_there_also_where_an_issue_says_it_itself(
    tmp_path: Path, defaults: str, expected: tuple[str, str]
) -> None:
    own = f"{ISSUE}language: en\ntheme: letter\nauthor: ana\nclosing: A\nsend: {{list: weekly}}\n"
    assert problems(tmp_path, own, defaults) == [expected]
    assert expected in problems(tmp_path, ISSUE, defaults)


def test_mistake_in_an_issue_is_reported_in_the_issue(tmp_path: Path) -> None:
    assert problems(tmp_path, f"{ISSUE}send: {{att: 1}}\n") == [("unknown-key", "issues/a/issue.yaml:4:8")]


def test_picture_of_an_author_lies_beside_the_defaults(tmp_path: Path) -> None:
    write_project(tmp_path)
    (tmp_path / "issues" / "maps" / "coast.png").rename(tmp_path / "issues" / "ana.png")
    author = "language: en\nauthor: {name: Ana, avatar: ana.png}\n"
    (made,) = load(tmp_path, ISSUE, author).original.authors
    assert made.avatar is not None
    assert made.avatar.file == tmp_path / "issues" / "ana.png"


def test_defaults_are_no_issue(tmp_path: Path) -> None:
    file = write(tmp_path, **{"defaults.de.yaml": "signature: A\n"})
    assert find_issues([tmp_path / "issues"], root=tmp_path) == [file]
