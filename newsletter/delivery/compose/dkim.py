"""DKIM: signs messages (RFC 6376, RFC 8301, RFC 8463). The one door to `cryptography`.

Canonicalisation is relaxed/relaxed. The body is the whole one (no `l=`), so nothing can be appended to a message.
"""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from newsletter.delivery.compose.headers import exact, write_headers
from newsletter.errors import ConfigError

KeyType: TypeAlias = Literal["rsa", "ed25519"]

ONCE = (b"from", b"to", b"reply-to", b"subject", b"date", b"message-id", b"mime-version", b"content-type")
"""Fields that a message has at most once. They are signed once more than they occur, so that a second one, of which an
email client may show only one, makes the signature invalid.
"""

_RSA_BITS = 2048, 4096
"""Shorter keys can be broken; verifiers need not handle longer ones (RFC 8301, section 3.2)."""
_TXT = 255  # octets in one string of a TXT record (RFC 1035, section 3.3)
_SIGNATURE_LINE = 72
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_SPACE = re.compile(rb"[ \t]+")


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A private key and its selector, the name of its record below `_domainkey`."""

    selector: str
    private: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)

    @property
    def type(self) -> KeyType:
        """As in `k=` of its record."""
        return "rsa" if isinstance(self.private, RSAPrivateKey) else "ed25519"

    @property
    def pem(self) -> bytes:
        """The private key in PKCS #8, unencrypted."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def record(self) -> tuple[str, ...]:
        """The strings of its TXT record, each of at most 255 octets; their concatenation is what counts."""
        public = self.private.public_key()
        if self.type == "rsa":
            octets = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        else:  # the bare 32 octets (RFC 8463, section 4.2)
            octets = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        text = f"v=DKIM1; k={self.type}; p={base64.b64encode(octets).decode()}"
        return tuple(text[first : first + _TXT] for first in range(0, len(text), _TXT))

    def sign(self, digest: bytes) -> str:
        """The signature of a SHA-256 digest, in base64: always the same for the same digest."""
        if isinstance(self.private, RSAPrivateKey):
            signature = self.private.sign(digest, PKCS1v15(), Prehashed(SHA256()))
        else:  # Ed25519 signs the digest as its message (RFC 8463, section 3)
            signature = self.private.sign(digest)
        return base64.b64encode(signature).decode()


def new_key(type_: KeyType, selector: str) -> DkimKey:
    """A new key; RSA with 2,048 bits, which every verifier and, in two strings, every DNS provider takes."""
    if type_ == "ed25519":
        return DkimKey(selector, Ed25519PrivateKey.generate())
    return DkimKey(selector, generate_private_key(public_exponent=65537, key_size=_RSA_BITS[0]))


def read_key(selector: str, pem: bytes, *, where: str) -> DkimKey:
    """A key from its PEM. Raises ConfigError that names the key by `where`, never by its content."""
    hint = "Make one: newsletter dkim new"
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise ConfigError(
            f"{where} is encrypted", hint="Store it without a passphrase, readable by you alone"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{where} holds no private key in PEM", hint=hint) from error
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise ConfigError(f"{where} is neither an RSA nor an Ed25519 key", hint=hint)
    if isinstance(key, RSAPrivateKey) and not _RSA_BITS[0] <= key.key_size <= _RSA_BITS[1]:
        least, most = _RSA_BITS
        raise ConfigError(f"{where} has {key.key_size} bits; RSA keys have {least} to {most}", hint=hint)
    return DkimKey(selector, key)


@dataclass(frozen=True, slots=True)
class DkimSigner:
    """Signs for a domain, with every key: receivers that cannot verify Ed25519 take the RSA signature."""

    domain: str
    """In A-labels: `d=` of the signatures."""
    keys: tuple[DkimKey, ...]

    def sign(self, header: bytes, relaxed_body: bytes, at: int) -> bytes:
        """The DKIM-Signature fields of a message, to be put before its header section.

        `relaxed_body`: as `Body.relaxed` makes it. `at`: seconds since 1970, the same for every attempt.
        """
        fields = [_relax_field(line) for line in _FOLD.sub(b"", header).split(b"\r\n")[:-1]]
        names = tuple(name for name, _ in fields)
        canonical = b"".join(line for _, line in fields)
        body_hash = base64.b64encode(hashlib.sha256(relaxed_body).digest()).decode()
        tags = f" t={at}; bh={body_hash};".encode()
        return b"".join(self._field(key, names, tags, canonical) for key in self.keys)

    def _field(self, key: DkimKey, names: tuple[bytes, ...], tags: bytes, canonical: bytes) -> bytes:
        begin, relaxed = _begin(self.domain, key.selector, key.type, names)
        # The field itself is signed last, with an empty `b=` and without its line end (RFC 6376, section 3.7).
        signature = key.sign(hashlib.sha256(b"".join((canonical, relaxed, tags, b" b="))).digest())
        lines = [signature[first : first + _SIGNATURE_LINE] for first in range(0, len(signature), _SIGNATURE_LINE)]
        return b"".join((begin, tags, b"\r\n b=", "\r\n ".join(lines).encode(), b"\r\n"))


@lru_cache(maxsize=64)
def _begin(domain: str, selector: str, type_: KeyType, names: tuple[bytes, ...]) -> tuple[bytes, bytes]:
    """What all signatures of a key begin with, as lines and canonicalised. Fields with these names are signed."""
    signed = re.findall("[^:]+:?", f"h={b':'.join((*names, *ONCE)).decode()};")  # may be folded after each colon
    tags = "v=1;", f"a={type_}-sha256;", "c=relaxed/relaxed;", f"d={domain};", f"s={selector};", *signed
    lines = write_headers([exact("DKIM-Signature", *tags)])
    return lines, _relax_field(_FOLD.sub(b"", lines.removesuffix(b"\r\n")))[1].removesuffix(b"\r\n")


def _relax_field(line: bytes) -> tuple[bytes, bytes]:
    """Name and line of an unfolded field in the relaxed canonicalisation (RFC 6376, section 3.4.2)."""
    name, _, value = line.partition(b":")
    name = name.rstrip().lower()
    return name, name + b":" + _SPACE.sub(b" ", value).strip(b" ") + b"\r\n"
