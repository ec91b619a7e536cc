"""Message: header and body as sent (RFC 5322)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Message:
    """One recipient's message: `data` are its bytes, CRLF line ends, not yet dot-stuffed, without terminator."""

    id: str
    """Message-ID without angle brackets."""
    data: bytes = field(repr=False)
    sha256: str
    """Hex SHA-256 of `data`; stored with the permit."""
