"""Nothing unfinished goes to a real relay, and a send in which nothing left says so, through the shell."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from recording_server import Quirk, RecordingServer, recording_server
from shell import Shell

from newsletter.cli.main import main

REAL = {
    "NEWSLETTER_SMTP__HOST": "smtp.maps-weekly.net", "NEWSLETTER_SMTP__PORT": "587", "NEWSLETTER_SMTP__TLS": "starttls",
}  # fmt: skip
OURS = {
    "NEWSLETTER_NEWSLETTER__NAME": "Maps",
    "NEWSLETTER_NEWSLETTER__FROM": "Maps <maps@maps-weekly.net>",
    "NEWSLETTER_NEWSLETTER__REPLY_TO": "desk@maps-weekly.net",
    "NEWSLETTER_NEWSLETTER__LEGAL_NAME": "Maps Press",
    "NEWSLETTER_NEWSLETTER__POSTAL_ADDRESS": "7 Harbour Road, Porto",
    "NEWSLETTER_NEWSLETTER__CONTACT": "desk@maps-weekly.net",
    "NEWSLETTER_PUBLIC__URL": "https://news.maps-weekly.net",
}
LATER = "2099-01-01 09:00"


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RecordingServer]:
    with recording_server(tmp_path / "relay") as server:
        yield server


@pytest.fixture
def shell(tmp_path: Path, relay: RecordingServer) -> Shell:
    """A new project with a draft, its address book and everything else as `init` and `new` leave them."""
    made = Shell(tmp_path, relay)
    del made.environment["NEWSLETTER_PUBLIC__URL"]
    made.invite([("ana@reader.example", "en"), ("bo@reader.example", "de")])
    made.ok("new", "A draft", "--slug", "draft", "--url", "https://maps-weekly.net/a")
    return made


def run(shell: Shell, *arguments: str, **settings: str) -> Result:
    """A command in this process, with its exit code as the shell would see it."""
    environment = shell.environment | settings

    def command() -> None:
        main(["-C", str(shell.folder), *arguments])

    return CliRunner().invoke(click.command()(command), env=environment)


def deliveries(shell: Shell) -> list[Any]:
    return list(json.loads(shell.ok("deliveries", "list", "--json")))


@pytest.mark.parametrize("more", [("--yes",), ("--yes", "--at", LATER), ("--yes", "--detach", "--json"), ()])
def test_draft_of_a_new_project_is_refused_with_every_reason(shell: Shell, more: tuple[str, ...]) -> None:
    done = run(shell, "send", "draft", "--list", "weekly", *more, **REAL)

    assert (done.exit_code, done.stdout) == (1, ""), done.output
    reasons = [
        "newsletter.toml:6: error: newsletter.name: ", "newsletter.toml:8: error: newsletter.from: ",
        "newsletter.toml:11: error: newsletter.postal_address: ",
        "issues/draft/issue.yaml:7:7: error: ", "issues/draft/issue.yaml:12:17: error: ",
        "issues/draft/issue.yaml:15:11: error: ", "newsletter.toml:27: error: public.url: readers cannot reach",
    ]  # fmt: skip
    assert [one for one in reasons if one not in done.stderr] == []
    assert "--force sends it as it is" in done.stderr
    assert deliveries(shell) == []


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        ("NEWSLETTER__FROM", "Maps <maps@example.com>", "newsletter.from"),
        ("NEWSLETTER__FROM", "Maps <maps@weekly.example>", "newsletter.from"),
        ("NEWSLETTER__NAME", "Example Weekly", "newsletter.name"),
        ("NEWSLETTER__POSTAL_ADDRESS", "1 Example Street, 12345 Sampletown", "newsletter.postal_address"),
        ("PUBLIC__URL", "http://news.maps-weekly.net", "public.url"),
        ("PUBLIC__URL", "https://localhost", "public.url"),
        ("PUBLIC__URL", "https://192.168.1.4/news", "public.url"),
        ("PUBLIC__URL", "https://news.fritz.internal", "public.url"),
    ],
)
def test_one_reason_is_enough(shell: Shell, name: str, value: str, key: str) -> None:
    settings = REAL | OURS | {f"NEWSLETTER_{name}": value}
    done = run(shell, "send", "welcome", "--yes", "--detach", **settings)

    assert (done.exit_code, done.stderr.count("error: ")) == (1, 1), done.output
    assert re.search(rf"newsletter\.toml(:\d+)?: error: {key}: ", done.stderr), done.stderr
    assert deliveries(shell) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "place"),
    [
        ("issue.yaml", 'by: "An editor we made up"', 'by: "TODO"', "issue.yaml:43:10"),
        ("issue.yaml", "A paper plane above", "TODO above", "issue.yaml:15:9"),
        ("issue.yaml", "Here we go.", "Here we go. FIXME", "issue.yaml:16:25"),
        ("issue.yaml", "https://example.org/first", "https://example.org/TODO", "issue.yaml:29:34"),
        ("issue.de.yaml", "title: ", "preheader: TODO\ntitle: ", "issue.de.yaml:"),
    ],
)
def test_placeholder_in_any_text_of_any_language_is_refused(
    shell: Shell, file: str, old: str, new: str, place: str
) -> None:
    path = Path(shell.issue) / file
    written = path.read_text("utf-8")
    assert old in written
    if "preheader:" in new:
        written = "".join(line for line in written.splitlines(keepends=True) if not line.startswith("preheader:"))
    path.write_text(written.replace(old, new, 1), "utf-8")
    done = run(shell, "send", "welcome", "--yes", "--at", LATER, **REAL, **OURS)

    assert (done.exit_code, done.stderr.count("error: ")) == (1, 1), done.output
    assert f"issues/welcome/{place}" in done.stderr
    assert deliveries(shell) == []


def test_what_is_finished_is_sent(shell: Shell) -> None:
    done = run(shell, "send", "welcome", "--yes", "--detach", **REAL, **OURS)
    assert (done.exit_code, "warning" in done.stderr) == (0, False), done.output
    assert len(deliveries(shell)) == 1


def test_force_sends_it_as_it_is_with_the_reasons_as_warnings(shell: Shell) -> None:
    done = run(shell, "send", "draft", "--list", "weekly", "--yes", "--at", LATER, "--force", **REAL)
    assert done.exit_code == 0, done.output
    assert done.stderr.count("warning: ") == 7
    assert len(deliveries(shell)) == 1


def test_delivery_made_for_a_mail_catcher_does_not_resume_to_a_real_relay(shell: Shell) -> None:
    shell.ok("send", "welcome", "--list", "weekly", "--yes", "--detach")
    shell.ok("deliveries", "pause", "last")

    refused = run(shell, "deliveries", "resume", "last", "--detach", **REAL)
    assert refused.exit_code == 1, refused.output
    assert "newsletter.from" in refused.stderr
    assert "public.url" in refused.stderr
    assert [one["state"] for one in deliveries(shell)] == ["paused"]

    forced = run(shell, "deliveries", "resume", "last", "--detach", "--force", **REAL)
    assert forced.exit_code == 0, forced.output


def test_relay_of_this_machine_takes_it_as_before(shell: Shell, relay: RecordingServer) -> None:
    done = run(shell, "send", "welcome", "--yes")
    assert (done.exit_code, "warning" in done.stderr) == (0, False), done.output
    assert len(relay.records()) == 2


@pytest.mark.parametrize("real", [{}, REAL])
def test_dry_run_and_proof_say_beforehand_what_would_be_refused(shell: Shell, real: dict[str, str]) -> None:
    rehearsed = run(shell, "send", "draft", "--list", "weekly", "--dry-run", **real)
    assert (rehearsed.exit_code, rehearsed.stderr.count("warning: ")) == (0, 7), rehearsed.output
    proof = run(shell, "test", "draft", "--to", "me@maps-weekly.net")
    assert (proof.exit_code, proof.stderr.count("warning: ")) == (0, 7), proof.output


@pytest.mark.parametrize(("real", "grade"), [({}, "warning"), (REAL, "bad")])
def test_check_and_doctor_say_beforehand_what_would_be_refused(shell: Shell, real: dict[str, str], grade: str) -> None:
    checked = run(shell, "check", "draft", "--json", **real)
    assert checked.exit_code == 0
    told = [problem["path"] for problem in json.loads(checked.stdout) if problem["file"] == "newsletter.toml"]
    assert told == ["newsletter.name", "newsletter.from", "newsletter.postal_address", "public.url"]
    looked = run(shell, "doctor", "--json", **real)
    findings = [one for one in json.loads(looked.stdout) if one["about"] in ("sender", "public")]
    assert (looked.exit_code, {one["verdict"] for one in findings}) == (int(bool(real)), {grade})
    assert [one["message"].partition(":")[0] for one in findings] == told


def test_subject_is_shown_as_a_persona_sees_it(shell: Shell) -> None:
    file = Path(shell.issue) / "issue.yaml"
    subject = "subject: '{{ subscriber.name | default(\"Hello\") }}: two articles'"
    file.write_text(file.read_text("utf-8").replace('subject: "Welcome aboard"', subject), "utf-8")
    (shell.folder / "issues" / "personas.yaml").write_text("- {id: mei, name: Mei, language: en}\n", "utf-8")

    asked = run(shell, "send", "welcome")
    rehearsed = run(shell, "send", "welcome", "--dry-run", "--json")
    built = run(shell, "build", "welcome", "--json")

    assert "'Mei: two articles' goes to 2 subscribers" in asked.stderr
    assert json.loads(rehearsed.stdout)["subjects"]["en"] == "Mei: two articles"
    assert next(one["subject"] for one in json.loads(built.stdout)["editions"]) == "Mei: two articles"
    assert "Mei: two articles" in run(shell, "build", "welcome").stdout
    assert "subscriber.name" not in asked.output + rehearsed.output + built.output


def test_send_in_which_every_message_is_refused_fails(tmp_path: Path) -> None:
    with recording_server(tmp_path / "relay", Quirk("rcpt", "reply", text="550 5.1.1 no such user")) as server:
        shell = Shell(tmp_path, server)
        shell.invite([("ana@reader.example", "en"), ("bo@reader.example", "de")])
        assert run(shell, "send", "welcome", "--yes").exit_code == 1


def test_send_and_dry_run_in_which_no_message_can_be_composed_fail(shell: Shell, relay: RecordingServer) -> None:
    # A name that no header can carry; importing refuses it.
    with sqlite3.connect(shell.folder / "newsletter.db") as database:
        database.execute("update subscribers set name = char(8232)")
    rehearsed = run(shell, "send", "welcome", "--dry-run", "--json")
    assert (rehearsed.exit_code, json.loads(rehearsed.stdout)["messages"]) == (1, 0)
    sent = run(shell, "send", "welcome", "--yes", "--json")
    last = json.loads(sent.stdout.splitlines()[-1])
    assert (sent.exit_code, last["counts"]["excluded"]) == (1, 2)
    assert relay.records() == []
