"""`newsletter lists` and `newsletter subscribers` as scripts use them: JSON, exit codes, and nothing asked."""

from __future__ import annotations

import errno
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from factories import NOW, make_edition, make_order

from newsletter.cli.main import main
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.storage.ledger.deliveries import Deliveries

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in a project and gives back exit code, output and errors."""
    (tmp_path / "newsletter.toml").write_text('[newsletter]\nname = "The Example"\n')
    monkeypatch.setenv("NEWSLETTER_DATABASE__URL", database_url)
    monkeypatch.setattr("sys.stdin", io.StringIO())  # no terminal: nothing may be asked

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as leaving:
            main(["-C", str(tmp_path), *map(str, arguments)])
        captured = capsys.readouterr()
        return int(leaving.value.code or 0), captured.out, captured.err

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "file.csv"
    file.write_text("email,name,city\nana@example.org,Ana,=Porto\nnobody,N,\nANA@example.org,A,\n")
    return file


def answer(result: tuple[int, str, str]) -> Any:
    code, out, err = result
    assert (code, err) == (0, "")
    return json.loads(out)


def test_life_of_a_list(run: Run) -> None:
    assert answer(run("lists", "add", "monthly", "--opt-in", "double", "--language", "de", "--json")) == {
        "list": "monthly", "name": "monthly", "opt_in": "double", "language": "de", "public": False,
        "pending": 0, "confirmed": 0, "unsubscribed": 0,
    }  # fmt: skip
    assert answer(run("lists", "edit", "monthly", "--name", "Monthly", "--language", "", "--json"))["language"] == ""
    assert [item["list"] for item in answer(run("lists", "list", "--json"))] == ["monthly", "news", "weekly"]
    assert "Monthly" in run("lists", "list")[1]
    assert answer(run("lists", "remove", "monthly", "--json"))["removed"] is True
    assert run("lists", "add", "weekly")[0] == 1
    assert run("lists", "remove", "monthly")[0] == 2
    assert run("lists", "add", "Not A Slug")[0] == 2


def test_list_with_subscribers_is_removed_only_when_told_so(run: Run) -> None:
    run("subscribers", "add", "ana@example.org", "--list", "weekly")
    code, _, err = run("lists", "remove", "weekly")
    assert code == 2
    assert "--yes" in err
    assert answer(run("lists", "remove", "weekly", "--yes", "--json"))["subscriptions"] == 1


def test_statement_shows_all_that_happened_to_one_address(run: Run, database: Database) -> None:
    for name in ("ana", "bob"):
        run("subscribers", "add", f"{name}@example.org", "--list", "weekly", "--basis", f"{name} on paper")
    Deliveries(database).create(make_order(lists=["weekly"]), NOW)
    hash_ = make_edition().hash
    with database.write() as connection:
        for row in connection.execute(sa.select(tables.subscribers)).all():
            connection.execute(
                sa.insert(tables.recipients).values(
                    id=f"recipient-{row.id}", delivery_id="delivery1", issue="first", again=False,
                    subscriber_id=row.id, address=row.address, address_hash=row.address_hash, list_ids=[1],
                    language="en", values={}, state="accepted", message_id=f"<{row.id}@news.example>",
                    sha256=row.address_hash, reply="250 2.0.0 queued as 4711", eligible_at=NOW, next_at=NOW,
                    dated_at=NOW, settled_at=NOW,
                )
            )  # fmt: skip
    run("subscribers", "unsubscribe", "ana@example.org")
    facts = answer(run("statement", "Ana@Example.org", "--json"))
    assert (facts["about"], facts["email"]) == ("Ana@example.org", "ana@example.org")
    assert facts["signature"]["algorithm"] == "Ed25519"
    assert [(one["list"], one["consent"]) for one in facts["subscriptions"]] == [("weekly", "unsubscribed")]
    (message,) = facts["messages"]
    assert (message["issue"], message["hash"], message["reply"]) == ("first", hash_, "250 2.0.0 queued as 4711")
    assert len(message["sha256"]) == 26
    assert [one["kind"] for one in facts["events"]] == ["unsubscribed"]
    code, page, _ = run("statement", "ana@example.org")
    assert code == 0
    for said in (hash_, message["sha256"], "queued as 4711", "kind: unsubscribed", "not signed"):
        assert said in page
    assert "bob" not in page
    assert "basis: bob on paper" in run("statement", "bob@example.org")[1]
    assert run("statement", "nobody@example.org")[0] == 2


def test_statement_is_verified_until_it_is_altered_or_its_key_retired(run: Run, tmp_path: Path) -> None:
    run("subscribers", "add", "ana@example.org", "--list", "weekly", "--basis", "on paper")
    [old] = answer(run("statement", "--keys", "--json"))["keys"].items()
    kept, altered = tmp_path / "kept.html", tmp_path / "altered.html"
    for option in ("--json", "--html"):
        code, text, _ = run("statement", "ana@example.org", option)
        kept.write_bytes(text.encode())
        altered.write_bytes(text.replace("on paper", "by phone").encode())
        assert (code, run("statement", "--verify", kept)[0]) == (0, 0)
        assert answer(run("statement", "--verify", kept, "--key", old[1], "--json"))["about"] == "ana@example.org"
        code, out, told = run("statement", "--verify", altered)
        assert (code, out) == (1, "")
        assert "altered" in told
    run("secret", "rotate")
    assert run("statement", "--verify", kept)[0] == 0
    run("secret", "retire", old[0], "--yes")
    assert run("statement", "--verify", kept)[0] == 1
    assert run("statement", "--verify", kept, "--key", old[1])[0] == 0
    assert [run("statement", *wrong)[0] for wrong in ([], ["a@b.example", "--keys"], ["--verify", "none"])] == [2, 2, 2]


def test_import_reports_rows_that_add_up(run: Run, file: Path) -> None:
    report = answer(run("subscribers", "import", file, "--list", "weekly", "--json"))
    assert {key: report[key] for key in ("rows", "imported", "updated", "skipped", "rejected")} == {
        "rows": 3, "imported": 1, "updated": 0, "skipped": 1, "rejected": 1,
    }  # fmt: skip
    assert report["rejected_because"] == [{"line": 3, "reason": "An email address must have an @-sign"}]
    assert Path(report["rejects"]).read_text("utf-8-sig").splitlines()[1].startswith("3,")
    code, out, _ = run("subscribers", "import", file, "--list", "weekly", "--on-conflict", "update")
    assert code == 0
    assert "line 3 rejected" in out
    assert "correct them there" in out


def test_import_dry_run_says_that_it_was_one(run: Run, file: Path) -> None:
    assert "nothing was changed" in run("subscribers", "import", file, "--list", "weekly", "--dry-run")[1]
    assert run("subscribers", "show", "ana@example.org")[0] == 2


def test_import_says_what_became_attributes(run: Run, file: Path) -> None:
    load = ("subscribers", "import", file, "--list", "weekly")
    assert answer(run(*load, "--dry-run", "--json"))["attributes"] == ["city"]
    assert "Stored as attributes: city\n" in run(*load, "--from", "csv")[1]
    assert "Stored as" not in run(*load, "--from", "auto")[1], "nobody was written"
    file.write_text("email\nbo@example.org\n")
    assert "Stored as" not in run(*load)[1]


def test_import_of_a_file_without_addresses_fails(run: Run, file: Path) -> None:
    file.write_text("name\nAna\n")
    code, out, err = run("subscribers", "import", file, "--list", "weekly")
    assert (code, out) == (1, "")
    assert err.startswith("Error:")


def test_refused_file_is_a_failure_and_the_operator_may_say_that_all_confirmed(run: Run, file: Path) -> None:
    file.write_text("email,status\nana@example.org,unsubscribed\n")
    load = ("subscribers", "import", file, "--list", "weekly")
    for arguments in (load, (*load, "--dry-run"), (*load, "--consent", "confirmed")):
        code, out, err = run(*arguments)
        assert (code, out) == (1, "")
        assert "column status" in err
        assert "--status confirmed" in err
    assert run("subscribers", "show", "ana@example.org")[0] == 2
    assert answer(run(*load, "--status", "confirmed", "--json"))["imported"] == 1


def test_import_in_which_every_row_is_rejected_fails(run: Run, file: Path) -> None:
    file.write_text("email\nnobody\n")
    load = ("subscribers", "import", file, "--list", "weekly")
    assert [run(*load, *more)[0] for more in ((), ("--dry-run",), ("--json",))] == [1, 1, 1]
    file.write_text("email\nnobody\nana@example.org\n")
    assert [run(*load)[0] for _ in range(2)] == [0, 0]
    file.write_text("email\n")
    assert run(*load)[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--list", "montly"),
        ("--list", "weekly", "--status", "active"),
        ("--list", "weekly", "--consent", "unsubscribed"),
        ("--list", "weekly", "--encoding", "no-such"),
        ("--list", "weekly", "--from", "xlsx"),
        ("--list", "weekly", "--map", "city"),
        ("--list", "weekly", "--map", "town=city"),
    ],
)
def test_import_called_wrongly_is_wrong_usage(run: Run, file: Path, arguments: tuple[str, ...]) -> None:
    code, out, err = run("subscribers", "import", file, *arguments)
    assert (code, out) == (2, "")
    assert "Error:" in err


def test_export_is_safe_for_spreadsheets_unless_raw(run: Run, file: Path, tmp_path: Path) -> None:
    run("subscribers", "import", file, "--list", "weekly")
    heading, ana = run("subscribers", "export")[1].splitlines()
    assert heading.startswith("email,name,language,timezone,city,consent:weekly,")
    assert ana.startswith("ana@example.org,Ana,,,'=Porto,confirmed,")
    out = tmp_path / "out.csv"
    assert run("subscribers", "export", "--list", "weekly", "--raw", "--out", out)[0] == 0
    assert ",=Porto,confirmed," in out.read_text()
    assert out.stat().st_mode & 0o777 == 0o600
    ana = json.loads(run("subscribers", "export", "--json")[1])
    assert (ana["email"], ana["attributes"]) == ("ana@example.org", {"city": "=Porto"})
    assert run("subscribers", "export", "--out", tmp_path / "no" / "such.csv")[0] == 2


def test_export_that_fails_leaves_the_file_as_it_was(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("kept")
    assert run("subscribers", "export", "--list", "montly", "--out", out)[0] == 2
    assert out.read_text() == "kept"
    assert not list(tmp_path.glob(".out*"))


def test_export_that_finds_the_disk_full_says_so(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("newsletter.app.audience.exporting.row_writer", full)
    code, _, err = run("subscribers", "export", "--out", tmp_path / "out.csv")
    assert (code, f"Cannot write {tmp_path / 'out.csv'}: No space left on device" in err) == (1, True)
    assert not list(tmp_path.glob("*out.csv*"))


def test_pending_subscriber_who_is_confirmed_without_a_basis_is_told_to_stay_so(run: Run) -> None:
    add = ("subscribers", "add", "ana@example.org", "--list", "weekly")
    run(*add, "--consent", "pending")
    code, _, err = run(*add, "--consent", "confirmed")
    assert (code, "stays pending on weekly. Give the evidence with --basis" in err) == (0, True)
    assert run(*add, "--consent", "confirmed", "--basis", "by mail")[2] == ""
    assert run("subscribers", "add", "bo@example.org", "--list", "weekly", "--consent", "confirmed")[2] == ""


def test_column_is_read_by_another_name(run: Run, file: Path) -> None:
    file.write_text("E-mail address;Town\nana@example.org;Ulm\n")
    load = ("subscribers", "import", file, "--list", "weekly")
    code, _, err = run(*load)
    assert (code, "--map 'E-mail address=email'" in err) == (1, True)
    assert run(*load, "--map", "E-mail address=email", "--map", "town=city")[0] == 0
    assert answer(run("subscribers", "show", "ana@example.org", "--json"))["attributes"] == {"city": "Ulm"}


def test_import_counts_states_before_it_writes(run: Run, file: Path) -> None:
    file.write_text(
        "email,name,subscribed_to_emails\nana@example.org,Ana,true\nleft@example.org,Lea,false\nbo,Bo,true\n"
    )
    load = ("subscribers", "import", file, "--list", "weekly")
    code, out, _ = run(*load, "--dry-run")
    assert (code, "Read as an export of Ghost." in out, "In the file: 1 pending, 1 unsubscribed" in out) == (
        0,
        True,
        True,
    )
    assert "1 of the pending are subscribed in Ghost without a time of confirmation; --basis" in out
    assert "line 4 rejected: An email address must have an @-sign" in out
    report = answer(run(*load, "--dry-run", "--basis", "moved", "--json"))
    assert (report["from"], report["states"], report["pending_without_basis"]) == (
        "Ghost", {"confirmed": 1, "unsubscribed": 1}, 0,
    )  # fmt: skip
    assert run("subscribers", "show", "ana@example.org")[0] == 2


@pytest.mark.parametrize(
    "text", ["ana@example.org\nBo <bo@example.org>\nnobody\n", "name,email\nA,ana@example.org\n,bo@example.org\n,x\n"]
)
def test_addresses_of_a_file_are_suppressed(run: Run, file: Path, text: str) -> None:
    run("subscribers", "add", "ana@example.org", "--list", "weekly")
    file.write_text(text)
    suppress = ("subscribers", "suppress", "--file", file, "--reason", "asked by letter")
    assert answer(run(*suppress, "--dry-run", "--json"))["suppressed"] == 2
    report = answer(run(*suppress, "--json"))
    assert [report[key] for key in ("rows", "suppressed", "skipped", "rejected")] == [3, 2, 0, 1]
    assert report["rejected_because"][0]["line"] == text.count("\n")
    for email in ("ana@example.org", "bo@example.org"):
        assert answer(run("subscribers", "show", email, "--json"))["suppression"]["note"] == "asked by letter"
    assert "skipped: 2 suppressed (manual)" in run(*suppress)[1]
    exported = Path(file.parent, "everyone.csv")
    run("subscribers", "add", "cy@example.org", "--list", "weekly")
    run("subscribers", "export", "--out", exported)
    assert answer(run("subscribers", "suppress", "--file", exported, "--reason", "closed", "--json"))["suppressed"] == 1
    for more in ((), ("ana@example.org", "--file", file), ("ana@example.org", "--dry-run")):
        assert run("subscribers", "suppress", *more, "--reason", "x")[0] == 2


def test_life_of_a_subscriber(run: Run) -> None:
    ana = "ana@example.org"
    added = answer(run("subscribers", "add", ana, "--list", "weekly", "--name", "Ana", "--basis", "fair", "--json"))
    assert [(item["list"], item["consent"], item["basis"]) for item in added["subscriptions"]] == [
        ("weekly", "confirmed", "fair")
    ]
    assert "weekly" in run("subscribers", "show", ana)[1]
    assert answer(run("subscribers", "unsubscribe", ana, "--json"))["left"] == ["weekly"]
    assert run("subscribers", "add", ana, "--list", "weekly")[0] == 1
    assert answer(run("subscribers", "suppress", ana, "--reason", "angry", "--json"))["changed"] is True
    shown = answer(run("subscribers", "show", ana, "--json"))
    assert (shown["suppression"]["reason"], shown["suppression"]["note"]) == ("manual", "angry")
    assert "angry" in run("subscribers", "show", ana)[1]
    assert answer(run("subscribers", "unsuppress", ana, "--json"))["suppressed"] is False
    code, _, err = run("subscribers", "erase", ana)
    assert (code, "--yes" in err) == (2, True)
    assert answer(run("subscribers", "erase", ana, "--yes", "--json")) == {"erased": True}
    assert answer(run("subscribers", "show", ana, "--json"))["suppression"]["reason"] == "erased"
    assert "ana" not in run("subscribers", "export", "--json")[1]


@pytest.mark.parametrize("command", ["show", "unsubscribe", "unsuppress", "erase"])
def test_nobody_and_no_address_are_wrong_usage_with_a_reason(run: Run, command: str) -> None:
    for email in ("nobody@example.org", "nobody"):
        code, out, err = run("subscribers", command, email)
        assert (code, out) == (2, "")
        assert err.startswith("Error:")
        assert "--yes" not in err, "it asks about somebody who is not there"


def test_unsuppressing_who_is_not_suppressed_fails(run: Run) -> None:
    run("subscribers", "add", "ana@example.org", "--list", "weekly")
    code, _, err = run("subscribers", "unsuppress", "ana@example.org")
    assert (code, "is not suppressed" in err) == (1, True)


def test_notes_are_shown_in_the_history_and_erased(run: Run) -> None:
    run("subscribers", "add", "ana@example.org", "--list", "weekly", "--basis", "asked by phone")
    assert answer(run("subscribers", "note", "ana@example.org", "Reads it on\x07 paper", "--by", "Noor", "--json")) == {
        "email": "ana@example.org", "notes": 1,
    }  # fmt: skip
    run("subscribers", "unsubscribe", "ana@example.org")
    run("subscribers", "suppress", "ana@example.org", "--reason", "by post")
    lines = answer(run("subscribers", "history", "ana@example.org", "--json"))
    assert [(one["what"], one["about"]) for one in lines] == [
        ("note by Noor", "Reads it on paper"),
        ("unsubscribed: weekly", "command"),
        ("suppressed", "by an operator: by post"),
    ]
    assert [one["at"] for one in lines] == sorted(one["at"] for one in lines)
    assert "Reads it on paper" in run("subscribers", "history", "ana@example.org")[1]
    [note] = answer(run("subscribers", "show", "ana@example.org", "--json"))["notes"]
    assert (note["by"], note["text"]) == ("Noor", "Reads it on paper")
    assert answer(run("statement", "ana@example.org", "--json"))["notes"]
    for text in ("", "x" * 2001):
        assert run("subscribers", "note", "ana@example.org", text)[0] == 2
    assert run("subscribers", "note", "nobody@example.org", "x")[0] == 2
    run("subscribers", "erase", "ana@example.org", "--yes")
    assert answer(run("subscribers", "show", "ana@example.org", "--json"))["notes"] == []
    assert "paper" not in run("subscribers", "history", "ana@example.org")[1]
