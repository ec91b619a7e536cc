"""Found: what the words of an email that came back say that it is."""

from dataclasses import dataclass
from enum import StrEnum


class ReturnKind(StrEnum):
    """What came back."""

    HARD = "hard"
    """The address does not exist, or not any more."""
    SOFT = "soft"
    """The message was not taken this time."""
    OURS = "ours"
    """We were refused: policy, reputation, authentication, content. It never counts against a subscriber."""
    COMPLAINT = "complaint"
    """The reader marked the message as unwanted, and their provider tells us."""
    IGNORED = "ignored"
    """An auto-reply, a delay, a message that arrived: it changes nothing."""
    UNMATCHED = "unmatched"
    """About no message of ours, or not to be recognised."""

    @property
    def noun(self) -> str:
        """What one of them is called."""
        return f"{self.value} bounce" if self.is_bounce else self.value

    @property
    def is_bounce(self) -> bool:
        """Whether a message was refused."""
        return self in (ReturnKind.HARD, ReturnKind.SOFT, ReturnKind.OURS)


@dataclass(frozen=True, slots=True)
class Found:
    """What the words of an email say that it is."""

    kind: ReturnKind
    about: str = ""
    """A classification, a Feedback-Type, `auto-reply`, `delayed` …"""
    reply: str = ""
    """What the refusing server said: one line without addresses and control characters."""
