"""Config: file and environment, everything wrong at once, secrets never shown."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.config import Config, load_config, place_of
from newsletter.config.identity import identity_of
from newsletter.errors import ConfigError

HOST_ALONE = "this must be a host name alone, such as smtp.example.org; its port is the key port"


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


def test_connections_of_the_relay_win_over_those_of_sending(tmp_path: Path) -> None:
    write(tmp_path, "[sending]\nconnections = 7\n")
    assert load_config(tmp_path, {}).connections == 7
    assert load_config(tmp_path, {"NEWSLETTER_SMTP__CONNECTIONS": "3"}).connections == 3
    write(tmp_path, "[smtp]\nconnections = 2\n\n[sending]\nconnections = 7\n")
    assert load_config(tmp_path, {}).connections == 2


def test_environment_of_others_is_not_read(tmp_path: Path) -> None:
    assert load_config(tmp_path, {"NEWSLETTER_HOME": "/", "SMTP__HOST": "x"}) == Config()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30s", 30), ("5m", 300), ("6h", 21600), ("2d", 172800), ("1.5h", 5400), ("45", 45)],
)
def test_durations_are_read(tmp_path: Path, text: str, expected: float) -> None:
    config = load_config(tmp_path, {"NEWSLETTER_SENDING__LEASE": text})
    assert config.sending.lease == timedelta(seconds=expected)


def mistakes(folder: Path, environment: dict[str, str] | None = None) -> list[str]:
    """What is told of a configuration, without the folder."""
    with pytest.raises(ConfigError) as caught:
        load_config(folder, environment or {})
    return [line.replace(f"{folder}/", "") for line in caught.value.problems]


def test_list_is_read_from_the_file_and_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").write_text('[checks]\nallow_oversized = ["one", "two"]\n')
    assert load_config(tmp_path, {}).checks.allow_oversized == ("one", "two")
    environment = {"NEWSLETTER_CHECKS__ALLOW_OVERSIZED": "three, four"}
    assert load_config(tmp_path, environment).checks.allow_oversized == ("three", "four")


@pytest.mark.parametrize(
    ("key", "least", "less"),
    [
        ("smtp.timeout", "1s", "0"),
        ("smtp.reply_timeout", "1s", "0s"),
        ("sending.lease", "3s", "2.9s"),
        ("sending.max_lateness", "1m", "59s"),
        ("sending.expiry", "1m", "0d"),
        ("sending.retry", "1s", "0.5"),
    ],
)
def test_duration_that_could_not_work_is_refused(tmp_path: Path, key: str, least: str, less: str) -> None:
    name = f"NEWSLETTER_{key.replace('.', '__').upper()}"
    assert mistakes(tmp_path, {name: less}) == [f"{name}: {key}: this must be at least {least}"]
    section, _, field = key.partition(".")
    assert getattr(getattr(load_config(tmp_path, {name: least}), section), field) > timedelta(0)


@pytest.mark.parametrize("text", ["english", "e", "", "en-", "de,en"])
def test_language_that_is_no_tag_is_refused(tmp_path: Path, text: str) -> None:
    name = "NEWSLETTER_NEWSLETTER__LANGUAGE"
    refused = f"{name}: newsletter.language: {text!r} is no language tag; one looks like en or pt-BR"
    assert mistakes(tmp_path, {name: text}) == [refused]


def test_language_is_written_in_one_way(tmp_path: Path) -> None:
    assert load_config(tmp_path, {"NEWSLETTER_NEWSLETTER__LANGUAGE": "PT_br"}).newsletter.language == "pt-BR"


def test_every_mistake_is_told_with_its_source(tmp_path: Path) -> None:
    write(tmp_path, '[smtp]\nhots = "x"\nport = 99999\n[newsletter]\ntimezone = "Mars/Base"\n[smpt]\na = 1\n')
    environment = {"NEWSLETTER_SENDING__CONNECTIONS": "many", "NEWSLETTER_WEP__PORT": "1", "NEWSLETTER_SMTP__USER": ""}
    sections = "newsletter, database, smtp, sending, public, bounces, signup, privacy, dkim, checks, alerts, "
    sections += "metrics, logging, relays, schedules"
    assert mistakes(tmp_path, environment) == [
        "NEWSLETTER_SENDING__CONNECTIONS: sending.connections: this must be a whole number",
        "NEWSLETTER_SMTP__USER: smtp.user: there is no such key. Did you mean 'username'?",
        f"NEWSLETTER_WEP__PORT: wep: there is no such section. There are: {sections}",
        "newsletter.toml:2: smtp.hots: there is no such key. Did you mean 'host'?",
        "newsletter.toml:3: smtp.port: this must be at most 65535",
        "newsletter.toml:5: newsletter.timezone: there is no time zone 'Mars/Base'; one looks like Europe/Berlin",
        "newsletter.toml:6: smpt: there is no such section. Did you mean 'smtp'?",
    ]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("port = 0", "smtp.port: this must be at least 1"),
        ('port = "x"', "smtp.port: this must be a whole number"),
        ("port = 2.5", "smtp.port: this must be a whole number"),
        ("port = nan", "smtp.port: this must be a number"),
        ("host = 7", "smtp.host: this must be text in quotes"),
        ("force_clear = [1]", "smtp.force_clear: this must be true or false"),
        ('force_clear = "perhaps"', "smtp.force_clear: this must be true or false"),
        ("connections = 0", "smtp.connections: this must be at least 1"),
        ("connections = 201", "smtp.connections: this must be at most 200"),
        ('connections = "some"', "smtp.connections: this must be a whole number"),
        ('tls = "ssl"', "smtp.tls: this must be 'starttls', 'implicit' or 'none'"),
        ('timeout = "soon"', 'smtp.timeout: a duration looks like "30s", "5m", "6h" or "2d"; a bare number is seconds'),
        ("timeout = -1", 'smtp.timeout: a duration looks like "30s", "5m", "6h" or "2d"; a bare number is seconds'),
        ("timeout = 99999999999999", "smtp.timeout: a duration is at most 3650d"),
        (r'ca_file = "a\u0000b"', "smtp.ca_file: this holds U+0000, which is no character of a text"),
    ],
)
def test_wrong_value_is_told_in_our_words(tmp_path: Path, written: str, told: str) -> None:
    write(tmp_path, f"[smtp]\n# a remark\n{written}\n")
    assert mistakes(tmp_path) == [f"newsletter.toml:3: {told}"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[newsletter]\nname = """\n[smtp]\nport = 0\n"""\n\n[smtp]\nport = 0\n',
            "8: smtp.port: this must be at least 1",
        ),
        ("smtp.port = 0", "1: smtp.port: this must be at least 1"),
        ("smtp = {port = 0}", "1: smtp.port: this must be at least 1"),
        ("[ \"smtp\" ]\n\t'port' = 0", "2: smtp.port: this must be at least 1"),
        ("\nsmtp = 25", "2: smtp: this is a section: write [smtp] on a line of its own and its keys below it"),
        ('[smtp]\nhost = "smtp.example.org:587"', f"2: smtp.host: {HOST_ALONE}"),
        ('[[relays]]\nhost = "smtps://smtp.example.org"', f"2: relays[0].host: {HOST_ALONE}"),
        ('from = "x"', "1: from: this key belongs to a section: write it below [newsletter]"),
    ],
)
def test_line_is_that_of_the_key_however_it_is_written(tmp_path: Path, text: str, told: str) -> None:
    write(tmp_path, text)
    assert mistakes(tmp_path) == [f"newsletter.toml:{told}"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[smtp]\nhost = [1,", r"newsletter\.toml: this is not TOML: Invalid value"),
    ],
)
def test_file_that_is_not_toml_says_where(tmp_path: Path, text: str, told: str) -> None:
    write(tmp_path, text)
    with pytest.raises(ConfigError, match=told):
        load_config(tmp_path, {})


@pytest.mark.parametrize(
    ("line", "words", "hint"),
    [
        ('name = "Weekly  # ours', "a quote is missing at the end of the text", 'End it in its own line: name = "…"'),
        ("name = “Weekly”", "the quotes are not straight ones", 'Write name = "Weekly"'),
        ("name = The Weekly  # ours", "a text without quotes", 'Write name = "The Weekly"'),
        ("lease = 30s", "a text without quotes", 'Write lease = "30s"'),
        ("keep = True", "this is no value", "Write keep = true"),
        ("name =", "nothing is written after the =", "Write a value, or remove the line"),
        ('name: "Weekly"', "a colon where an = belongs", 'Write name = "Weekly"'),
        ('name = "The "best" one"', "a quote within the text ends it",
         "Put the whole text in single quotes: name = 'The \"best\" one'"),
        (r'maildir = "C:\mail"', r"a \ has a meaning of its own between double quotes",
         r"Put the text in single quotes: maildir = 'C:\mail'"),
        ("[newsletter]", "the section [newsletter] is there twice", "Write its keys below the first one"),
        ('language = "de"', "this key is there twice in its section", "Keep one of the two"),
        ("Dear reader", "Expected '=' after a key in a key/value pair", "Each line is a [section], "),
    ],
)  # fmt: skip
def test_ordinary_mistake_in_toml_is_told_with_what_to_write(tmp_path: Path, line: str, words: str, hint: str) -> None:
    write(tmp_path, f'[newsletter]\nlanguage = "en"\n{line}\n')
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path, {})
    assert str(caught.value).endswith(f"newsletter.toml:3: this is not TOML: {words}")
    assert (caught.value.hint or "").startswith(hint)


def test_folder_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path, {})


def test_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").write_bytes(b'[newsletter]\nname = "M\xfcnchen"\n')
    with pytest.raises(ConfigError, match="is not UTF-8"):
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


@pytest.mark.parametrize(
    "url",
    [
        "news.example.org",
        "ftp://x",
        "https://x?y=1",
        "https://",
        "https://a b",
        "https://user:pw@news.example.org",
        "https://e.example/<script>",
        'https://e.example/a"b',
        "https://bücher.example",
    ],
)
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


def test_scheme_of_the_public_url_may_be_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").write_text('[public]\nurl = "HTTPS://news.maps-weekly.net/a/"\n', encoding="utf-8")
    config = load_config(tmp_path, {})
    assert config.public.url == "https://news.maps-weekly.net/a"
    assert place_of(tmp_path, config, "public.url").line == 2
