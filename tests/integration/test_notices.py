"""Notices of a project: its own words over the program's, and what doctor says of those that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.app.operating.doctor import Grade, examine
from newsletter.app.project import Project, shipped_templates
from newsletter.audience.notice import NoticeKind
from newsletter.compiler.edition import Edition, Identity
from newsletter.compiler.mjml.templates import Templates
from newsletter.compiler.notices import compile_notice, notice_language
from newsletter.config import Config


def compiled(folder: Path, kind: NoticeKind, language: str) -> Edition:
    folders = [folder / "templates", shipped_templates()]
    templates = Templates(folders, root=folder)
    who = Identity("The Weekly", "The Weekly", "news@example.org")
    return compile_notice(kind, language, templates=templates, folders=folders, root=folder, identity=who, home_url="")


def written(folder: Path, language: str, words: str) -> Path:
    (folder / "templates" / "notices").mkdir(parents=True, exist_ok=True)
    file = folder / "templates" / "notices" / f"{language}.toml"
    file.write_text(words, encoding="utf-8")
    return file


def test_project_replaces_single_keys_and_adds_languages(tmp_path: Path) -> None:
    written(tmp_path, "en", '[welcome]\ntext = "Hello, *dear* reader of {lists}."\n')
    edition = compiled(tmp_path, NoticeKind.WELCOME, "en")
    assert (edition.title, "<em" in edition.html) == ("You are subscribed", True)
    written(tmp_path, "nl", '[welcome]\nsubject = "Welkom"\ntitle = "Welkom"\ntext = "Dag."\nwhy = "Daarom."\n')
    folders = [tmp_path / "templates", shipped_templates()]
    assert notice_language(folders, tmp_path, ["nl-BE"]) == "nl"
    assert compiled(tmp_path, NoticeKind.WELCOME, "nl").subject == "Welkom"


@pytest.mark.parametrize(
    "words",
    [
        '[welcome]\ntext = "{name}"\n',
        '[welcome]\ntext = "{"\n',
        '[welcome]\ntext = "{lists.x}"\n',
        "[welcome]\ntext = 3\n",
        '[welcome]\ntxt = "x"\n',
        "[welcome\n",
        "welcome = 3\n",
    ],
)
def test_words_that_cannot_be_used_are_told_by_doctor(tmp_path: Path, words: str) -> None:
    written(tmp_path, "en", words)
    found = examine(Project(tmp_path, Config()), lambda _: "offers nothing")
    bad = [one for one in found if one.about == "notices" and one.grade is Grade.BAD]
    assert bad
    assert all(" in en: " in one.message for one in bad)
