"""Config: file and environment, everything wrong at once, secrets never shown."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.config import Config, identity_of, load_config
from newsletter.errors import ConfigError


def write(folder: Path, text: str) -> Path:
    (folder / "newsletter.toml").write_text(text, encoding="utf-8")
    return folder


def test_config_without_a_file_is_the_defaults(tmp_path: Path) -> None:
    assert load_config(tmp_path, {}) == Config()


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    write(tmp_path, '[smtp]\nhost = "relay.example"\nport = 25\ntls = "none"\n')
    config = load_config(tmp_path, {"NEWSLETTER_SMTP__PORT": "2525", "NEWSLETTER_DATABASE__URL": "sqlite:///x.db"})
    assert (config.smtp.host, config.smtp.port, config.smtp.tls) == ("relay.example", 2525, "none")
    assert config.database.url == "sqlite:///x.db"


def test_environment_of_others_is_not_read(tmp_path: Path) -> None:
    assert load_config(tmp_path, {"NEWSLETTER_HOME": "/", "SMTP__HOST": "x"}) == Config()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30s", 30), ("5m", 300), ("6h", 21600), ("2d", 172800), ("1.5h", 5400), ("45", 45)],
)
def test_durations_are_read(tmp_path: Path, text: str, expected: float) -> None:
    config = load_config(tmp_path, {"NEWSLETTER_SENDING__LEASE": text})
    assert config.sending.lease == timedelta(seconds=expected)


def test_every_mistake_is_told_with_its_source(tmp_path: Path) -> None:
    write(tmp_path, '[smtp]\nhots = "x"\nport = 99999\n[newsletter]\ntimezone = "Mars/Base"\n[wat]\na = 1\n')
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path, {"NEWSLETTER_SENDING__CONNECTIONS": "many"})
    told = "\n".join(caught.value.problems)
    assert "smtp.hots: there is no such key" in told
    assert "smtp.port" in told
    assert "there is no time zone 'Mars/Base'" in told
    assert "wat: there is no such key" in told
    assert "NEWSLETTER_SENDING__CONNECTIONS: sending.connections" in told


def test_file_that_is_not_toml_says_where(tmp_path: Path) -> None:
    write(tmp_path, "[smtp\nhost=")
    with pytest.raises(ConfigError, match=r"newsletter\.toml.*line 1"):
        load_config(tmp_path, {})


def test_section_that_is_not_a_table_is_told(tmp_path: Path) -> None:
    write(tmp_path, 'smtp = "localhost"\n')
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path, {"NEWSLETTER_SMTP__PORT": "25"})
    assert "smtp" in caught.value.problems[0]


def test_password_is_never_shown(tmp_path: Path) -> None:
    environment = {
        "NEWSLETTER_SMTP__PASSWORD": "hunter2hunter2",
        "NEWSLETTER_DATABASE__URL": "postgresql://u:hunter2@h/d",
    }
    config = load_config(tmp_path, environment)
    assert "hunter2" not in repr(config)
    assert "hunter2" not in str(config)
    assert config.smtp.password.get_secret_value() == "hunter2hunter2"


def test_a_bad_password_value_is_not_repeated(tmp_path: Path) -> None:
    write(tmp_path, "[smtp]\npassword = 12345678\n")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path, {})
    assert "12345678" not in str(caught.value.problems)


@pytest.mark.parametrize("url", ["news.example.org", "ftp://x", "https://x?y=1", "https://", "https://a b"])
def test_public_url_must_be_a_plain_web_address(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError):
        load_config(tmp_path, {"NEWSLETTER_PUBLIC__URL": url})


@pytest.mark.parametrize(
    ("written", "name", "address"),
    [
        ("The Variable <hello@news.example>", "The Variable", "hello@news.example"),
        ('"Variable, The" <hello@news.example>', "Variable, The", "hello@news.example"),
        ("hello@news.example", "Paper", "hello@news.example"),
        ("<hello@news.example>", "Paper", "hello@news.example"),
        ("", "Paper", ""),
    ],
)
def test_identity_reads_the_from_key(tmp_path: Path, written: str, name: str, address: str) -> None:
    write(tmp_path, f"[newsletter]\nname = 'Paper'\nfrom = '{written}'\n")
    identity = identity_of(load_config(tmp_path, {}).newsletter)
    assert (identity.from_name, identity.from_address) == (name, address)
