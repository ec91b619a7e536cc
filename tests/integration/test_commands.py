"""Commands as people and scripts meet them: each `--json` prints JSON, and nothing is asked in vain."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copyfile
from zoneinfo import ZoneInfo

import click
import pytest
from recording_server import Quirk, recording_server

from newsletter.app.keys import load_keys
from newsletter.cli.main import cli, main

Run = Callable[..., tuple[int, str, str]]

LOADED = """
import sys
from newsletter.cli.main import main
for command in ("lists list", "subscribers list", "subscribers list --json", "deliveries list --json"):
    try:
        main(command.split())
    except SystemExit as leaving:
        assert not leaving.code, command
    print("LOADED", command, [name for name in sys.argv[1:] if name in sys.modules], file=sys.stderr)
"""
FOR_OTHERS = (
    "alembic", "yaml", "email_validator", "jinja2", "markdown_it", "PIL", "apscheduler", "fastapi", "rich",
    "newsletter.authoring.issue", "newsletter.compiler.compile", "newsletter.app.sending.propose",
    "newsletter.storage.journal.replay", "newsletter.storage.journal.opt_outs",
)  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs a command in a new project whose relay takes everything; gives back exit code, output and errors."""
    for name in [name for name in os.environ if name.startswith("NEWSLETTER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("sys.stdin", io.StringIO())  # no terminal: nothing may be asked
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as leaving:
            main(list(arguments))
        captured = capsys.readouterr()
        return int(leaving.value.code or 0), captured.out, captured.err

    with recording_server(tmp_path / "relay") as server:
        monkeypatch.setenv("NEWSLETTER_SMTP__HOST", server.host)
        monkeypatch.setenv("NEWSLETTER_SMTP__PORT", str(server.port))
        monkeypatch.setenv("NEWSLETTER_SMTP__TLS", "none")
        assert run("init", "news")[0] == 0
        monkeypatch.chdir(tmp_path / "news")
        yield run


LIFE = [
    "init ../other",
    "lists list",
    "lists add weekly",
    "lists add spare",
    "lists edit weekly --name Weekly",
    "lists remove spare",
    "series list",
    "series show welcome",
    "subscribers import people.csv --list weekly",
    "subscribers add ana@example.org --list weekly",
    "subscribers show ana@example.org",
    "subscribers tag ana@example.org vip",
    "subscribers list --where '\"vip\" in tags'",
    "segments list",
    "segments show '\"vip\" in tags'",
    "subscribers untag ana@example.org vip",
    "subscribers note ana@example.org 'Met at the fair'",
    "subscribers history ana@example.org",
    "statement ana@example.org",
    "subscribers suppress dan@example.org --reason asked",
    "subscribers unsuppress dan@example.org",
    "subscribers unsubscribe dan@example.org",
    "subscribers erase dan@example.org --yes",
    "subscribers export",
    "new Birds",
    "schema",
    "check welcome",
    "build welcome",
    "test welcome --to me@example.org",
    "send welcome --list weekly --dry-run",
    "send welcome --list weekly --at '2099-01-01 09:00' --yes",
    "deliveries list",
    "deliveries show ID",
    "deliveries reschedule ID --at '2098-01-01 09:00'",
    "deliveries cancel ID",
    "deliveries report ID",
    "deliveries verify ID",
    "deliveries recipients ID",
    "send welcome --list weekly --detach --yes",
    "deliveries pause ID",
    "deliveries resume ID",
    "deliveries resolve ID --unknown accepted",
    "deliveries recipients ID",
    "send welcome --list weekly --yes",
    "send welcome --list weekly",
    "deliveries link ID --from https://example.org/write --to https://example.org/writing",
    "bounces read letter.eml --unmatched kept",
    "archive",
    "dkim new",
    "dkim list",
    "db upgrade",
    "db backup copy.db",
    "db restore copy.db --yes",
    "db adopt",
    "secret rotate",
    "secret list",
    "secret retire KEY --yes",
    "doctor",
]
"""The life of a project, in order. ID is the newest delivery."""
TRIED_ELSEWHERE = ["demo"]


def test_every_command_with_json_prints_json(run: Run) -> None:
    Path("people.csv").write_text("email,language\nbo@example.org,de\ndan@example.org,\nnobody,\n")
    Path("series/welcome").mkdir(parents=True)
    Path("series/welcome/series.yaml").write_text("list: weekly\nsteps:\n  - issue: hello\n")
    copyfile("issues/welcome/issue.yaml", "series/welcome/hello.yaml")
    Path("letter.eml").write_text("Subject: Hello\n\nA letter.\n")
    newest = ""
    for line in LIFE:
        oldest = load_keys(Path()).signing[-1].id
        code, out, err = run(*shlex.split(line.replace("ID", newest).replace("KEY", oldest)), "--json")
        assert code == 0, (line, out, err)
        values = [json.loads(printed) for printed in out.splitlines()]
        assert values or "recipients" in line, f"{line} prints nothing"
        if values and isinstance(values[0], dict):
            newest = values[0].get("delivery") or newest


def commands_with_json(path: str, command: click.Command) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            child = command.get_command(click.Context(command), name)
            assert child is not None
            yield from commands_with_json(f"{path} {name}".strip(), child)
    elif any("--json" in option.opts for option in command.params):
        yield path


def test_every_command_with_json_is_tried() -> None:
    tried = (*LIFE, *TRIED_ELSEWHERE)
    assert [name for name in commands_with_json("", cli) if not any(line.startswith(name) for line in tried)] == []


def test_path_to_an_issue_begins_in_the_folder_that_was_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "news" / "issues" / "first.yaml").write_text("nonsense: 1\n")
    other = tmp_path / "other"
    run("init", str(other))
    monkeypatch.chdir(other)

    def places(*arguments: str) -> set[str]:
        return {problem["file"] for problem in json.loads(run(*arguments, "--json")[1])}

    assert "issues/first.yaml" in places("-C", "../news", "check", "issues")
    assert "issues/first.yaml" in places("-C", "../news", "check", ".")
    (other / "first").mkdir()
    assert "issues/first.yaml" in places("-C", "../news", "check", "first"), "a slug of the project counts more"
    (other / "draft.yaml").write_text("nonsense: 1\n")
    assert "draft.yaml" in places("-C", "../news", "check", "draft.yaml"), "nothing else has this name"


def test_folder_that_was_named_is_a_project(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = run("-C", "issues", "lists", "add", "weekly")
    assert (code, f"no newsletter.toml in issues; it lies in the project {tmp_path / 'news'}" in err) == (2, True)
    assert not list(Path("issues").rglob("*.db"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    code, _, err = run("-C", "empty", "lists", "list")
    assert (code, "no newsletter.toml in empty." in err) == (2, True)
    assert "no newsletter.toml here or above" in run("lists", "list")[2]
    assert "has no newsletter.toml" in run("-C", "empty", "doctor")[1]
    assert list((tmp_path / "empty").iterdir()) == []
    monkeypatch.setenv("NEWSLETTER_NEWSLETTER__NAME", "News")
    assert run("-C", "empty", "lists", "list")[0] == 0, "the environment configures it"


def test_recipients_in_a_state_that_nobody_has_are_said_to_be_none(run: Run) -> None:
    run("lists", "add", "weekly")
    run("subscribers", "add", "ana@example.org", "--list", "weekly")
    delivery = json.loads(run("send", "welcome", "--list", "weekly", "--yes", "--json")[1].splitlines()[0])["delivery"]
    assert run("deliveries", "recipients", delivery, "--state", "deferred")[1] == "No recipient is deferred.\n"
    assert re.search(r"Sent in \d:\d\d:\d\d, pauses included: [01]\.\d acc", run("deliveries", "report", "last")[1])
    assert run("deliveries", "recipients", delivery, "--state", "deferred", "--json")[1] == ""
    assert [line.split()[0] for line in run("deliveries", "recipients", delivery)[1].splitlines()] == [
        "address", "ana@example.org",
    ]  # fmt: skip
    later = json.loads(
        run("send", "welcome", "--list", "weekly", "--at", "2099-01-01 09:00", "--yes", "--json")[1].splitlines()[0]
    )["delivery"]
    assert run("deliveries", "recipients", later)[1] == "It has no recipients.\n"
    assert run("deliveries", "cancel", later)[0] == 0
    code, _, err = run("deliveries", "cancel", later)
    assert (code, f"Delivery {later} is cancelled already" in err) == (1, True)


def on_a_terminal(answer: str, *arguments: str) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    command = [sys.executable, "-m", "newsletter", *arguments]
    done = subprocess.run(command, stdin=theirs, capture_output=True, text=True, timeout=60, check=False)
    os.close(ours)
    os.close(theirs)
    return done.returncode, done.stderr


def test_cancel_asks_on_a_terminal_what_it_was_not_told_in_full(run: Run) -> None:
    run("lists", "add", "weekly")
    sends = [
        json.loads(run("send", "welcome", "--list", "weekly", "--at", at, "--yes", "--json")[1].splitlines()[0])
        for at in ("2099-01-01 09:00", "2099-01-02 09:00", "2099-01-03 09:00")
    ]
    first, second, third = (one["delivery"] for one in sends)

    code, err = on_a_terminal("n\n", "deliveries", "cancel", "last")
    assert (code, f"Cancel delivery {third} of welcome, which is scheduled?" in err) == (3, True)
    assert json.loads(run("deliveries", "show", third, "--json")[1])["state"] == "scheduled"
    assert on_a_terminal("y\n", "deliveries", "cancel", "welcome")[0] == 0
    assert json.loads(run("deliveries", "show", third, "--json")[1])["state"] == "cancelled"
    assert on_a_terminal("", "deliveries", "cancel", second)[0] == 0
    assert on_a_terminal("", "deliveries", "cancel", first[:8], "--yes")[0] == 0


@pytest.mark.parametrize("line", ["subscribers export", "deliveries list --json", "check", "--help"])
def test_output_that_cannot_be_written_is_told_in_a_sentence(run: Run, line: str) -> None:
    run("lists", "add", "weekly")
    run("subscribers", "add", "ana@example.org", "--list", "weekly")
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "newsletter", *line.split()]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    said = "Error: The output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_nobody_is_asked_about_a_send_to_nobody(run: Run) -> None:
    run("lists", "add", "weekly")
    code, out, err = run("send", "welcome", "--list", "weekly")
    assert (code, out) == (1, "")
    assert "There is no confirmed subscription to weekly" in err
    run("subscribers", "add", "ana@example.org", "--list", "weekly")
    assert run("send", "welcome", "--list", "weekly")[0] == 2  # somebody is there: this needs --yes
    run("send", "welcome", "--list", "weekly", "--yes")
    code, out, err = run("send", "welcome", "--list", "weekly")
    assert (code, out) == (0, "")
    assert "1  not sent: got this issue before, or may have" in err
    assert "No recipients are left. Use --again to send it once more to those who have it." in err
    assert len(json.loads(run("deliveries", "list", "--json")[1])) == 1
    assert run("send", "welcome", "--list", "weekly", "--at", "2099-01-01 09:00")[0] == 2  # people may still come


def test_send_to_nobody_ends_with_the_same_facts_as_any_other(run: Run) -> None:
    run("lists", "add", "weekly")
    run("subscribers", "add", "ana@example.org", "--list", "weekly")
    last = json.loads(run("send", "welcome", "--list", "weekly", "--yes", "--json")[1].splitlines()[-1])
    nobody = json.loads(run("send", "welcome", "--list", "weekly", "--json")[1].splitlines()[-1])
    assert (list(nobody), list(nobody["counts"])) == (list(last), list(last["counts"]))
    assert (nobody["delivery"], nobody["state"], set(nobody["counts"].values())) == (None, None, {0})
    assert last["counts"]["accepted"] == 1


def test_send_now_says_what_time_the_issue_would_wait_for(run: Run) -> None:
    run("lists", "add", "weekly")
    run("subscribers", "add", "ana@example.org", "--list", "weekly")
    file = Path("issues/welcome/issue.yaml")
    written = file.read_text(encoding="utf-8").partition("send:")[0]
    said = "The issue says 2098-01-25 09:00 Asia/Tokyo; this sends it now (--at issue waits for it)."
    for time, is_said in (("2020-01-25 09:00", False), ("2098-01-25 09:00", True)):
        file.write_text(f'{written}\nsend: {{list: weekly, at: "{time}", timezone: Asia/Tokyo}}\n', encoding="utf-8")
        code, _, err = run("send", "welcome", "--list", "weekly")
        assert (code, said in err, err.count("The issue says")) == (2, is_said, int(is_said)), err
    assert said not in run("send", "welcome", "--list", "weekly", "--at", "issue", "--yes")[2]
    assert said in run("send", "welcome", "--list", "weekly", "--yes")[2]


@pytest.mark.parametrize("early", [timedelta(minutes=1), timedelta(hours=3), timedelta(days=400)])
def test_start_in_the_past_is_refused(run: Run, early: timedelta) -> None:
    """However it is said, and by however little: a typo must not send at once."""
    run("lists", "add", "weekly")
    run("subscribers", "add", "ana@example.org", "--list", "weekly")
    passed = f"{datetime.now(ZoneInfo('Europe/Berlin')) - early:%Y-%m-%d %H:%M}"
    send = "send", "welcome", "--list", "weekly", "--yes", "--at"
    delivery = json.loads(run(*send, "2099-01-01 09:00", "--json")[1].splitlines()[0])["delivery"]
    file = Path("issues/welcome/issue.yaml")
    written = file.read_text(encoding="utf-8").partition("send:")[0]
    file.write_text(f'{written}\nsend: {{list: weekly, at: "{passed}"}}\n', encoding="utf-8")
    steer = "deliveries", "reschedule", delivery, "--at", passed
    for line in ((*send, passed), (*send, "issue"), (*send, passed, "--json"), (*send, passed, "--detach"), steer):
        code, out, err = run(*line)
        assert (code, out) == (2, ""), line
        assert re.search(f"Error: {passed} CES?T is in the past", err), line
    assert [one["delivery"] for one in json.loads(run("deliveries", "list", "--json")[1])] == [delivery]


def test_scheduled_delivery_says_what_to_start_while_no_service_runs(run: Run) -> None:
    run("lists", "add", "weekly")
    run("subscribers", "add", "ana@example.org", "--list", "weekly")
    send = "send", "welcome", "--list", "weekly", "--yes"
    told = 'It starts at 2099-01-01 09:00:00 CET, sent by "newsletter serve". That is not running: start it'
    assert told in run(*send, "--at", "2099-01-01 09:00")[1]
    assert told in run(*send, "--at", "2099-01-01 09:00", "--json")[2]
    assert "Neither is running: start one." in run(*send, "--detach")[1]


def test_start_that_is_long_over_is_told_with_what_this_command_can_do(run: Run) -> None:
    run("lists", "add", "weekly")
    line = "send", "welcome", "--list", "weekly", "--yes", "--at"
    delivery = json.loads(run(*line, "2099-01-01 09:00", "--json")[1].splitlines()[0])["delivery"]
    assert "Leave --at out" in run(*line, "2020-01-01 09:00")[2]
    code, _, err = run("deliveries", "reschedule", delivery, "--at", "2020-01-01 09:00")
    assert (code, "Leave --at out" in err, "Name a time that is still to come" in err) == (2, False, True)


def test_trouble_with_a_proof_says_what_to_do(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    told = run("test", "welcome", "--to", "me")[2]
    assert "A proof cannot go to 'me'" in told
    assert "--to me@example.org" in told
    monkeypatch.setenv("NEWSLETTER_SMTP__PORT", "1")
    code, _, err = run("test", "welcome", "--to", "me@example.org")
    assert (code, "[smtp] in newsletter.toml" in err) == (1, True)


def test_proof_that_is_lost_is_told_beside_the_others(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    line = "test welcome --language en --to ana@example.org --to bo@example.org --to cy@example.org"
    quirks = Quirk("rcpt", "reset", match="^ana"), Quirk("dot", "reset", match="^bo")
    with recording_server(tmp_path / "lossy", *quirks) as server:
        monkeypatch.setenv("NEWSLETTER_SMTP__PORT", str(server.port))
        code, out, _ = run(*line.split())
        told = [re.split(r" {2,}", row)[::2] for row in out.splitlines()[1:]]
        assert (code, told) == (1, [["ana@example.org", "not accepted"], ["bo@example.org", "unknown"],
                                    ["cy@example.org", "accepted"]])  # fmt: skip
        code, out, _ = run(*line.split(), "--json")
        assert (code, [one["accepted"] for one in json.loads(out)]) == (1, [False, None, True])


def test_delivery_that_nobody_works_on_says_what_to_type(run: Run) -> None:
    run("lists", "add", "weekly")
    run("subscribers", "add", "ana@example.org", "--list", "weekly")
    delivery = json.loads(run("send", "welcome", "--list", "weekly", "--yes", "--detach", "--json")[1].splitlines()[0])
    told = f"newsletter deliveries resume {delivery['delivery']}"
    assert f"No sender process is running for {delivery['delivery']}. Continue: {told}" in run("deliveries", "list")[1]
    assert (
        f"No sender process is running for {delivery['delivery']}. Continue: {told}"
        in run("deliveries", "show", delivery["delivery"])[1]
    )
    run("deliveries", "resume", delivery["delivery"])
    assert "Nobody" not in run("deliveries", "list")[1] + run("deliveries", "show", delivery["delivery"])[1]


def test_every_command_of_a_delivery_takes_what_people_type_for_its_id(run: Run) -> None:
    run("lists", "add", "weekly")
    send = "send", "welcome", "--list", "weekly", "--yes", "--at", "2099-01-01 09:00", "--json"
    one, two = (json.loads(run(*send)[1].splitlines()[0])["delivery"] for _ in range(2))
    for line in LIFE:
        if line.startswith("deliveries") and "ID" in line and "resume" not in line and "pause" not in line:
            start = next(two[:length] for length in range(1, len(two)) if not one.startswith(two[:length]))
            for name in ("last", "welcome", start):
                code, out, err = run(*shlex.split(line.replace("ID", name)), "--json")
                told = [json.loads(printed)["delivery"] for printed in out.splitlines()]
                assert (code, told) == (0, [two] * len(told)) or "cancelled already" in err, (line, out, err)


@pytest.mark.parametrize(
    "line",
    [
        "check wellcome", "build wellcome", "test wellcome --to me@example.org", "send wellcome --list weekly --yes",
        "send welcome --list weekly --yes", "send welcome --yes", "send welcome --list weekly --at whenever",
        "deliveries show nothing", "deliveries resume nothing", "deliveries reschedule nothing --at '2099-01-01 09:00'",
        "lists edit weekly", "subscribers show ana@example.org", "subscribers add ana@example.org --list weekly",
        "db restore copy.db --yes", "test welcome --to me", "test welcome --to me@example.org --language tlh",
    ],
)  # fmt: skip
def test_name_that_nothing_has_is_wrong_usage(run: Run, line: str) -> None:
    code, out, err = run(*shlex.split(line))
    assert (code, out) == (2, "")
    assert "Error:" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("line", ["segments show 'name == \"?\"'", "subscribers list --list a?"])
def test_argument_that_is_no_utf_8_is_wrong_usage(run: Run, line: str) -> None:
    code, out, err = run(*shlex.split(line.replace("?", "\udcff")))
    assert (code, out) == (2, "")
    assert "is not text in UTF-8" in err


def test_short_commands_load_only_what_they_use(run: Run) -> None:
    assert run("lists", "add", "weekly")[0] == 0
    program = [sys.executable, "-c", LOADED, *FOR_OTHERS]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert "weekly" in done.stdout, done.stderr
    assert [line.partition("[")[2] for line in done.stderr.splitlines()] == ["]"] * 4, done.stderr
