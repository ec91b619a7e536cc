"""Signed messages as a relay takes them: keys made by the command line, judged by dkimpy and OpenDKIM."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import dkim
import pytest
from recording_server import Quirk, recording_server
from shell import Shell, readers
from tools import require
from verifier import faults

DOMAIN = "news.test"
ALICE = ("alice@example.org", "en")
LOST = Quirk("dot", "drop", accepted=True, match="00002", times=1)


def configure(shell: Shell, *selectors: str) -> None:
    """Sign with these keys, from a sender of that domain."""
    file = shell.folder / "newsletter.toml"
    text = re.sub(r"(?s)\n\[dkim\].*", "", file.read_text())
    text = re.sub("(?m)^from = .*", f'from = "The Editors <hello@{DOMAIN}>"', text)
    file.write_text(f"{text}\n[dkim]\nselectors = {json.dumps(selectors)}\n")


def records(*made: dict[str, str]) -> dict[str, str]:
    return {one["name"]: one["record"] for one in made}


def opendkim(folder: Path, known: dict[str, str], message: Path) -> str:
    """What OpenDKIM says about the signatures of a message, with these records instead of DNS."""
    keys, settings = folder / "keys.txt", folder / "opendkim.conf"
    keys.write_text("".join(f"{name} {record}\n" for name, record in known.items()))
    settings.write_text(f"Mode v\nSyslog no\nTestPublicKeys {keys}\n")
    command = [require("opendkim"), "-x", str(settings), "-vv", "-t", str(message)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_every_message_is_signed_by_both_keys_and_verified(tmp_path: Path) -> None:
    with recording_server(tmp_path) as relay:
        shell = Shell(tmp_path, relay)
        configure(shell)
        rsa = shell.json("dkim", "new", "--selector", "rsa2026")
        curve = shell.json("dkim", "new", "--type", "ed25519", "--selector", "ed2026")
        configure(shell, "rsa2026", "ed2026")
        shell.invite(readers(6, "en", "zh"))
        shell.ok("send", "welcome", "--list", "weekly", "--yes")
        shell.ok("test", "welcome", "--to", "me@example.org")
        messages = [Path(one["path"]) for one in relay.records()]
        shown = shell.json("dkim", "list")["keys"]
    known = records(rsa, curve)
    dns = {f"{name}.".encode(): record.encode() for name, record in known.items()}
    assert records(*shown) == known
    assert len(messages) > 5
    for file in messages:
        data = file.read_bytes()
        assert faults(data) == []
        assert data.count(b"DKIM-Signature:") == 2
        assert dkim.verify(data, dnsfunc=lambda name, timeout=0: dns.get(name))
        verdict = opendkim(tmp_path, known, file)
        assert re.findall(r"dkim=(\w+) .*?header.a=(\S+)", verdict) == [
            ("pass", "rsa-sha256"),
            ("pass", "ed25519-sha256"),
        ]
    broken = tmp_path / "broken.eml"
    broken.write_bytes(messages[0].read_bytes().replace(b"List-Unsubscribe: <http", b"List-Unsubscribe: <ftp"))
    assert "dkim=pass" not in opendkim(tmp_path, known, broken)


def test_message_that_may_have_arrived_is_held_once_its_key_is_another(tmp_path: Path) -> None:
    with recording_server(tmp_path, LOST) as relay:
        shell = Shell(tmp_path, relay)
        shell.ok("dkim", "new", "--type", "ed25519", "--selector", "a")
        shell.ok("dkim", "new", "--type", "ed25519", "--selector", "b")
        configure(shell, "a")
        shell.invite(readers(5))
        shell.run("send", "welcome", "--list", "weekly", "--yes")
        delivery = shell.json("deliveries", "list")[0]["delivery"]
        first = len(relay.records())
        configure(shell, "b")
        shell.ok("deliveries", "resolve", delivery, "--unknown", "resend")
        shell.run("deliveries", "resume", delivery)
        [held] = [one for one in shell.recipients(delivery) if one["state"] == "unknown"]
        assert "would differ" in held["reason"]
        assert len(relay.records()) == first == 5


def test_nothing_leaves_unsigned_when_a_key_is_missing(tmp_path: Path) -> None:
    with recording_server(tmp_path) as relay:
        shell = Shell(tmp_path, relay)
        shell.invite([ALICE])
        configure(shell, "gone")
        for command in (
            ("send", "welcome", "--list", "weekly", "--yes"),
            ("test", "welcome", "--to", "me@example.org"),
        ):
            refused = shell.run(*command)
            assert refused.returncode == 1
            assert "gone" in refused.stderr
            assert "newsletter dkim new --selector gone" in refused.stderr
        found = [one for one in json.loads(shell.run("doctor", "--json").stdout) if one["about"] == "dkim"]
        assert [one["verdict"] for one in found] == ["bad"]
        assert shell.run("check").returncode == shell.run("build").returncode == 0  # CI has no keys
        assert not relay.records()


@pytest.mark.parametrize(
    ("domain", "mode", "grades"),
    [(DOMAIN, 0o600, ["good"]), ("other.test", 0o600, ["good", "warning"]), (DOMAIN, 0o640, ["good", "bad"])],
)
def test_doctor_looks_at_domain_and_access(tmp_path: Path, domain: str, mode: int, grades: list[str]) -> None:
    with recording_server(tmp_path) as relay:
        shell = Shell(tmp_path, relay, dkim__domain=domain)
        shell.ok("dkim", "new", "--type", "ed25519", "--selector", "a")
        configure(shell, "a")
        (shell.folder / "dkim" / "a.pem").chmod(mode)
        found = [one for one in json.loads(shell.run("doctor", "--json").stdout) if one["about"] == "dkim"]
        assert [one["verdict"] for one in found] == grades


def test_private_key_is_shown_by_nothing(tmp_path: Path) -> None:
    with recording_server(tmp_path) as relay:
        shell = Shell(tmp_path, relay)
        told = shell.ok("dkim", "new", "--selector", "a")
        assert "a._domainkey." in told
        assert max(map(len, re.findall('"([^"]*)"', told))) <= 255
        configure(shell, "a")
        shell.invite([ALICE])
        for command in ("doctor", "check", "dkim list", "send welcome --list weekly --yes", "deliveries show last"):
            done = shell.run(*command.split())
            told += done.stdout + done.stderr
        secret = (shell.folder / "dkim" / "a.pem").read_text().splitlines()[1:-1]
        kept = [file for file in shell.folder.rglob("*") if file.is_file() and file.suffix != ".pem"]
        seen = told.encode() + b"".join(file.read_bytes() for file in kept + list((tmp_path / "raw").iterdir()))
        assert not [line for line in secret if line.encode() in seen]
        issue = shell.folder / "issues" / "welcome" / "issue.yaml"
        issue.write_text(issue.read_text() + f"\nclosing: {secret[3]}\n")
        refused = shell.run("check")
        assert "dkim/a.pem" in refused.stdout + refused.stderr
        assert secret[3] not in refused.stdout + refused.stderr
        subprocess.run(["git", "init", "-q", str(shell.folder)], check=True)
        git = ["git", "-C", str(shell.folder), "status", "--porcelain", "-uall"]
        assert ".pem" not in subprocess.run(git, capture_output=True, text=True, check=True).stdout
