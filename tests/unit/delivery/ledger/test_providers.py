"""Providers: which mail system receives for an address."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from newsletter.delivery.ledger.providers import _DOMAINS, PROVIDER_OF, PROVIDERS, provider_of


@pytest.mark.parametrize(
    ("address", "provider"),
    [
        ("ana@gmail.com", "gmail"),
        ("Ana@GoogleMail.COM", "gmail"),
        ("ana@hotmail.com", "outlook"),
        ("ana@web.de", "gmx"),
        ("ana@foxmail.com", "qq"),
        ("ana@126.com", "netease"),
        ("ana@icloud.com", "apple"),
        ("ana@pm.me", "proton"),
        ("ana@gmail.com.example", "other"),
        ("ana@mail.gmail.com", "other"),
        ("gmail.com@example.org", "other"),
        ("", "other"),
    ],
)
def test_provider_of_an_address_goes_by_its_domain(address: str, provider: str) -> None:
    assert provider_of(address) == provider


def test_domain_has_one_provider_and_can_be_written_into_a_statement() -> None:
    named = Counter(domain for domains in _DOMAINS.values() for domain in domains.split())
    assert [domain for domain, count in named.items() if count > 1] == []
    assert [name for name in (*PROVIDERS, *PROVIDER_OF) if not re.fullmatch("[a-z0-9.-]{1,32}", name)] == []
