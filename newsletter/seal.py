"""Seal: signs documents with Ed25519 (RFC 8032) and verifies them. The ground; one of two doors to `cryptography`.

What is signed is the canonical JSON of a document: keys sorted, no white space, nothing but ASCII. Each signing key of
secret.toml has a seal of its own, so that rotating and retiring it rotates and retires the seal.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from newsletter.tokens import Key


def public_key(key: Key) -> str:
    """The public key of a signing key's seal: 32 bytes in base64."""
    return base64.b64encode(_private(key).public_key().public_bytes_raw()).decode()


def sign(key: Key, document: Mapping[str, Any]) -> str:
    """The signature of a document: 64 bytes in base64."""
    return base64.b64encode(_private(key).sign(canonical(document))).decode()


def is_signed(public: str, document: Mapping[str, Any], signature: str) -> bool:
    """Whether the signature is one of this document by the owner of a public key."""
    try:
        known = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        known.verify(base64.b64decode(signature, validate=True), canonical(document))
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def canonical(document: Mapping[str, Any]) -> bytes:
    """The bytes that are signed."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _private(key: Key) -> Ed25519PrivateKey:
    seed = hashlib.blake2b(b"seal of statements", key=key.secret[:64], digest_size=32).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)
