"""Statement: the parts of a statement in words, for its page and for a terminal. Before: its JSON (`app/shapes`)."""

from collections.abc import Mapping, Sequence
from typing import Any

_PARTS = {
    "Consent": "subscriptions", "Sign-ups": "signups", "Issues": "messages", "What came back": "returned",
    "Events": "events", "Notes": "notes", "Suppression": "suppression",
}  # fmt: skip

UNALTERED = (
    "The signature proves that this statement has not been altered since it was made. It does not prove that what it "
    "says is true: it says what the newsletter's database held at that moment."
)

Entry = Sequence[tuple[str, str]]
"""Name and value of each known fact."""


def parts_of(facts: Mapping[str, Any]) -> list[tuple[str, list[Entry]]]:
    """Title and entries of each part."""
    own = {name: facts[name] for name in ("email", "name", "language", "timezone", "paused_until") if facts.get(name)}
    found = [("Subscriber", [_entry({**own, **facts["attributes"]})] if own or facts["attributes"] else [])]
    for title, key in _PARTS.items():
        entries = facts[key] if isinstance(facts[key], (list, tuple)) else [facts[key]] if facts[key] else []
        found.append((title, [_entry(one) for one in entries]))
    return found


def _entry(one: Mapping[str, Any]) -> Entry:
    return [(name.replace("_", " "), _text(value)) for name, value in one.items() if value not in (None, "", [], ())]


def _text(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return " ".join(text.split())
