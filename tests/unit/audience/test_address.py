"""What is an address, and which addresses are one subscriber."""

from __future__ import annotations

import string

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from newsletter.audience.address import parse_address
from newsletter.errors import AddressError

_ATEXT = string.ascii_letters + string.digits + "!#$%&'*+/=?^_`{|}~-"
_local = st.lists(st.text(_ATEXT, min_size=1, max_size=12), min_size=1, max_size=4).map(".".join)
_label = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,14}[A-Za-z0-9])?", fullmatch=True)
_domain = st.tuples(st.lists(_label, min_size=1, max_size=4), st.from_regex(r"[A-Za-z]{2,10}", fullmatch=True)).map(
    lambda parts: ".".join([*parts[0], parts[1]])
)


@pytest.mark.parametrize(
    ("text", "written", "canonical"),
    [
        ("ana@example.org", "ana@example.org", "ana@example.org"),
        ("  Ana.Lima+news@Example.ORG ", "Ana.Lima+news@example.org", "ana.lima+news@example.org"),
        ("x@sub-domain.example", "x@sub-domain.example", "x@sub-domain.example"),
        ("o'neil@example.org", "o'neil@example.org", "o'neil@example.org"),
        ("info@bücher.example", "info@xn--bcher-kva.example", "info@xn--bcher-kva.example"),
        ("info@BÜCHER.example", "info@xn--bcher-kva.example", "info@xn--bcher-kva.example"),
        ("info@xn--bcher-kva.example", "info@xn--bcher-kva.example", "info@xn--bcher-kva.example"),
        ("读者@例子.example", "读者@xn--fsqu00a.example", "读者@xn--fsqu00a.example"),
        ("Élodie@example.org", "Élodie@example.org", "élodie@example.org"),
        ("E\u0301lodie@example.org", "Élodie@example.org", "élodie@example.org"),
        ("a@mail.test", "a@mail.test", "a@mail.test"),
        ("a@" + "b" * 63 + ".org", "a@" + "b" * 63 + ".org", "a@" + "b" * 63 + ".org"),
        ("a" * 64 + "@example.org", "a" * 64 + "@example.org", "a" * 64 + "@example.org"),
    ],
)
def test_address_is_kept_for_sending_and_folded_for_comparing(text: str, written: str, canonical: str) -> None:
    address = parse_address(text)
    assert (address.text, address.canonical) == (written, canonical)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("ana", "@"),
        ("ana.example.org", "@"),
        ("@example.org", "before the @"),
        ("ana@", "after the @"),
        ("ana@example", "no dot"),
        ("ana@localhost", "reserved"),
        ("ana@@example.org", "invalid characters"),
        ("ana@exam ple.org", "a space"),
        ("ana@example.org\nBcc: eve@example.org", "U+000A"),
        ("ana@example.org\n", "U+000A"),
        ("ana\r@example.org", "U+000D"),
        ("ana\x00@example.org", "U+0000"),
        ("ana\u200b@example.org", "U+200B"),
        ("ana@example.org\u2028", "U+2028"),
        ("\ufeffana@example.org", "U+FEFF"),
        ("Ana <ana@example.org>", "angle brackets"),
        ('"ana b"@example.org', "quoted"),
        ('"ana"@example.org', "quoted"),
        ("ana@[192.0.2.1]", "number"),
        ("ana@192.0.2.1", "number"),
        (".ana@example.org", "period"),
        ("ana.@example.org", "period"),
        ("an..a@example.org", "period"),
        ("ana@-example.org", "hyphen"),
        ("ana@example-.org", "hyphen"),
        ("ana@example..org", "period"),
        ("ana@example.org.", "period"),
        ("ana@exa_mple.org", "invalid characters"),
        ("ana,bob@example.org", "invalid characters"),
        ("ana@example.org,bob@example.org", "invalid characters"),
        ("ana@xn--zz--zz.example", "IDNA"),
        ("a" * 65 + "@example.org", "long"),
        ("读" * 22 + "@example.org", "64 bytes"),
        ("a@" + "b" * 64 + ".org", "periods"),
        ("a" * 60 + "@" + ".".join(["b" * 60] * 3) + ".example.org", "long"),
        ("读" * 20 + "@" + ".".join(["b" * 60] * 3) + ".example.org", "long"),
        ("ana＠example.org", "full-width"),
    ],
)
def test_address_that_is_none_is_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(AddressError, match=says.replace("+", r"\+")):
        parse_address(text)


@pytest.mark.parametrize(("text", "needed"), [("读者@example.org", True), ("ana@例子.example", False)])
def test_smtputf8_is_needed_for_the_local_part_only(text: str, needed: bool) -> None:
    assert parse_address(text).needs_smtputf8 is needed


@given(_local, _domain)
def test_fast_path_agrees_with_the_full_rules(local: str, domain: str) -> None:
    text = f"{local}@{domain}"
    try:
        expected = validate_email(text, check_deliverability=False, strict=True, globally_deliverable=False)
    except EmailNotValidError:
        with pytest.raises(AddressError):
            parse_address(text)
    else:
        assert parse_address(text).domain == expected.ascii_domain.lower()
        assert parse_address(text).local == local


@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_is_accepted_stays_itself_and_holds_nothing_unprintable(local: str, domain: str) -> None:
    try:
        address = parse_address(f"{local}@{domain}.org")
    except AddressError:
        return
    assert parse_address(address.text) == address
    assert parse_address(address.canonical).canonical == address.canonical
    assert address.text.isprintable()
    assert address.domain.isascii()
    assert not set(address.text) & set(' <>,;:"\r\n\t()[]\\')


@given(_local, _domain)
def test_capitals_do_not_make_another_subscriber(local: str, domain: str) -> None:
    try:
        lower, upper = parse_address(f"{local}@{domain}".lower()), parse_address(f"{local}@{domain}".upper())
    except AddressError:
        return
    assert lower.canonical == upper.canonical
