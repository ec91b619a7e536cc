from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from writing import ISSUE, write_project

from newsletter.authoring.blocks.highlights import Article, HighlightsBlock
from newsletter.authoring.blocks.simple.button import ButtonBlock
from newsletter.authoring.blocks.simple.links import LinksBlock
from newsletter.authoring.blocks.simple.text import TextBlock
from newsletter.authoring.issue import Issue, SendPlan
from newsletter.authoring.load import find_issues, load_issue, slug_of
from newsletter.authoring.parts import Picture
from newsletter.problem import Place, Severity


def load(folder: Path, name: str = "issues/maps/issue.yaml") -> Issue:
    loaded = load_issue(folder / name, root=folder)
    assert loaded.problems == ()
    assert loaded.issue is not None
    return loaded.issue


def rules(folder: Path, name: str = "issues/maps/issue.yaml") -> list[tuple[str, str]]:
    loaded = load_issue(folder / name, root=folder)
    assert loaded.issue is None
    return [(problem.id, str(problem.place)) for problem in loaded.problems]


def test_issue_holds_everything_the_file_says(tmp_path: Path) -> None:
    write_project(tmp_path)
    issue = load(tmp_path)
    content = issue.original
    assert (issue.slug, issue.languages) == ("maps", ("en", "zh"))
    assert issue.send == SendPlan(("weekly",), "2024-03-14 09:00", "Europe/Berlin")
    assert (content.title, content.date, content.reading_time) == ("A week of maps", date(2024, 3, 14), 4)
    assert content.subject == "Maps for {{ subscriber.name | default('you') }}"
    assert [author.name for author in content.authors] == ["Ana Example"]
    assert content.authors[0].avatar is not None
    assert content.source is not None
    assert content.source.url == "https://weekly.example.org/maps"
    assert content.hero is not None
    assert (content.hero.file.width, content.hero.alt) == (1200, "A coast seen from above")
    kinds = ["text", "heading", "highlights", "links", "quote", "divider", "spacer", "button"]
    assert [block.type for block in content.blocks] == kinds


def test_issue_resolves_people_in_texts_and_bylines(tmp_path: Path) -> None:
    write_project(tmp_path)
    issue = load(tmp_path)
    text, highlights = issue.original.blocks[0], issue.original.blocks[2]
    assert isinstance(text, TextBlock)
    assert "[Ana Example](<https://ana.example.org>) looks at **maps**, and\nBo at" in text.text
    assert isinstance(highlights, HighlightsBlock)
    paper, ridge, memory = highlights.items
    assert isinstance(paper, Article)
    assert isinstance(ridge, Picture)
    assert isinstance(memory, Article)
    assert [author.id for author in paper.authors] == ["bo"]
    assert [(author.name, author.url) for author in memory.authors] == [
        ("Ana Example", "https://ana.example.org"),
        ("Cy Guest", "https://cy.example.org"),
    ]
    assert (memory.url, ridge.alt, ridge.path) == ("", "A ridge at dusk", "blocks[2].highlights[1]")


def test_translation_has_its_own_texts_and_the_rest_of_the_original(tmp_path: Path) -> None:
    write_project(tmp_path)
    chinese = load(tmp_path).contents["zh"]
    assert (chinese.language, chinese.title, chinese.date) == ("zh", "地图周", date(2024, 3, 14))
    assert [author.name for author in chinese.authors] == ["安娜"]
    links, button = chinese.blocks[3], chinese.blocks[7]
    assert isinstance(links, LinksBlock)
    assert links.items[0].text == "Bo Sample 测量潮汐。"
    assert isinstance(button, ButtonBlock)
    assert (button.label, button.url) == ("投稿", "https://weekly.example.org/write")


def test_places_point_into_the_file_that_says_it(tmp_path: Path) -> None:
    write_project(tmp_path)
    chinese = load(tmp_path).contents["zh"]
    assert chinese.place("blocks[2].highlights[2].title") == Place("issues/maps/issue.zh.yaml", 23, 16)
    assert chinese.place("blocks[7].url") == Place("issues/maps/issue.yaml", 59, 10)
    assert chinese.place("blocks[2].highlights[0].nothing") == chinese.place("blocks[2].highlights[0]")


def test_issue_without_a_folder_of_its_own_is_named_by_its_file(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    for file in folder.iterdir():
        file.rename(folder.parent / file.name.replace("issue", "spring"))
    folder.rmdir()
    issue = load(tmp_path, "issues/spring.yaml")
    assert (issue.slug, issue.languages) == ("spring", ("en", "zh"))


def test_smallest_issue_has_its_title_as_subject(tmp_path: Path) -> None:
    file = tmp_path / "one" / "issue.yaml"
    file.parent.mkdir()
    file.write_text("title: T\ndate: 2024-01-25\nlanguage: en-us\nblocks: [{text: a}]\n", encoding="utf-8")
    issue = load(tmp_path, "one/issue.yaml")
    assert (issue.original.subject, issue.language, issue.send) == ("T", "en-US", SendPlan())


@pytest.mark.parametrize("allow", ["", "issue.yaml", "issue.zh.yaml"])
def test_bio_that_a_language_lacks_is_a_warning_at_its_place(tmp_path: Path, allow: str) -> None:
    folder = write_project(tmp_path)
    people = folder.parent / "people.yaml"
    people.write_text(
        "ana:\n  name: Ana\n  bio: {en: Draws maps.}\nbo: {name: Bo, bio: {de: Malt.}}\n", encoding="utf-8"
    )
    if allow:
        (folder / allow).write_text("fallback: allow\n" + (folder / allow).read_text("utf-8"), encoding="utf-8")
    loaded = load_issue(folder / "issue.yaml", root=tmp_path)
    assert loaded.issue is not None
    assert [author.bio for author in loaded.issue.contents["zh"].authors] == ["Draws maps."]
    told = [(p.id, p.severity, str(p.place), p.path) for p in loaded.problems]
    assert told == ([] if allow else [("missing-translation", Severity.WARNING, "issues/people.yaml:3:8", "ana.bio")])


def test_bio_in_people_file_may_name_others(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    (folder.parent / "people.yaml").write_text(
        "ana: {name: Ana, bio: 'Draws with [](@bo).'}\nbo: {name: Bo, url: 'https://bo.example'}\n", encoding="utf-8"
    )
    assert [author.bio for author in load(tmp_path).original.authors] == ["Draws with [Bo](<https://bo.example>)."]


def test_nearest_people_file_counts(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    (folder / "people.yaml").write_text("ana: {name: Another Ana}\nbo: {name: Bo}\n", encoding="utf-8")
    assert [author.name for author in load(tmp_path).original.authors] == ["Another Ana"]


def test_issue_without_people_file_knows_nobody(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    (folder.parent / "people.yaml").unlink()
    assert {rule for rule, _ in rules(tmp_path)} == {"unknown-person"}


def test_people_above_the_project_are_not_read(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    (folder.parent / "people.yaml").rename(tmp_path / "people.yaml")
    assert {rule for rule, _ in rules(tmp_path / "project")} == {"unknown-person"}


def test_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    assert rules(tmp_path, "none/issue.yaml") == [("missing-file", "none/issue.yaml")]


def test_file_outside_the_project_is_named_whole(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "other")
    (folder / "issue.yaml").write_text("[", encoding="utf-8")
    loaded = load_issue(folder / "issue.yaml", root=tmp_path / "project")
    assert {problem.place.file for problem in loaded.problems} == {str(folder / "issue.yaml")}


@pytest.mark.parametrize(
    ("name", "rule"),
    [("issue.english.yaml", "bad-language"), ("issue.zh-.yaml", "bad-language"),
     ("issue.EN.yaml", "duplicate-language"),
     ("issue.ZH.yaml", "duplicate-language")],
)  # fmt: skip
def test_translation_of_a_bad_name_is_a_problem(tmp_path: Path, name: str, rule: str) -> None:
    folder = write_project(tmp_path)
    (folder / name).write_text("title: x\n", encoding="utf-8")
    assert rule in {found for found, _ in rules(tmp_path)}


def test_folder_that_cannot_be_a_slug_is_a_problem(tmp_path: Path) -> None:
    write_project(tmp_path).rename(tmp_path / "issues" / "März 24")
    assert rules(tmp_path, "issues/März 24/issue.yaml") == [("bad-slug", "issues/März 24/issue.yaml")]


def test_image_that_leads_out_by_a_link_is_a_problem(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    (folder / "coast.png").unlink()
    (folder / "coast.png").symlink_to(folder.parent / "ana.png")
    assert rules(tmp_path) == [("unreadable-image", "issues/maps/issue.yaml:14:10")]


def test_folder_in_place_of_an_image_is_a_problem(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    (folder / "coast.png").unlink()
    (folder / "coast.png").mkdir()
    assert rules(tmp_path) == [("unreadable-image", "issues/maps/issue.yaml:14:10")]


def test_problems_come_in_the_order_of_the_files(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    text = ISSUE.replace("ridge.png", "none.png").replace("[Bo](@bo)", "[Bo](@bob)").replace("spacer: 24", "spacer: 2")
    (folder / "issue.yaml").write_text(text, encoding="utf-8")
    (folder / "issue.zh.yaml").write_text("[", encoding="utf-8")
    assert [place for _, place in rules(tmp_path)] == [
        "issues/maps/issue.yaml:22:7",
        "issues/maps/issue.yaml:35:16",
        "issues/maps/issue.yaml:56:13",
        "issues/maps/issue.zh.yaml:1:2",
    ]


def test_finding_takes_folders_files_and_translations(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    issues = folder.parent
    for name in ("single.yaml", "single.de.yaml", "other.2024.yaml", ".hidden.yaml", "notes.txt"):
        (issues / name).write_text("title: x\n", encoding="utf-8")
    (issues / "deeper" / "winter").mkdir(parents=True)
    (issues / "deeper" / "winter" / "issue.fr.yaml").write_text("title: x\n", encoding="utf-8")
    maps, winter = folder / "issue.yaml", issues / "deeper" / "winter" / "issue.yaml"
    assert find_issues([issues], root=tmp_path) == [winter, maps, issues / "other.2024.yaml", issues / "single.yaml"]
    assert find_issues([folder / "issue.zh.yaml", folder, folder / "issue.yaml"], root=tmp_path) == [maps]
    assert find_issues([issues / "single.de.yaml"], root=tmp_path) == [issues / "single.yaml"]
    assert find_issues([], root=tmp_path) == []


def test_slug_is_the_name_of_folder_or_file() -> None:
    assert slug_of(Path("issues/maps/issue.yaml")) == "maps"
    assert slug_of(Path("issues/maps.yaml")) == "maps"


SNIPPETS = """\
title: a|title:|date: 2024-01-25|language: en|blocks:|  - text: a|  - text:|  - highlights:|      - title: b
      - {image: a}|  - links: [a, {text: b}]|    id: x|author: [ana, {name: b}]|hero: {image: ../x}|source: a
send: {list: [a]}|- x|  - {}|  - spacer: 9|  - divider|a: &b c|? d|{{ x }}|subject: '{{ x '|closing: '[](@a'|  - 7
  - [[]]|fallback: allow|\t|---|<<: {}
""".replace("\n", "|").split("|")
ANY_FILE = st.one_of(
    st.binary(max_size=80),
    st.lists(st.sampled_from(SNIPPETS), max_size=12).map(lambda lines: "\n".join(lines).encode()),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(issue=ANY_FILE, translation=ANY_FILE, people=ANY_FILE)
def test_any_files_give_an_issue_or_problems(tmp_path: Path, issue: bytes, translation: bytes, people: bytes) -> None:
    folder = tmp_path / "any"
    folder.mkdir(exist_ok=True)
    (folder / "issue.yaml").write_bytes(issue)
    (folder / "issue.zh.yaml").write_bytes(translation)
    (folder / "people.yaml").write_bytes(people)
    loaded = load_issue(folder / "issue.yaml", root=tmp_path)
    assert loaded.issue is not None or loaded.problems
    assert all(problem.message and problem.place.file for problem in loaded.problems)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(data=st.data())
def test_any_damage_to_a_good_issue_gives_an_issue_or_problems(tmp_path: Path, data: st.DataObject) -> None:
    if not (tmp_path / "issues").exists():
        write_project(tmp_path)
    start = data.draw(st.integers(0, len(ISSUE)))
    length = data.draw(st.integers(0, 30))
    instead = data.draw(st.text(max_size=5))
    damaged = ISSUE[:start] + instead + ISSUE[start + length :]
    (tmp_path / "issues/maps/issue.yaml").write_bytes(damaged.encode("utf-8", "surrogatepass"))
    loaded = load_issue(tmp_path / "issues/maps/issue.yaml", root=tmp_path)
    assert loaded.issue is not None or loaded.problems
