"""Envelope: what the relay is told outside the message: return path and recipient (RFC 5321)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Envelope:
    """`return_path` is one of its own per recipient (VERP), so that a bounce names its recipient."""

    return_path: str
    recipient: str
    needs_smtputf8: bool = False
    """The recipient's local part is not ASCII; a relay without SMTPUTF8 cannot take it (5.6.7)."""
