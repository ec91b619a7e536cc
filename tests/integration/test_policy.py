"""What a project makes of warnings: `[checks]` in newsletter.toml, and comments in its YAML files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from writing import write_project

from newsletter.app.issues.building import build
from newsletter.app.issues.examine import check
from newsletter.app.project import open_project
from newsletter.cli.main import cli
from newsletter.config import load_config
from newsletter.errors import ConfigError
from newsletter.problem import Severity

LONG = "A subject that goes on and on until no inbox in the world can show it whole any more, not even a wide one"


def project(folder: Path, checks: str = "", **changes: tuple[str, str]) -> Path:
    issue = write_project(folder) / "issue.yaml"
    text = issue.read_text(encoding="utf-8")
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new, 1)
    issue.write_text(text, encoding="utf-8")
    with (folder / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n[checks]\n{checks}\n")
    return folder


def found(folder: Path) -> list[tuple[str, str, str]]:
    problems = check(open_project(folder, {}))
    return [(one.id, str(one.place).removeprefix("issues/maps/"), one.severity.value) for one in problems]


SUBJECT = ("subject: \"Maps for {{ subscriber.name | default('you') }}\"", f"subject: {LONG}")


def with_subject(folder: Path, comment: str = "", checks: str = "", above: str = "") -> Path:
    return project(folder, checks, subject=(SUBJECT[0], f"{above}{SUBJECT[1]}{comment}"))


def test_warning_is_reported_ignored_or_an_error_as_the_project_says(tmp_path: Path) -> None:
    one = ("long-subject", "issue.yaml:3:10", "warning")
    assert found(with_subject(tmp_path / "a")) == [one]
    assert found(with_subject(tmp_path / "b", checks='ignore = ["long-subject"]')) == []
    assert found(with_subject(tmp_path / "c", checks='error = ["long-subject"]')) == [(*one[:2], "error")]


@pytest.mark.parametrize(
    ("comment", "above"),
    [
        ("  # check: ignore long-subject", ""),
        ("  # long on purpose  # check: ignore mojibake, long-subject", ""),
        ("", "# check: ignore long-subject\n"),
        ("", "# check: ignore long-subject\n# Because the editor likes it.\n"),
    ],
)
def test_comment_silences_the_warning_of_its_line(tmp_path: Path, comment: str, above: str) -> None:
    assert found(with_subject(tmp_path, comment, above=above)) == []


def test_comment_silences_nothing_else(tmp_path: Path) -> None:
    assert [one[0] for one in found(with_subject(tmp_path, "  # check: ignore mojibake"))] == ["long-subject"]
    elsewhere = with_subject(tmp_path / "b", "\nreading_time: 4  # check: ignore long-subject\n#")
    text = (elsewhere / "issues/maps/issue.yaml").read_text("utf-8").replace("\nreading_time: 4\n", "\n", 1)
    (elsewhere / "issues/maps/issue.yaml").write_text(text, "utf-8")
    assert [one[0] for one in found(elsewhere)] == ["long-subject"]


def test_comment_beside_the_sign_of_a_text_counts_for_all_of_it(tmp_path: Path) -> None:
    text = ("  - text: |\n      This week", "  - text: |{}\n      Wie schÃ¶n.\n      donâ€™t\n      This week")
    loud = project(tmp_path / "a", text=(text[0], text[1].format("")))
    assert [one[0] for one in found(loud)] == ["mojibake"] * 2
    quiet = project(tmp_path / "b", text=(text[0], text[1].format("  # check: ignore mojibake")))
    assert found(quiet) == []


def test_comment_that_names_no_warning_is_told_at_its_place(tmp_path: Path) -> None:
    folder = with_subject(tmp_path, "  # check: ignore long-subjekt, bad-url")
    problems = {str(one.place): one.message for one in check(open_project(folder, {})) if one.id == "unknown-check"}
    column = len(SUBJECT[1]) + len("  # check: ignore ") + 1
    assert problems == {
        f"issues/maps/issue.yaml:3:{column}": "there is no check 'long-subjekt'. Did you mean 'long-subject'?",
        f"issues/maps/issue.yaml:3:{column + 14}": "'bad-url' is always an error",
    }


def test_the_same_words_in_a_text_are_no_comment(tmp_path: Path) -> None:
    words = ("      This week", "      Write # check: ignore nonsense\n      This week")
    assert found(project(tmp_path, text=words)) == []


def test_error_is_never_silenced_by_a_comment(tmp_path: Path) -> None:
    url = ("url: https://weekly.example.org/write", "url: http://localhost/write  # check: ignore bad-url")
    assert ("bad-url", "issue.yaml:59:10", "error") in found(project(tmp_path, url=url))


def test_what_the_project_says_holds_for_a_build_too(tmp_path: Path) -> None:
    folder = with_subject(tmp_path / "a", checks='error = ["long-subject"]')
    report = build(open_project(folder, {}), [], tmp_path / "out")
    assert [one.severity for one in report.problems if one.id == "long-subject"] == [Severity.ERROR]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("checks", "says"),
    [
        ('ignore = ["long-subjekt"]', "there is no check 'long-subjekt'. Did you mean 'long-subject'?"),
        ('error = ["bad-url"]', "'bad-url' is always an error"),
        ("ignore = 4", "a list of texts"),
    ],
)
def test_unknown_rule_in_the_configuration_is_refused(tmp_path: Path, checks: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(project(tmp_path, checks), {})
    assert says in str(caught.value.problems)


def test_rules_can_be_named_in_the_environment(tmp_path: Path) -> None:
    config = load_config(write_project(tmp_path).parents[1], {"NEWSLETTER_CHECKS__IGNORE": "long-subject, mojibake"})
    assert config.checks.ignore == ("long-subject", "mojibake")


def test_sarif_describes_the_rules(tmp_path: Path) -> None:
    folder = with_subject(tmp_path)
    done = CliRunner().invoke(cli, ["-C", str(folder), "check", "--format", "sarif"], standalone_mode=False)
    (rule,) = json.loads(done.stdout)["runs"][0]["tool"]["driver"]["rules"]
    assert rule == {
        "id": "long-subject", "shortDescription": {"text": "A subject that is longer than an inbox shows."}
    }  # fmt: skip
