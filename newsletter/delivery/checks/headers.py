"""Checks that a composed message has the headers that email clients and mailbox providers expect of a newsletter.

Reads the message's bytes. Before: `message.py`. After: problems, shown by build and check.
"""

import re
from collections import Counter
from collections.abc import Iterator
from email import policy
from email.parser import BytesHeaderParser

from newsletter.delivery.compose.wire import check_wire, read_header_names
from newsletter.errors import ComposeError
from newsletter.problem import Place, Problem

ONCE = (
    "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
    "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID", "Precedence",
)  # fmt: skip
"""Required exactly once in every message of a delivery (RFC 5322, section 3.6; RFC 8058, section 3.1)."""


def check_headers(data: bytes, place: Place) -> list[Problem]:
    """Problems of one message's header section and of what its bytes may hold. `place` says whose message it is."""
    try:
        check_wire(data, read_header_names(data))
    except ComposeError as error:
        return [Problem("bad-bytes", str(error), place)]
    return [*_check_count(data, place), *_check_values(data, place)]


def _check_count(data: bytes, place: Place) -> Iterator[Problem]:
    counts = Counter(name.lower() for name in read_header_names(data))
    required = {name.lower() for name in ONCE}
    for name in sorted(required | counts.keys()):
        if counts[name] > 1 or (name in required and not counts[name]):
            yield Problem("header-count", f"the header {name} occurs {counts[name]} times instead of once", place)


def _check_values(data: bytes, place: Place) -> Iterator[Problem]:
    parsed = BytesHeaderParser(policy=policy.default).parsebytes(data)
    subject = str(parsed.get("Subject", "")).strip()
    if not subject:
        hint = "Give every merge field in it a default"
        yield Problem("empty-subject", "the subject is empty", place, path="subject", hint=hint)
    if not re.fullmatch(r"<https?://[!-;=?-~]+>", str(parsed.get("List-Unsubscribe", ""))):
        yield Problem("one-click", "List-Unsubscribe has no URL that can be opened", place)
    if str(parsed.get("List-Unsubscribe-Post", "")) != "List-Unsubscribe=One-Click":
        yield Problem("one-click", "List-Unsubscribe-Post does not offer one-click", place)
