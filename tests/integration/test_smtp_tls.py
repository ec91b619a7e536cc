"""TLS and login at the SMTP door: required, verified, and no secret before it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from mailing import letter, relay, send_all
from recording_server import Quirk, RecordingServer, recording_server
from tools import require

from newsletter.delivery.ledger.outcome import Accepted, Rejected
from newsletter.delivery.transports.smtp.pool import SmtpSettings
from newsletter.errors import RelayConnectionError, RelayLoginError, TransportError

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with self-signed certificates: `good` is for 127.0.0.1, `other` for another host."""
    folder = tmp_path_factory.mktemp("certificates")
    for name, host in [("good", "IP:127.0.0.1"), ("other", "DNS:elsewhere.example")]:
        command = [require("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        command += ["-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName={host}"]
        command += ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")]
        subprocess.run(command, check=True, capture_output=True)
    return folder


def serving(certificates: Path, name: str = "good") -> dict[str, Any]:
    return {"certificate": certificates / f"{name}.pem", "key": certificates / f"{name}.key"}


def settings(server: RecordingServer, certificates: Path, **changes: Any) -> SmtpSettings:
    usual = {"timeout": 10.0, "ca_file": str(certificates / "good.pem")}
    return relay(server.host, server.port, **usual | changes)


def said_in_clear(server: RecordingServer) -> list[str]:
    return [entry["line"] for entry in server.transcript() if "line" in entry and not entry["tls"]]


def test_mail_travels_in_tls_after_starttls(tmp_path: Path, certificates: Path) -> None:
    with recording_server(tmp_path, **serving(certificates)) as server:
        outcomes = send_all(settings(server, certificates), [letter()] * 3)
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert all(record["tls"] for record in server.records())
    assert [line.split()[0] for line in said_in_clear(server)] == ["EHLO", "STARTTLS"]
    assert server.messages() == {"ana@example.com": [letter()[1].data] * 3}


def test_mail_travels_in_tls_from_the_first_byte(tmp_path: Path, certificates: Path) -> None:
    with recording_server(tmp_path, implicit=True, **serving(certificates)) as server:
        [outcome] = send_all(settings(server, certificates, tls="implicit"), [letter(lines=5000)])
    assert isinstance(outcome, Accepted)
    assert said_in_clear(server) == []
    assert server.messages() == {"ana@example.com": [letter(lines=5000)[1].data]}


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize(
    ("name", "trust"), [("other", "other.pem"), ("good", "")], ids=["wrong host", "unknown issuer"]
)
def test_certificate_that_proves_nothing_stops_before_any_mail(
    tmp_path: Path, certificates: Path, tls: str, name: str, trust: str
) -> None:
    options = serving(certificates, name) | {"login": f"ana:{PASSWORD}"}
    with recording_server(tmp_path, **options, **({"implicit": True} if tls == "implicit" else {})) as server:
        changes = {"tls": tls, "ca_file": str(certificates / trust) if trust else "", "username": "ana"}
        [outcome] = send_all(settings(server, certificates, password=PASSWORD, **changes), [letter()])
    assert isinstance(outcome, RelayLoginError)
    assert "No trustworthy TLS" in str(outcome)
    assert not any(line.startswith(("AUTH", "MAIL")) for line in server.said())


def test_relay_without_starttls_gets_neither_mail_nor_password(tmp_path: Path, certificates: Path) -> None:
    with recording_server(tmp_path, login=f"ana:{PASSWORD}") as server:
        [outcome] = send_all(settings(server, certificates, username="ana", password=PASSWORD), [letter()])
    assert isinstance(outcome, RelayLoginError)
    assert "does not offer STARTTLS" in str(outcome)
    assert [line.split()[0] for line in server.said()] == ["EHLO"]


@pytest.mark.parametrize(
    ("reply", "error"),
    [("454 4.7.0 TLS not available", RelayConnectionError), ("502 5.5.1 no TLS here", RelayLoginError)],
)
def test_relay_that_refuses_starttls_gets_neither_mail_nor_password(
    tmp_path: Path, certificates: Path, reply: str, error: type[TransportError]
) -> None:
    refusal = Quirk("starttls", "reply", text=reply)
    with recording_server(tmp_path, refusal, login=f"ana:{PASSWORD}", **serving(certificates)) as server:
        [outcome] = send_all(settings(server, certificates, username="ana", password=PASSWORD), [letter()])
    assert isinstance(outcome, error)
    assert [line.split()[0] for line in server.said()] == ["EHLO", "STARTTLS"]


@pytest.mark.parametrize("how", ["drop", "reset"])
def test_line_lost_at_starttls_judges_nothing(tmp_path: Path, certificates: Path, how: str) -> None:
    with recording_server(tmp_path, Quirk("starttls", how, times=1), **serving(certificates)) as server:
        first, second = send_all(settings(server, certificates), [letter(), letter()])
    assert isinstance(first, RelayConnectionError)
    assert isinstance(second, Accepted)


def test_reply_injected_in_clear_before_tls_is_refused(tmp_path: Path, certificates: Path) -> None:
    with recording_server(tmp_path, inject="250 SMTPUTF8", **serving(certificates)) as server:
        [outcome] = send_all(settings(server, certificates), [letter()])
    assert isinstance(outcome, RelayConnectionError)
    assert "before it was asked" in str(outcome)
    assert server.records() == []


@pytest.mark.parametrize("second_greeting", ["250 hello", "502 5.5.1 no EHLO in TLS"])
def test_what_was_offered_before_tls_does_not_count_after_it(
    tmp_path: Path, certificates: Path, second_greeting: str
) -> None:
    offer = Quirk("ehlo", "reply", text="250-hello\n250-STARTTLS\n250-SIZE 5\n250 SMTPUTF8", times=1)
    second = Quirk("ehlo", "reply", text=second_greeting)
    with recording_server(tmp_path, offer, second, **serving(certificates)) as server:
        refused, taken = send_all(settings(server, certificates), [letter("用户@example.com"), letter()])
    assert isinstance(refused, Rejected)
    assert refused.reply.enhanced == "5.6.7"
    assert isinstance(taken, Accepted)


def test_plain_server_where_tls_was_expected_is_named(tmp_path: Path, certificates: Path) -> None:
    with recording_server(tmp_path) as server:
        [outcome] = send_all(settings(server, certificates, tls="implicit"), [letter()])
    assert isinstance(outcome, RelayLoginError)
    assert f"127.0.0.1:{server.port}" in str(outcome)


@pytest.mark.parametrize("mechanisms", ["PLAIN LOGIN", "LOGIN", "XOAUTH2 PLAIN"])
@pytest.mark.parametrize("password", [PASSWORD, "密码" * 200], ids=["short", "longer than a command"])
def test_login_happens_once_and_only_in_tls(tmp_path: Path, certificates: Path, mechanisms: str, password: str) -> None:
    options = serving(certificates) | {"login": f"ana:{password}", "mechanisms": mechanisms}
    with recording_server(tmp_path, **options) as server:
        outcomes = send_all(settings(server, certificates, username="ana", password=password), [letter()] * 2)
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert sum(line.startswith("AUTH") for line in server.said()) == 1
    assert [line.split()[0] for line in said_in_clear(server)] == ["EHLO", "STARTTLS"]


@pytest.mark.parametrize("mechanisms", ["PLAIN", "LOGIN"])
def test_wrong_password_is_said_without_showing_it(tmp_path: Path, certificates: Path, mechanisms: str) -> None:
    options = serving(certificates) | {"login": "ana:other", "mechanisms": mechanisms}
    with recording_server(tmp_path, **options) as server:
        [outcome] = send_all(settings(server, certificates, username="ana", password=PASSWORD), [letter()])
    assert isinstance(outcome, RelayLoginError)
    assert "535 5.7.8" in str(outcome)
    assert PASSWORD not in repr(outcome)
    assert not any(line.startswith("MAIL") for line in server.said())


@pytest.mark.parametrize("token", ["ya29.a0Af", "x" * 2000], ids=["short", "longer than a command"])
def test_token_of_a_command_logs_in(tmp_path: Path, certificates: Path, token: str) -> None:
    options = serving(certificates) | {"login": f"ana@example.com:{token}", "mechanisms": "PLAIN XOAUTH2"}
    account = {"username": "ana@example.com", "token_command": f"echo {token}"}
    with recording_server(tmp_path, **options) as server:
        outcomes = send_all(settings(server, certificates, **account), [letter()] * 2)
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert [line.split()[0] for line in said_in_clear(server)] == ["EHLO", "STARTTLS"]


@pytest.mark.parametrize(
    ("command", "error", "words"),
    [
        ("echo wrong", RelayLoginError, "535 5.7.8"),
        ("no-such-command", RelayLoginError, "cannot be run"),
        ("false", RelayConnectionError, "exit code 1"),
        ("true", RelayConnectionError, "gave no token"),
        ("printf 'a\\nb'", RelayConnectionError, "gave no token"),
        ("sleep 60", RelayConnectionError, "did not end"),
    ],
)
def test_token_that_cannot_be_had_or_used_hands_nothing_over(
    tmp_path: Path, certificates: Path, command: str, error: type[TransportError], words: str
) -> None:
    options = serving(certificates) | {"login": "ana:token", "mechanisms": "XOAUTH2"}
    changes = {"username": "ana", "token_command": command, "timeout": 1.0 if command.startswith("sleep") else 10.0}
    with recording_server(tmp_path, **options) as server:
        [outcome] = send_all(settings(server, certificates, **changes), [letter()])
    assert isinstance(outcome, error)
    assert words in str(outcome)
    assert not any(line.startswith("MAIL") for line in server.said())


def test_relay_that_repeats_the_password_does_not_get_it_into_the_error(tmp_path: Path, certificates: Path) -> None:
    echo = Quirk("auth", "reply", text=f"535 5.7.8 {PASSWORD} is wrong")
    with recording_server(tmp_path, echo, login=f"ana:{PASSWORD}", **serving(certificates)) as server:
        [outcome] = send_all(settings(server, certificates, username="ana", password=PASSWORD), [letter()])
    assert isinstance(outcome, RelayLoginError)
    assert PASSWORD not in f"{outcome!r} {outcome.hint}"


@pytest.mark.parametrize("reply", ["421 4.3.2 shutting down", "454 4.7.0 no answer from the directory", "451 4.3.0 x"])
def test_4yz_during_the_login_is_no_refusal_of_it(tmp_path: Path, certificates: Path, reply: str) -> None:
    later = Quirk("auth", "reply", text=reply, close=reply.startswith("421"), times=1)
    with recording_server(tmp_path, later, login=f"ana:{PASSWORD}", **serving(certificates)) as server:
        first, second = send_all(settings(server, certificates, username="ana", password=PASSWORD), [letter()] * 2)
    assert isinstance(first, RelayConnectionError)
    assert isinstance(second, Accepted)


def test_login_that_needs_a_change_of_the_account_is_a_refusal(tmp_path: Path, certificates: Path) -> None:
    change = Quirk("auth", "reply", text="432 4.7.12 a password transition is needed")
    with recording_server(tmp_path, change, login=f"ana:{PASSWORD}", **serving(certificates)) as server:
        [outcome] = send_all(settings(server, certificates, username="ana", password=PASSWORD), [letter()])
    assert isinstance(outcome, RelayLoginError)


def test_relay_with_no_login_that_we_know_is_named(tmp_path: Path, certificates: Path) -> None:
    options = serving(certificates) | {"login": "ana:x", "mechanisms": "XOAUTH2"}
    with recording_server(tmp_path, **options) as server:
        [outcome] = send_all(settings(server, certificates, username="ana", password=PASSWORD), [letter()])
    assert isinstance(outcome, RelayLoginError)
    assert "XOAUTH2" in str(outcome)


def test_login_that_is_missing_is_asked_for(tmp_path: Path, certificates: Path) -> None:
    with recording_server(tmp_path, login=f"ana:{PASSWORD}", **serving(certificates)) as server:
        [outcome] = send_all(settings(server, certificates), [letter()])
    assert isinstance(outcome, RelayLoginError)
    assert "530 5.7.0" in str(outcome)


@pytest.mark.parametrize(("how", "accepted"), [("reset", True), ("drop", False)])
def test_line_lost_after_the_dot_in_tls_is_unknown(
    tmp_path: Path, certificates: Path, how: str, accepted: bool
) -> None:
    quirk = Quirk("dot", how, accepted=accepted, times=1)
    with recording_server(tmp_path, quirk, **serving(certificates)) as server:
        first, second = send_all(settings(server, certificates), [letter(), letter("bo@example.com")])
    assert type(first).__name__ == "Unknown"
    assert isinstance(second, Accepted)
    assert len(server.records()) == 1 + accepted
