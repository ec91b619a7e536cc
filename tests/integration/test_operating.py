"""The commands of the person who runs a newsletter, as a shell sees them: init, db, secret, doctor."""

from __future__ import annotations

import json
import socket
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from recording_server import recording_server

from newsletter.app.keys import load_keys
from newsletter.app.operating.doctor import examine
from newsletter.app.project import open_project
from newsletter.cli.main import cli
from newsletter.errors import NewsletterError, NotFoundError, StateError


@pytest.fixture(autouse=True)
def no_settings_of_this_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSLETTER_SMTP__TLS", "none")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "news"
    assert run("init", str(folder)).exit_code == 0
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def on(project: Path, *arguments: str) -> Result:
    return run("-C", str(project), *arguments)


@pytest.fixture
def relay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with recording_server(tmp_path / "relay") as server:
        monkeypatch.setenv("NEWSLETTER_SMTP__HOST", "127.0.0.1")
        monkeypatch.setenv("NEWSLETTER_SMTP__PORT", str(server.port))
        yield


def test_init_writes_a_project_that_checks(project: Path) -> None:
    names = {path.name for path in project.iterdir()}
    assert {"newsletter.toml", "secret.toml", "templates", "issues", ".gitignore"} <= names
    assert stat.S_IMODE((project / "secret.toml").stat().st_mode) == 0o600
    assert "secret.toml" in (project / ".gitignore").read_text().splitlines()
    assert on(project, "check").exit_code == 0


def test_init_never_overwrites(project: Path) -> None:
    (project / "newsletter.toml").write_text("mine")
    again = run("init", str(project))
    assert isinstance(again.exception, NewsletterError)
    assert "already" in str(again.exception)
    assert (project / "newsletter.toml").read_text() == "mine"


def test_init_tells_its_files_as_json(tmp_path: Path) -> None:
    told = json.loads(run("init", str(tmp_path / "news"), "--json").output)
    assert told["folder"] == str(tmp_path / "news")
    assert str(tmp_path / "news" / "newsletter.toml") in told["files"]


def test_db_backup_and_restore_bring_lists_back(project: Path, tmp_path: Path) -> None:
    on(project, "lists", "add", "weekly")
    made = on(project, "db", "backup", str(tmp_path / "copy.db"), "--json")
    assert json.loads(made.output)["bytes"] > 0
    on(project, "lists", "add", "daily")
    restored = on(project, "db", "restore", str(tmp_path / "copy.db"), "--yes", "--json")
    assert json.loads(restored.output)["stopped"] == []
    assert [item["list"] for item in json.loads(on(project, "lists", "list", "--json").output)] == ["weekly"]


def test_db_restore_off_a_terminal_needs_yes(project: Path, tmp_path: Path) -> None:
    on(project, "db", "backup", str(tmp_path / "copy.db"))
    refused = on(project, "db", "restore", str(tmp_path / "copy.db"))
    assert refused.exit_code == 2
    assert "--yes" in refused.output


def test_db_upgrade_says_what_it_found(project: Path) -> None:
    assert "is up to date now" in on(project, "db", "upgrade").output
    assert "was up to date" in on(project, "db", "upgrade").output
    assert json.loads(on(project, "db", "upgrade", "--json").output)["changed"] is False


def test_secret_rotate_keeps_the_older_key(project: Path) -> None:
    before = load_keys(project)
    rotated = on(project, "secret", "rotate")
    after = load_keys(project)
    assert after.signing[1:] == before.signing
    assert after.signing[0].id in rotated.output
    assert after.address == before.address


def test_secret_rotate_names_keys_as_json_and_never_secrets(project: Path) -> None:
    rotated = on(project, "secret", "rotate", "--json")
    newest, *older = load_keys(project).signing
    assert json.loads(rotated.output) == {"signs": newest.id, "verify": [key.id for key in older]}


def test_secret_retire_removes_one_key_for_good(project: Path) -> None:
    oldest = load_keys(project).signing[0]
    on(project, "secret", "rotate")
    newest = load_keys(project).signing[0]
    assert f"older keys that still verify: {oldest.id}" in on(project, "secret", "list").output
    retired = on(project, "secret", "retire", oldest.id, "--yes")
    assert (retired.exit_code, load_keys(project).signing) == (0, (newest,))
    assert "there are no older keys" in retired.output


@pytest.mark.parametrize(("asked", "error"), [("newest", StateError), ("zz9", NotFoundError)])
def test_secret_retire_refuses_the_newest_key_and_unknown_ones(
    project: Path, asked: str, error: type[NewsletterError]
) -> None:
    on(project, "secret", "rotate")
    before = load_keys(project)
    newest = before.signing[0].id
    refused = on(project, "secret", "retire", newest if asked == "newest" else asked, "--yes").exception
    assert isinstance(refused, error)
    assert newest in refused.hint or "secret rotate" in refused.hint
    assert load_keys(project) == before


def test_secret_retire_asks_first(project: Path) -> None:
    on(project, "secret", "rotate")
    before = load_keys(project)
    refused = on(project, "secret", "retire", before.signing[1].id)
    assert (refused.exit_code, "--yes" in refused.output + refused.stderr) == (2, True)
    assert load_keys(project) == before


def test_doctor_finds_a_sound_installation_sound(project: Path, relay: None) -> None:
    on(project, "lists", "list")  # makes the database
    report = on(project, "doctor", "--json")
    findings = json.loads(report.output)
    assert {item["about"] for item in findings} == {
        "sender", "public", "keys", "compiler", "notices", "relay", "dkim", "database", "ledger",
    }  # fmt: skip
    assert "bad" not in {item["verdict"] for item in findings}


def test_doctor_tells_each_thing_that_is_broken(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers there
        monkeypatch.setenv("NEWSLETTER_SMTP__HOST", "127.0.0.1")
        monkeypatch.setenv("NEWSLETTER_SMTP__PORT", str(taken.getsockname()[1]))
        monkeypatch.setenv("NEWSLETTER_NEWSLETTER__FROM", "nobody at all")
        (project / "secret.toml").chmod(0o644)
        report = on(project, "doctor", "--json")
    bad = {item["about"]: item for item in json.loads(report.output) if item["verdict"] == "bad"}
    assert {"relay", "sender", "keys", "database"} <= bad.keys()
    assert "[smtp] in newsletter.toml" in bad["relay"]["hint"]


def test_doctor_recommends_the_limits_that_the_relays_provider_documents(project: Path) -> None:
    office = {"NEWSLETTER_SMTP__HOST": "smtp.office365.com"}

    def told(**settings: str) -> list[str]:
        found = examine(open_project(project, office | settings), lambda _: "yes")
        return [one.hint for one in found if "no more than" in one.message]

    assert told() == ['[sending] rate = "microsoft365", or what your account allows']
    assert told(NEWSLETTER_SENDING__RATE="20/minute") == []


def test_doctor_changes_nothing(project: Path, relay: None) -> None:
    (project / "secret.toml").unlink()
    before = sorted(path.name for path in project.iterdir())
    on(project, "doctor")
    assert sorted(path.name for path in project.iterdir()) == before


@pytest.mark.parametrize("has_keys", [True, False])
def test_doctor_does_not_write_to_a_database_without_properties(project: Path, relay: None, has_keys: bool) -> None:
    on(project, "lists", "list")
    if not has_keys:
        (project / "secret.toml").unlink()
    with closing(sqlite3.connect(project / "newsletter.db")) as file, file:
        file.execute("DELETE FROM properties")
    assert "bad" not in {one["verdict"] for one in json.loads(on(project, "doctor", "--json").output)}
    with closing(sqlite3.connect(project / "newsletter.db")) as file:
        assert file.execute("SELECT name FROM properties").fetchall() == []
    assert (project / "secret.toml").exists() is has_keys


def test_lost_keys_are_never_replaced_by_new_ones(project: Path) -> None:
    on(project, "lists", "add", "weekly")
    (project / "secret.toml").unlink()
    refused = on(project, "lists", "list")
    assert isinstance(refused.exception, NewsletterError)
    assert "is missing" in str(refused.exception)
    assert not (project / "secret.toml").exists()


def test_command_outside_a_project_makes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (["lists", "list"], ["check"], ["build"], ["demo"], ["doctor"], ["new", "Title"]):
        refused = run(*command)
        assert refused.exit_code == 2, command
        assert "newsletter init" in refused.output
    assert list(tmp_path.iterdir()) == []


def test_doctor_notices_keys_of_another_project(project: Path, relay: None) -> None:
    on(project, "lists", "list")
    (project / "secret.toml").unlink()
    report = on(project, "doctor", "--json")
    [database] = [item for item in json.loads(report.output) if item["about"] == "database"]
    assert database["verdict"] == "bad"
    assert "secret.toml" in database["message"]
    assert "secret.toml" not in "".join(item["message"] for item in json.loads(report.output) if item != database)


def test_doctor_shows_marks_and_what_to_do(project: Path, relay: None) -> None:
    shown = on(project, "doctor")
    assert "ok    compiler  MJML compiles" in shown.output
    assert "newsletter db upgrade" in shown.output  # the database does not exist yet
