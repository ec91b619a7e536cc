"""Tokens: one purpose each, hard to forge, alive through key rotation and upper-casing."""

from __future__ import annotations

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
