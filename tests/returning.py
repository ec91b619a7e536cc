"""Emails that come back about a message of ours, as servers and providers write them: `unit/feedback/emails`."""

from __future__ import annotations

from pathlib import Path

from newsletter.tokens import Key, Purpose, Signer

SIGNER = Signer([Key("aa", b"k" * 32)])
RECIPIENT = "abcdefghijklmnop"
EMAILS = Path(__file__).parent / "unit" / "feedback" / "emails"
UNKNOWN_USER = {"code": "550 5.1.1", "words": "User unknown", "command": "RCPT TO command", "action": "failed",
                "status": "5.1.1", "refusal": "550 5.1.1 User unknown", "type": "abuse"}  # fmt: skip


def tokens(signer: Signer = SIGNER, recipient: str = RECIPIENT) -> dict[str, str]:
    """What a message holds of its recipient."""
    mac = signer.sign(Purpose.MESSAGE_ID, recipient).removeprefix(recipient)
    return {
        "return_path": f"bounces+{signer.sign(Purpose.RETURN_PATH, recipient)}@example.org",
        "message_id": f"{recipient}.{mac}@example.org",
        "unsubscribe": f"https://news.example.org/u/{signer.sign(Purpose.UNSUBSCRIBE, recipient)}",
    }


def email(name: str, **values: str) -> bytes:
    text = (EMAILS / f"{name}.eml").read_text(encoding="utf-8")
    for key, value in (tokens() | UNKNOWN_USER | values).items():
        text = text.replace(f"{{{key}}}", value)
    return text.encode()
