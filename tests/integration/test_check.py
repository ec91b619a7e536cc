"""Checking a project: what the single rooms find comes together, each thing once, with its line."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from writing import CONFIG, png, write_project

from newsletter.app.issues.building import build
from newsletter.app.issues.examine import check, find
from newsletter.app.operating.database import connect
from newsletter.app.project import open_project
from newsletter.audience.consent import OptIn
from newsletter.cli.main import cli
from newsletter.storage.audience.lists import ListStore


def found(folder: Path) -> list[tuple[str, str]]:
    return [(problem.id, str(problem.place)) for problem in check(open_project(folder, {}))]


def run(folder: Path, *options: str) -> Any:
    return CliRunner().invoke(cli, ["-C", str(folder), "check", *options], standalone_mode=False)


def test_missing_sender_identity_is_an_error(tmp_path: Path) -> None:
    write_project(tmp_path)
    (tmp_path / "newsletter.toml").write_text(CONFIG.replace("postal_address", "imprint"), encoding="utf-8")
    problems = check(open_project(tmp_path, {}))
    assert any("postal_address" in f"{problem.path} {problem.message}" for problem in problems)


def test_template_that_does_not_compile_is_an_error_in_the_template(tmp_path: Path) -> None:
    write_project(tmp_path)
    blocks = tmp_path / "templates" / "blocks"
    blocks.mkdir(parents=True)
    (blocks / "text.mjml.j2").write_text("<mj-section>\n{{ block.nothing }}\n</mj-section>\n", encoding="utf-8")
    assert any(place.startswith("templates/blocks/text.mjml.j2:2") for _, place in found(tmp_path))


def test_oversized_issue_passes_where_the_configuration_names_it(tmp_path: Path) -> None:
    write_project(tmp_path)
    texts = ["  - text: >\n" + "      Some words that fill a line.\n" * count for count in (1, 1500, 1200, 800)]
    long = "title: Long\ndate: 2024-03-14\nlanguage: en\nblocks:\n" + "".join(texts)
    (tmp_path / "issues" / "long.yaml").write_text(long, encoding="utf-8")
    listed = f'{CONFIG}\n[checks]\nallow_oversized = ["long"]\n'
    for config, severity in ((CONFIG, "error"), (listed, "warning")):
        (tmp_path / "newsletter.toml").write_text(config, encoding="utf-8")
        [problem] = [p for p in check(open_project(tmp_path, {})) if p.id == "html-size"]
        assert problem.severity == severity
        assert "blocks[1] (issues/long.yaml:7:5) 44 kB" in problem.message


def test_unknown_theme_and_layout_are_told_with_everything_else_where_they_are_named(tmp_path: Path) -> None:
    issue = write_project(tmp_path)
    themes = tmp_path / "templates" / "themes"
    themes.mkdir(parents=True)
    (themes / "autumn.yaml").write_text("radius: 4\n", encoding="utf-8")
    written = (issue / "issue.yaml").read_text(encoding="utf-8")
    (issue / "issue.yaml").write_text(f"theme: autum\nlayout: ' none '\nnonsense: 1\n{written}", encoding="utf-8")
    (issue / "issue.zh.yaml").write_text("theme: zzz\n" + (issue / "issue.zh.yaml").read_text("utf-8"), "utf-8")
    told = {(p.id, str(p.place)): p for p in check(open_project(tmp_path, {}))}
    theme = told["missing-theme", "issues/maps/issue.yaml:1:8"]
    assert theme.message == "there is no theme 'autum'"
    assert theme.hint == "Did you mean 'autumn'? There are: autumn, bulletin, default, digest, letter, magazine."
    assert told["missing-layout", "issues/maps/issue.yaml:2:9"].hint == "There are: default."
    assert ("missing-theme", "issues/maps/issue.zh.yaml:1:8") in told
    assert ("unknown-key", "issues/maps/issue.yaml:3:1") in told


def test_theme_of_the_project_is_known(tmp_path: Path) -> None:
    issue = write_project(tmp_path)
    themes = tmp_path / "templates" / "themes"
    themes.mkdir(parents=True)
    (themes / "autumn.yaml").write_text("radius: 4\n", encoding="utf-8")
    written = (issue / "issue.yaml").read_text(encoding="utf-8")
    (issue / "issue.yaml").write_text(f"theme: autumn\n{written}", encoding="utf-8")
    assert found(tmp_path) == []


def test_two_issues_of_one_name_are_an_error(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    (folder.parent / "maps.yaml").write_bytes((folder / "issue.yaml").read_bytes())
    assert ("same-slug", "issues/maps.yaml") in found(tmp_path)


def test_problem_of_the_people_file_is_said_once_for_all_issues(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    second = folder.parent / "second"
    second.mkdir()
    for file in folder.iterdir():
        (second / file.name).write_bytes(file.read_bytes())
    people = folder.parent / "people.yaml"
    people.write_text(people.read_text(encoding="utf-8").replace("bo:\n", "bo:\n  nick: Bo\n"), encoding="utf-8")
    assert found(tmp_path).count(("unknown-key", "issues/people.yaml:6:3")) == 1


@pytest.mark.parametrize("name", ["maps/issue.yaml", "maps/issue.zh.yaml", "people.yaml"])
def test_file_that_is_too_large_is_told_without_its_line(tmp_path: Path, name: str) -> None:
    file = write_project(tmp_path).parent / name
    file.write_text("title: " + "x" * 1_200_000, encoding="utf-8")
    [problem] = [problem for problem in check(open_project(tmp_path, {})) if problem.id == "too-large"]
    assert (str(problem.place), problem.quote) == (f"issues/{name}:1:1", "")
    result = run(tmp_path)
    assert "has more than 1 MiB" in result.stdout
    assert len(result.output) < 5000


def test_line_without_end_is_not_quoted_whole(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    (folder / "coast.png").write_bytes(png(100, 50))
    file = folder / "issue.yaml"
    written = file.read_text(encoding="utf-8")
    file.write_text(written.replace("image: coast.png", f"image: coast.png  # {'x' * 2000}"), encoding="utf-8")
    [small] = [problem for problem in check(open_project(tmp_path, {})) if problem.id == "small-picture"]
    assert small.quote.startswith("  image: coast.png  # xxx")
    assert (len(small.quote), small.quote[-1]) == (1001, "…")


def test_small_picture_is_said_once_at_its_line(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    (folder / "coast.png").write_bytes(png(100, 50))
    small = [problem for problem in check(open_project(tmp_path, {})) if "picture" in problem.id]
    assert [(problem.id, str(problem.place), problem.quote) for problem in small] == [
        ("small-picture", "issues/maps/issue.yaml:14:10", "  image: coast.png")
    ]


def test_paths_choose_what_is_checked(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    project = open_project(tmp_path, {})
    (folder.parent / "broken.yaml").write_text("[", encoding="utf-8")
    assert len(find(project)) == 2
    assert find(project, [tmp_path]) == find(project)
    assert check(project, [folder / "issue.zh.yaml"]) == []
    assert [problem.place.file for problem in check(project, [folder.parent / "broken.yaml"])] == ["issues/broken.yaml"]


def test_one_issue_by_path_and_by_slug_is_one_issue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    project = open_project(tmp_path, {})
    paths = [Path("issues/maps"), Path("maps"), tmp_path / "issues" / ".." / "issues" / "maps" / "issue.yaml"]
    assert len(find(project, paths)) == 1
    assert check(project, paths) == []


def test_pattern_of_the_shell_brings_what_is_no_issue(tmp_path: Path) -> None:
    issues = write_project(tmp_path).parent
    (issues / "logo.png").write_bytes(b"")
    (issues / "people.yaml").write_text("ana: {name: 7}\n", encoding="utf-8")
    (issues / "personas.yaml").write_text("- {id: a}\n- {id: a}\n", encoding="utf-8")
    project = open_project(tmp_path, {})
    told = [(p.id, p.place.file, p.severity.value) for p in check(project, [issues / "logo.png", issues / "maps"])]
    assert ("no-issue", "issues/logo.png", "warning") in told
    assert [p.id for p in check(project, [issues / "people.yaml"])] == ["duplicate-id", "wrong-type"]
    assert [p.id for p in check(project, [issues / "personas.yaml"])] == ["duplicate-id"]
    assert [p.id for p in check(project, [issues / "logo.png"])] == ["duplicate-id", "no-issue", "no-issues"]
    (issues / "defaults.yaml").write_text("them: letter\n", encoding="utf-8")
    (issues / "defaults.fr.yaml").write_text("closing: 7\n", encoding="utf-8")  # no issue is French
    assert [p.id for p in check(project, [issues / "defaults.yaml"])] == ["duplicate-id", "unknown-key"]
    everything = [(p.id, str(p.place)) for p in check(project) if "defaults" in p.place.file]
    assert everything == [("wrong-type", "issues/defaults.fr.yaml:1:10"), ("unknown-key", "issues/defaults.yaml:1:1")]
    assert [p.id for p in build(project, [issues / "personas.yaml"], tmp_path / "out").problems][-1:] == ["no-issues"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("style", ["sarif", "github"])
def test_other_formats_name_the_place(tmp_path: Path, style: str) -> None:
    folder = write_project(tmp_path)
    (folder / "issue.yaml").write_text("title: a\n", encoding="utf-8")
    result = run(tmp_path, "--format", style)
    assert result.return_value == 1
    if style == "sarif":
        results = json.loads(result.stdout)["runs"][0]["results"]
        assert {"missing-key"} <= {entry["ruleId"] for entry in results}
    else:
        assert (
            "::error file=issues/maps/issue.yaml,title=missing-key,line=1,col=1::date: 'date' is missing"
            in result.stdout
        )


@pytest.mark.parametrize(
    ("name", "right", "severity"),
    [
        ("extra/issue.yml", "issue.yaml", "error"),
        ("extra/Issue.yaml", "issue.yaml", "error"),
        ("extra/issue.yaml.txt", "issue.yaml", "error"),
        ("maps/issue.pt-BR.yml", "issue.pt-BR.yaml", "error"),
        ("people.yml", "people.yaml", "error"),
        ("Defaults.yml", "defaults.yaml", "error"),
        ("defaults.zh_cn.yaml", "defaults.zh-CN.yaml", "error"),
        ("Personas.YAML", "personas.yaml", "error"),
        ("winter.yml", "winter.yaml", "warning"),
    ],
)
def test_file_that_is_not_read_for_its_name_is_told(tmp_path: Path, name: str, right: str, severity: str) -> None:
    write_project(tmp_path)
    file = tmp_path / "issues" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text('title: "x"\n', encoding="utf-8")
    project = open_project(tmp_path, {})
    for paths in ([], [file.parent], [file]):
        (problem,) = (one for one in check(project, paths) if one.id == "misnamed-file")
        assert (str(problem.place), problem.severity) == (f"issues/{name}", severity)
        assert problem.message == f"this file is not read: it must be called {right}"


@pytest.mark.parametrize(
    ("name", "called"),
    [("issue_de.yaml", "issue.de.yaml"), ("de.yaml", "issue.de.yaml"), ("issue-zh-hant.yaml", "issue.zh-Hant.yaml"),
     ("notes to self.yaml", "issue.<language>.yaml")],
)  # fmt: skip
def test_translation_that_is_none_by_its_name_is_told(tmp_path: Path, name: str, called: str) -> None:
    issue = write_project(tmp_path)
    (issue / name).write_text("title: Karten\n", encoding="utf-8")
    (problem,) = (one for one in check(open_project(tmp_path, {})) if one.id == "misnamed-file")
    assert (str(problem.place), problem.severity) == (f"issues/maps/{name}", "warning")
    assert called in problem.hint


def test_contributors_beside_the_configuration_are_told_by_their_name(tmp_path: Path) -> None:
    write_project(tmp_path)
    (tmp_path / "people.yml").write_text("a: {name: A}\n", encoding="utf-8")
    (tmp_path / "compose.yml").write_text("services: {}\n", encoding="utf-8")
    assert found(tmp_path) == [("misnamed-file", "people.yml")]


def test_folder_without_an_issue_is_told_unless_it_holds_pictures(tmp_path: Path) -> None:
    write_project(tmp_path)
    for name in ("2024-05-01-spring/sea.png", "autumn/draft.md", "shared/logo.png", "2023/05/issue.yaml"):
        file = tmp_path / "issues" / name
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x")
    (tmp_path / "issues/2025-empty").mkdir()
    told = [place for rule, place in found(tmp_path) if rule == "folder-without-issue"]
    assert told == ["issues/2024-05-01-spring", "issues/autumn"]


def test_plan_is_held_against_the_database_where_there_is_one(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    now = datetime(2024, 3, 10, tzinfo=UTC)
    project = open_project(tmp_path, {})
    assert check(project, now=now) == []
    assert not (tmp_path / "newsletter.db").exists()
    with closing(connect(project)) as database, database.write() as connection:
        ListStore(database, connection).add("weekly", name="W", opt_in=OptIn.SINGLE, language="en", now=now)
    assert check(project, now=now) == []
    assert [(p.id, str(p.place)) for p in check(project, now=datetime(2024, 3, 15, tzinfo=UTC))] == [
        ("past-time", "issues/maps/issue.yaml:67:7")
    ]
    issue = folder / "issue.yaml"
    issue.write_text(issue.read_text("utf-8").replace("list: weekly", "list: [weekly, weekyl]"), "utf-8")
    (problem,) = check(project, now=now)
    assert (problem.id, str(problem.place), problem.hint) == (
        "missing-list", "issues/maps/issue.yaml:66:18", "Did you mean 'weekly'?"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("at", "now", "told"),
    [
        ("2024-03-14 09:00", "2024-03-13", False),
        ("2024-03-14 09:00", "2024-03-14", False),
        ("2024-03-14 09:00", "2024-06-01", False),  # sent long ago, from another machine
        ("2024-03-04 09:00", "2024-03-13", True),
        ("2020-03-14 09:00", "2024-06-01", True),
    ],
)
def test_time_that_has_passed_is_told_without_a_database(tmp_path: Path, at: str, now: str, told: bool) -> None:
    issue = write_project(tmp_path) / "issue.yaml"
    issue.write_text(issue.read_text("utf-8").replace("2024-03-14 09:00", at), "utf-8")
    problems = check(open_project(tmp_path, {}), now=datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert [problem.id for problem in problems] == ["past-time"] * told


def test_database_that_does_not_answer_is_no_problem_of_an_issue(tmp_path: Path) -> None:
    write_project(tmp_path)
    (tmp_path / "newsletter.db").write_bytes(b"no database" * 500)
    assert found(tmp_path) == []
    server = {"NEWSLETTER_DATABASE__URL": "postgresql://bob:secret-word@127.0.0.1:1/x"}
    assert check(open_project(tmp_path, server)) == []


def test_snippet_given_as_a_path_is_no_issue(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    write_project(folder)
    (folder / "snippets").mkdir()
    good, bad = folder / "snippets" / "good.yaml", folder / "snippets" / "bad.yaml"
    good.write_text("- Hello.\n", encoding="utf-8")
    bad.write_text("- text: [a\n", encoding="utf-8")
    project = open_project(folder, {})
    assert check(project, [good]) == []
    assert [one.place.file for one in check(project, [good, bad]) if one.id == "yaml"] == ["snippets/bad.yaml"]


def test_every_snippet_is_checked_and_its_comments_count(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    write_project(folder)
    (folder / "snippets").mkdir()
    (folder / "snippets" / "unused.yaml").write_text(
        "- callout: 'TODO: thank them'  # check: ignore placeholder\n"
        "- callout: 'TODO: them too'\n"
        "- buton: Join\n"
        "- text: Words.  # check: ignore placholder\n",
        encoding="utf-8",
    )
    project = open_project(folder, {})
    for paths in ([], [folder], [folder / "snippets" / "unused.yaml"]):
        told = [one for one in check(project, paths) if one.place.file == "snippets/unused.yaml"]
        assert {(one.id, one.place.line, one.quote != "") for one in told} == {
            ("placeholder", 2, True), ("unknown-block", 3, True), ("unknown-check", 4, True),
        }  # fmt: skip
    assert not [one for one in check(project, [folder / "issues"]) if one.place.file.startswith("snippets")]
