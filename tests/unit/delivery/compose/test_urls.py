"""Where personal links lead: one token, one purpose."""

from __future__ import annotations

import pytest
from letters import RECIPIENT, SIGNER

from newsletter.delivery.compose.urls import Urls
from newsletter.errors import LinkError
from newsletter.tokens import Purpose

URLS = Urls("https://news.example.org/weekly", SIGNER)


def test_links_start_at_the_base_and_hold_a_token() -> None:
    base, _, token = URLS.unsubscribe(RECIPIENT).rpartition("/")
    assert base == "https://news.example.org/weekly/u"
    assert SIGNER.verify(Purpose.UNSUBSCRIBE, token) == RECIPIENT
    base, _, token = URLS.view(RECIPIENT).rpartition("/")
    assert base == "https://news.example.org/weekly/v"
    assert SIGNER.verify(Purpose.VIEW, token) == RECIPIENT


def test_view_token_cannot_unsubscribe() -> None:
    with pytest.raises(LinkError):
        SIGNER.verify(Purpose.UNSUBSCRIBE, URLS.view(RECIPIENT).rpartition("/")[2])
