"""Address: one email address we can write to, parsed and made comparable. Before: any text; after: subscribers.

All code that writes to or looks up a subscriber uses `parse_address`: no library gets a text that it might change into
another address, and an address is one subscriber whatever its capitals.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from newsletter.errors import AddressError

MAX_LOCAL = 64
"""Octets before the @ (RFC 5321 section 4.5.3.1.1)."""
_MAX_DOMAIN = 253
_MAX_ADDRESS = 254
"""Octets between the angle brackets of a 256-octet path (RFC 5321 section 4.5.3.1.3)."""

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = r"(?!..--)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN = re.compile(
    rf"({_ATOM}(?:\.{_ATOM})*)@({_LABEL}(?:\.{_LABEL})*\.(?!..--)[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?)"
)
"""Matches nearly all addresses; these do not need the full rules. A-labels (`xn--…`) do."""


@dataclass(frozen=True, slots=True)
class Address:
    """`local@domain`. Made by `parse_address` only."""

    local: str
    """As given, in Unicode normal form C: some servers distinguish capitals."""
    domain: str
    """Lower case, internationalised labels as A-labels (`xn--…`, RFC 5891)."""

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        """The address to write to."""
        return f"{self.local}@{self.domain}"

    @property
    def canonical(self) -> str:
        """For comparing: equal whatever the capitals. Its keyed hash identifies the subscriber."""
        return f"{unicodedata.normalize('NFC', self.local.lower())}@{self.domain}"

    @property
    def needs_smtputf8(self) -> bool:
        """Whether only a relay that offers SMTPUTF8 (RFC 6531) can take it."""
        return not self.local.isascii()


def parse_address(text: str) -> Address:
    """Parse an address; spaces around it are ignored. Raises AddressError.

    Refused although some standard allows them: quoted local parts, comments, addresses of a bare machine
    (`a@[192.0.2.1]`, `a@localhost`): in a file of subscribers they are mistakes, and few relays take them.
    """
    text = text.strip(" ")
    plain = _PLAIN.fullmatch(text)
    if plain and len(plain[1]) <= MAX_LOCAL and len(plain[2]) <= _MAX_DOMAIN and len(text) <= _MAX_ADDRESS:
        return Address(plain[1], plain[2].lower())
    _refuse_at_sight(text)
    text = unicodedata.normalize("NFC", text)
    local, _, domain = text.rpartition("@")
    # Many addresses have the same domain, whose rules take a hundred times as long as those of a plain local part.
    is_plain = _LOCAL.fullmatch(local) and len(text) <= MAX_LOCAL
    return _bounded(Address(local, _domain_of(f"a@{domain}" if is_plain else text)))


@lru_cache(maxsize=4096)
def _domain_of(text: str) -> str:
    """The domain of an address that may be one. Raises AddressError."""
    from email_validator import EmailNotValidError, validate_email  # takes long to load, and few addresses need it

    try:
        found = validate_email(
            text,
            check_deliverability=False,
            strict=True,
            globally_deliverable=False,  # a newsletter may be for an internal network; `.test` is for tests
        )
    except EmailNotValidError as error:
        raise AddressError(str(error).rstrip(".")) from error
    return found.ascii_domain.lower()


def _refuse_at_sight(text: str) -> None:
    if not text:
        raise AddressError("The address is empty")
    for character in text:
        # Controls, line ends and invisible characters: an injected header or a copying accident, never a mailbox.
        if character != " " and unicodedata.category(character)[0] in "CZ":
            raise AddressError(f"The address contains an invisible character (U+{ord(character):04X})")
    if "<" in text or ">" in text:
        raise AddressError("The address is in angle brackets", hint="Give the address alone, without a name")
    if '"' in text:
        raise AddressError("The address has a quoted part, which is not supported")
    if " " in text:
        raise AddressError("The address contains a space")
    if text.endswith("]"):
        raise AddressError("The address has a number in brackets after the @; it needs a domain")


def _bounded(address: Address) -> Address:
    if len(address.local.encode()) > MAX_LOCAL:
        raise AddressError(f"The part before the @ is longer than {MAX_LOCAL} bytes")
    if len(address.text.encode()) > _MAX_ADDRESS:
        raise AddressError(f"The address is longer than {_MAX_ADDRESS} bytes")
    labels = address.domain.split(".")
    if len(labels) < 2:
        raise AddressError("The part after the @ has no dot in it, such as the one in example.org")
    if not labels[-1][0].isalpha():
        raise AddressError("The part after the @ ends in a number, which no domain does")
    return address
