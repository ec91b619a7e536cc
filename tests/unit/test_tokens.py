"""Tokens: one purpose each, hard to forge, alive through key rotation and upper-casing."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import LinkError
from newsletter.tokens import Key, Purpose, Signer, base32, keyed_hash

OLD, NEW = Key("aa", b"o" * 32), Key("bb", b"n" * 32)
PAYLOADS = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=1, max_size=40)


@given(PAYLOADS, st.sampled_from(Purpose))
def test_token_comes_back_whatever_its_case(payload: str, purpose: Purpose) -> None:
    token = Signer([NEW]).sign(purpose, payload)
    assert Signer([NEW]).verify(purpose, token.upper()) == payload
    assert re.fullmatch(r"[a-z2-7]+", token)


@pytest.mark.parametrize("made_for", Purpose)
@pytest.mark.parametrize("used_for", Purpose)
def test_token_serves_its_own_purpose_only(made_for: Purpose, used_for: Purpose) -> None:
    signer = Signer([NEW])
    token = signer.sign(made_for, "abc234")
    if made_for is used_for:
        assert signer.verify(used_for, token) == "abc234"
    else:
        with pytest.raises(LinkError):
            signer.verify(used_for, token)


def test_token_of_a_rotated_key_still_verifies() -> None:
    token = Signer([OLD]).sign(Purpose.VIEW, "abc")
    assert Signer([NEW, OLD]).verify(Purpose.VIEW, token) == "abc"
    with pytest.raises(LinkError):
        Signer([NEW]).verify(Purpose.VIEW, token)


@given(st.data())
def test_token_with_one_character_changed_is_refused(data: st.DataObject) -> None:
    token = Signer([NEW]).sign(Purpose.UNSUBSCRIBE, "abcdefgh")
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from([c for c in "abcdefghijklmnopqrstuvwxyz234567" if c != token[at]]))
    with pytest.raises(LinkError):
        Signer([NEW]).verify(Purpose.UNSUBSCRIBE, token[:at] + other + token[at + 1 :])


def test_token_with_a_letter_that_lower_case_makes_ascii_is_refused() -> None:
    signer = Signer([NEW])
    token = signer.sign(Purpose.UNSUBSCRIBE, "kkkk")
    with pytest.raises(LinkError):
        signer.verify(Purpose.UNSUBSCRIBE, token.replace("k", "\N{KELVIN SIGN}"))


@given(st.text(max_size=200))
def test_any_text_is_refused_without_a_crash(text: str) -> None:
    with pytest.raises(LinkError):
        Signer([NEW]).verify(Purpose.UNSUBSCRIBE, text)


def test_token_tag_has_at_least_128_bits() -> None:
    token = Signer([NEW]).sign(Purpose.VIEW, "a")
    assert (len(token) - len("a") - len(NEW.id)) * 5 >= 128


def test_key_repr_hides_the_secret() -> None:
    assert "nnn" not in repr(NEW)
    assert "***" in repr(NEW)


def test_payload_outside_the_alphabet_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="a-z and 2-7"):
        Signer([NEW]).sign(Purpose.VIEW, "A/../b")


def test_keyed_hash_depends_on_key_and_value() -> None:
    assert len({keyed_hash(b"k" * 32, "a"), keyed_hash(b"k" * 32, "b"), keyed_hash(b"l" * 32, "a")}) == 3
    assert base32(b"\x00" * 5) == "aaaaaaaa"


@pytest.mark.parametrize(
    ("purpose", "token"),
    [
        (Purpose.VIEW, "recipientabh3uemoriys3w2l6jw4dwx5dlvt"),
        (Purpose.UNSUBSCRIBE, "recipientabv2ww2tscd2zegoe5v2nlvo5alv"),
        (Purpose.RESUBSCRIBE, "recipientabafzziv7ou7hq4a6zv6d3nwonfj"),
        (Purpose.RETURN_PATH, "recipientabciotvhpakaix7xwsqpzmkively"),
        (Purpose.MESSAGE_ID, "recipientab4idftl7bcg36jrutlvyonf33w2"),
    ],
)
def test_token_never_changes_its_form(purpose: Purpose, token: str) -> None:
    # Links in mails that people kept must work with every later version of the program.
    assert Signer([Key("ab", bytes(range(32)))]).sign(purpose, "recipient") == token


def test_keyed_hash_never_changes_its_form() -> None:
    # What stays of an erased address must be found again; BLAKE2b takes 64 bytes of key at most.
    for secret in (bytes(range(64)), bytes(range(80))):
        assert keyed_hash(secret, "ana@example.org") == "6vz2lqydlqheza46w6m42v3zrc"


def test_signer_without_keys_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one key"):
        Signer([])


def test_a_keyed_hash_is_the_base32_of_a_keyed_blake2b() -> None:
    """RFC 4648's alphabet; rows and links made by any version compare equal."""
    for number in range(200):
        secret, value = number.to_bytes(32, "big"), f"reader{number}@mail.example"
        digest = hashlib.blake2b(value.encode(), key=secret, digest_size=17).digest()
        assert keyed_hash(secret, value) == base64.b32encode(digest).decode().lower()[:26]
