"""What a stranger finds wrong with a message's headers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from letters import CLAIM, EDITION, LETTERHEAD, composed, edition

from newsletter.delivery.checks.headers import check_headers
from newsletter.delivery.compose.urls import Urls
from newsletter.problem import Place

PLACE = Place("issue/en.eml")
GOOD = composed(EDITION, CLAIM, LETTERHEAD).data


def rules(data: bytes) -> list[str]:
    return [problem.id for problem in check_headers(data, PLACE)]


def test_composed_message_has_no_problems() -> None:
    assert rules(GOOD) == []


def test_composed_message_of_this_machine_has_no_problems() -> None:
    local = replace(LETTERHEAD, urls=Urls("http://localhost:8000", LETTERHEAD.signer))
    assert rules(composed(EDITION, CLAIM, local).data) == []


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda data: data.replace(b"\r\n", b"\n"), "bad-bytes"),
        (lambda data: data.replace(b"Precedence: bulk\r\n", b""), "header-count"),
        (lambda data: b"Subject: again\r\n" + data, "header-count"),
        (lambda data: b"X-Twice: a\r\nX-Twice: b\r\n" + data, "header-count"),
        (lambda data: data.replace(b"<https://", b"<mailto:"), "one-click"),
        (lambda data: data.replace(b"=One-Click", b"=Two-Click"), "one-click"),
    ],
    ids=["line-ends", "missing", "second-subject", "twice", "no-url", "no-promise"],
)
def test_spoilt_header_is_found(spoil: Callable[[bytes], bytes], rule: str) -> None:
    assert rules(spoil(GOOD)) == [rule]


def test_subject_that_a_missing_value_leaves_empty_is_an_error() -> None:
    assert rules(composed(edition(subject=" "), CLAIM, LETTERHEAD).data) == ["empty-subject"]


def test_long_subject_is_left_to_the_check_of_the_issue() -> None:
    assert rules(composed(edition(subject="很" * 200), CLAIM, LETTERHEAD).data) == []
