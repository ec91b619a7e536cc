"""Keys: made once, kept private, rotated without breaking old links."""

from __future__ import annotations

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from newsletter.app.keys import Keyring, load_keys, rotate_keys
from newsletter.errors import ConfigError
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
