"""Signatures, judged by dkimpy, which shares no code with ours; `test_signing.py` has OpenDKIM judge real messages."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import timedelta
from functools import cache

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from letters import CLAIM, EDITION, IDENTITY, LETTERHEAD, claim, composed, edition

from newsletter.compiler.edition import Edition
from newsletter.delivery.compose.dkim import DkimKey, DkimSigner, new_key, read_key
from newsletter.delivery.ledger.ledger import Claim
from newsletter.errors import ConfigError


@cache
def keys() -> tuple[DkimKey, ...]:
    return new_key("rsa", "rsa2026"), new_key("ed25519", "ed2026")


def signed(issue: Edition = EDITION, to: Claim = CLAIM, *others: DkimKey) -> bytes:
    return composed(issue, to, replace(LETTERHEAD, dkim=DkimSigner("example.org", others or keys()))).data


def is_valid(data: bytes) -> bool:
    """Whether the RSA signature is; dkimpy verifies Ed25519 only with another library."""
    records = {f"{key.selector}._domainkey.example.org.".encode(): "".join(key.record).encode() for key in keys()}
    return bool(dkim.verify(data, dnsfunc=lambda name, timeout=0: records.get(name)))


LONG = edition(
    html="<p>"
    + "long " * 500
    + "</p>\n<pre>\n\t  two  spaces \t\n.\n..dots\n</pre>\n"
    + "x" * 2000
    + " \nNAMEslot \n\n\n",
    text="NAMEslot  two  spaces\t\n.\n .\n\n\n" + "y" * 1200 + "\n\n\n",
)
CHINESE = edition(
    html="<p>" + "你好 NAMEslot  世界 " * 90 + "</p>\n", text="你好 NAMEslot \n" * 90, subject="你好 NAMEslot"
)
names = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Z", "S"]), max_size=90)


@settings(max_examples=25, deadline=None)
@given(names, st.sampled_from([EDITION, LONG, CHINESE]))
def test_signature_is_valid_whatever_the_name_and_the_text(name: str, issue: Edition) -> None:
    assert is_valid(signed(issue, claim(values={"name": name})))


def test_message_without_optional_fields_is_valid() -> None:
    assert is_valid(signed(edition(identity=replace(IDENTITY, reply_to="", contact=""))))


FIELDS = re.findall(rb"(?m)^([A-Za-z-]+): ", signed().partition(b"\r\n\r\n")[0])


@pytest.mark.parametrize("name", sorted({name for name in FIELDS if name != b"DKIM-Signature"}))
def test_header_that_is_changed_or_removed_breaks_the_signature(name: bytes) -> None:
    data = signed()
    changed = re.sub(rb"(?m)^(%s: )(.)" % name, rb"\1x\2", data, count=1)
    removed = re.sub(rb"(?m)^%s: .*\r\n(?:[ \t].*\r\n)*" % name, b"", data, count=1)
    assert changed != data != removed
    assert is_valid(data)
    assert not is_valid(changed)
    assert not is_valid(removed)


@pytest.mark.parametrize(
    "name",
    [b"From", b"Subject", b"Content-Type", b"To", b"Reply-To", b"Date", b"Message-ID", b"MIME-Version"],
)
def test_second_header_of_a_name_breaks_the_signature(name: bytes) -> None:
    assert not is_valid(name + b": other\r\n" + signed())


def test_reply_to_that_somebody_adds_breaks_the_signature() -> None:
    data = signed(edition(identity=replace(IDENTITY, reply_to="")))
    assert not is_valid(b"Reply-To: <thief@example.com>\r\n" + data)


@pytest.mark.parametrize("tag", [b"t=", b"d=", b"s=", b"h=", b"c="])
def test_changed_tag_breaks_the_signature(tag: bytes) -> None:
    data = signed()
    changed = re.sub(rb"([ ;]%s)(.)" % tag, rb"\g<1>7", data, count=1)
    assert changed != data
    assert not is_valid(changed)


def test_text_that_is_changed_or_appended_breaks_the_signature() -> None:
    data = signed()
    assert b"l=" not in data.partition(b"bh=")[0]
    assert not is_valid(data.replace(b"Hello", b"Hallo"))
    assert not is_valid(data + b"and more\r\n")


def test_relay_may_fold_and_space_otherwise() -> None:
    data = signed().replace(b"From: ", b"FROM:  ").replace(b"\r\n boundary", b"\r\n\t boundary")
    assert is_valid(data.replace(b"<p>Hello ", b"<p>Hello  "))


def test_same_recipient_has_the_same_bytes_at_every_attempt() -> None:
    assert signed() == signed(EDITION, claim(epoch=9, attempts=3))
    assert b" t=1706173200;" in signed()
    assert b" t=1706259600;" in signed(EDITION, claim(dated_at=CLAIM.dated_at + timedelta(days=1)))


def test_stored_hash_covers_the_signature() -> None:
    key, other = (new_key("ed25519", "ed2026") for _ in range(2))
    first, second = (
        composed(EDITION, CLAIM, replace(LETTERHEAD, dkim=DkimSigner("example.org", (one,)))) for one in (key, other)
    )
    assert first.id == second.id
    assert first.sha256 != second.sha256


def test_record_holds_the_public_key_in_short_strings() -> None:
    for key in keys():
        assert all(len(one) <= 255 for one in key.record)
        version, type_, public = "".join(key.record).split("; ")
        octets = base64.b64decode(public.removeprefix("p="))
        assert (version, type_) == ("v=DKIM1", f"k={key.type}")
        public_key = key.private.public_key()
        if isinstance(public_key, RSAPublicKey):
            assert load_der_public_key(octets) == public_key
        else:
            assert octets == public_key.public_bytes_raw()


def test_key_is_read_again_and_never_shown() -> None:
    for key in keys():
        again = read_key(key.selector, key.pem, where="it")
        assert again.record == key.record
        assert key.pem.decode().splitlines()[1] not in f"{key!r}{DkimSigner('example.org', (key,))!r}"


SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)
CURVE = ec.generate_private_key(ec.SECP256R1())
PKCS8 = Encoding.PEM, PrivateFormat.PKCS8


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (b"", "no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"),
        (SMALL.private_bytes(*PKCS8, NoEncryption()), "1024 bits"),
        (CURVE.private_bytes(*PKCS8, NoEncryption()), "neither an RSA nor an Ed25519"),
        (CURVE.private_bytes(*PKCS8, BestAvailableEncryption(b"word")), "encrypted"),
    ],
)
def test_unusable_key_is_refused_with_its_place(pem: bytes, why: str) -> None:
    with pytest.raises(ConfigError, match=f"dkim/a.pem .*{why}"):
        read_key("a", pem, where="dkim/a.pem")
