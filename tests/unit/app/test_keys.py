"""Keys: made once, kept private, rotated without breaking old links."""

from __future__ import annotations

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from newsletter.app.keys import Keyring, dkim_file, load_dkim, load_keys, make_dkim_key, rotate_keys
from newsletter.app.project import open_project
from newsletter.config import DkimSection, load_config
from newsletter.errors import AlreadyExistsError, ConfigError, StateError, WrongUsageError
from newsletter.tokens import Purpose


def test_keys_are_made_when_first_needed_and_stay(tmp_path: Path) -> None:
    assert load_keys(tmp_path) == load_keys(tmp_path)
    assert stat.S_IMODE((tmp_path / "secret.toml").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret.toml"]


def test_keys_made_by_several_at_once_are_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: load_keys(tmp_path), range(16)))
    assert len({keys.fingerprint for keys in made}) == 1


def test_rotation_signs_anew_and_still_verifies_the_old(tmp_path: Path) -> None:
    before = load_keys(tmp_path)
    token = before.signer.sign(Purpose.VIEW, "abc")
    after = rotate_keys(tmp_path)
    assert after == load_keys(tmp_path)
    assert after.signer.verify(Purpose.VIEW, token) == "abc"
    assert after.signer.sign(Purpose.VIEW, "abc") != token
    assert after.address == before.address


def test_keyring_follows_its_file(tmp_path: Path) -> None:
    ring = Keyring(tmp_path)
    assert ring.keys == load_keys(tmp_path)
    assert rotate_keys(tmp_path) == ring.keys
    file, other = tmp_path / "secret.toml", tmp_path / "copy.toml"
    other.write_bytes(file.read_bytes())
    assert rotate_keys(tmp_path) == ring.keys
    file.write_bytes(other.read_bytes())  # in place, as an editor may do it
    assert ring.keys == load_keys(tmp_path)


def test_keyring_keeps_the_last_good_keys(tmp_path: Path) -> None:
    ring, file = Keyring(tmp_path), tmp_path / "secret.toml"
    good = ring.keys
    whole = file.read_bytes()
    for half in (b"", whole[: len(whole) // 2], b"\xff"):
        file.write_bytes(half)
        assert ring.keys == good
    file.unlink()
    assert ring.keys == good
    assert not file.exists()
    file.write_bytes(whole)
    assert ring.keys == good
    assert rotate_keys(tmp_path) == ring.keys


_GOOD = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "there is no [[signing]]"),
        ("signing = 1", "there is no [[signing]]"),
        ("signing = [1]", "[[signing]] 1 has no id"),
        ("\xff", "it is not UTF-8 text"),
        ("not toml at all", "Expected '=' after a key in a key/value pair (at line 1, column 5)"),
        (
            f'[[signing]]\nid = "aa"\nsecret = "{_GOOD}"\n[[signing]]\nid = "ab"\n',
            "the secret of [[signing]] 2 is missing",
        ),
        ('[[signing]]\nid = "aa"\nsecret = "YQ=="\n', "the secret of [[signing]] 1 is missing, or is not 32 bytes"),
        (f'[[signing]]\nid = "aa"\nsecret = "{_GOOD[1:]}"\n', "the secret of [[signing]] 1 is missing, or is not 32"),
        (
            f'address_key = 1\n[[signing]]\nid = "aa"\nsecret = "{_GOOD}"\n',
            "address_key is missing, or is not 32 bytes",
        ),
    ],
)
def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "secret.toml").write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError, match=re.escape(f"secret.toml is damaged: {says}")) as caught:
        load_keys(tmp_path)
    assert _GOOD not in str(caught.value)
    assert (tmp_path / "secret.toml").read_text(encoding="latin-1") == text


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "secret.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_keys(tmp_path)


def test_no_secret_in_any_repr(tmp_path: Path) -> None:
    keys = load_keys(tmp_path)
    shown = repr(keys) + repr(keys.signer)
    assert str(keys.address) not in shown
    assert str(keys.signing[0].secret) not in shown


def test_dkim_key_is_private_and_git_ignores_it(tmp_path: Path) -> None:
    key = make_dkim_key(tmp_path, "ed2026", "ed25519")
    file = dkim_file(tmp_path, "ed2026")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (file.parent / ".gitignore").read_text().splitlines()[-1] == "*"
    with pytest.raises(AlreadyExistsError, match="already there"):
        make_dkim_key(tmp_path, "ed2026", "rsa")
    assert file.read_bytes() == key.pem


@pytest.mark.parametrize("selector", ["../secret", "a/b", ".a", "", "a_b", "x" * 64, "ſ"])
def test_selector_that_is_no_name_in_dns_is_refused(tmp_path: Path, selector: str) -> None:
    with pytest.raises(WrongUsageError, match="no selector"):
        make_dkim_key(tmp_path, selector, "ed25519")
    with pytest.raises(ValueError, match="no selector"):
        DkimSection(selectors=(selector,))
    assert list(tmp_path.iterdir()) == []


def test_several_keys_sign_in_the_order_of_their_selectors(tmp_path: Path) -> None:
    made = [make_dkim_key(tmp_path, name, "ed25519") for name in ("b", "a")]
    signer = load_dkim(tmp_path, DkimSection(selectors=("b", "a")), "example.org")
    assert signer is not None
    assert [key.pem for key in signer.keys] == [key.pem for key in made]
    assert signer.domain == "example.org"
    assert load_dkim(tmp_path, DkimSection(), "example.org") is None


@pytest.mark.parametrize("line_end", ["\n", "\\n", "\r\n"])
def test_dkim_keys_come_from_the_environment_too(tmp_path: Path, line_end: str) -> None:
    keys = [make_dkim_key(tmp_path, name, "ed25519") for name in ("a", "b")]
    environment = {
        "NEWSLETTER_DKIM__SELECTORS": "x, y",
        "NEWSLETTER_DKIM__DOMAIN": "Bücher.example",
        "NEWSLETTER_DKIM__PRIVATE_KEYS": "".join(key.pem.decode() for key in keys).replace("\n", line_end),
    }
    config = load_config(tmp_path, environment)
    signer = load_dkim(tmp_path / "elsewhere", config.dkim, "example.org")
    assert signer is not None
    assert [(key.selector, key.pem) for key in signer.keys] == [("x", keys[0].pem), ("y", keys[1].pem)]
    assert signer.domain == "xn--bcher-kva.example"
    assert "BEGIN" not in repr(config)
    with pytest.raises(ConfigError, match="names 3 selectors, and private_keys holds 2 keys"):
        load_dkim(tmp_path, config.dkim.model_copy(update={"selectors": ("x", "y", "z")}), "example.org")


def test_private_key_in_the_configuration_file_is_refused_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").write_text('[dkim]\nselectors = ["a"]\nprivate_keys = "MIIEvQ"\n')
    with pytest.raises(ConfigError, match=r"newsletter.toml:3: dkim.private_keys") as caught:
        load_config(tmp_path, {})
    assert "MIIEvQ" not in f"{caught.value}{caught.value.hint}"


def test_dkim_key_that_is_missing_or_no_file_is_said_with_what_to_do(tmp_path: Path) -> None:
    settings = DkimSection(selectors=("a",))
    with pytest.raises(ConfigError, match=r"there is no .*dkim/a.pem") as caught:
        load_dkim(tmp_path, settings, "example.org")
    assert "newsletter dkim new --selector a" in caught.value.hint
    dkim_file(tmp_path, "a").mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_dkim(tmp_path, settings, "example.org")


def test_keys_of_the_environment_need_no_file_and_make_none(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    load_keys(tmp_path / "here")
    text = (tmp_path / "here" / "secret.toml").read_text()
    (tmp_path / "there").mkdir()
    there = open_project(tmp_path / "there", {"NEWSLETTER_SECRET": text})
    assert there.has_keys
    assert there.keys == load_keys(tmp_path / "here")
    assert list((tmp_path / "there").iterdir()) == []
    assert text not in repr(there)
    with pytest.raises(StateError, match="NEWSLETTER_SECRET"):
        there.require_key_file()
    with pytest.raises(ConfigError, match="NEWSLETTER_SECRET is damaged"):
        _ = open_project(tmp_path / "there", {"NEWSLETTER_SECRET": text[:60]}).keys
