"""Whether a composed message has the headers that mail programs and mailbox providers ask of a newsletter.

Judged on its bytes, as a stranger would read them. Before: `message.py`. After: problems for whoever builds or checks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from email import policy
from email.parser import BytesHeaderParser

from newsletter.delivery.compose.wire import check_wire, read_header_names
from newsletter.errors import ComposeError
from newsletter.problem import Place, Problem

ONCE = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Feedback-ID",
    "Precedence",
)
"""Each stands exactly once in every message of a delivery (RFC 5322, section 3.6; RFC 8058, section 3.1)."""


def check_headers(data: bytes, place: Place) -> list[Problem]:
    """Problems of one message's header section and of what its bytes may hold. `place` says whose message it is."""
    try:
        check_wire(data, read_header_names(data))
    except ComposeError as error:
        return [Problem("bad-bytes", str(error), place)]
    return [*_check_count(data, place), *_check_values(data, place)]


def _check_count(data: bytes, place: Place) -> Iterator[Problem]:
    counts = Counter(name.lower() for name in read_header_names(data))
    for name in ONCE:
        if counts[name.lower()] != 1:
            yield Problem(
                "header-count", f"the header {name} stands {counts[name.lower()]} times instead of once", place
            )
    for name in counts.keys() - {name.lower() for name in ONCE}:
        if counts[name] > 1:
            yield Problem("header-count", f"the header {name} stands {counts[name]} times", place)


def _check_values(data: bytes, place: Place) -> Iterator[Problem]:
    parsed = BytesHeaderParser(policy=policy.default).parsebytes(data)
    subject = str(parsed.get("Subject", "")).strip()
    if not subject:
        hint = "Give every merge field in it a default"
        yield Problem("empty-subject", "the subject is empty", place, path="subject", hint=hint)
    if not re.fullmatch(r"<https?://[!-;=?-~]+>", str(parsed.get("List-Unsubscribe", ""))):
        yield Problem("one-click", "List-Unsubscribe holds no URL that can be opened", place)
    if str(parsed.get("List-Unsubscribe-Post", "")) != "List-Unsubscribe=One-Click":
        yield Problem("one-click", "List-Unsubscribe-Post does not promise one-click", place)
