"""Return paths that name their recipient, and addresses that can travel."""

from __future__ import annotations

from dataclasses import replace

import pytest
from letters import CLAIM, LETTERHEAD, RECIPIENT, SIGNER, claim

from newsletter.delivery.compose.envelope import address_envelope
from newsletter.errors import ComposeError, ConfigError
from newsletter.tokens import Purpose


def test_return_path_names_its_recipient_also_in_capitals() -> None:
    envelope = address_envelope(CLAIM, LETTERHEAD)
    local, _, domain = envelope.return_path.partition("@")
    assert local.startswith("bounces+")
    assert domain == "example.org"
    assert len(local) <= 64
    token = local.removeprefix("bounces+")
    assert SIGNER.verify(Purpose.RETURN_PATH, token) == RECIPIENT
    assert SIGNER.verify(Purpose.RETURN_PATH, token.upper()) == RECIPIENT


def test_plain_return_path_is_the_mailbox_as_it_is() -> None:
    plain = replace(LETTERHEAD, bounces="The.Weekly+post@example.org", is_plain=True)
    assert address_envelope(CLAIM, plain).return_path == "The.Weekly+post@example.org"


def test_ascii_address_needs_no_extension() -> None:
    assert not address_envelope(CLAIM, LETTERHEAD).needs_smtputf8


def test_domain_of_another_script_becomes_a_label() -> None:
    envelope = address_envelope(claim(address="ana@例子.广告"), LETTERHEAD)
    assert envelope.recipient == "ana@xn--fsqu00a.xn--4rr70v"
    assert not envelope.needs_smtputf8


def test_local_part_of_another_script_needs_smtputf8() -> None:
    assert address_envelope(claim(address="用户@example.com"), LETTERHEAD).needs_smtputf8


@pytest.mark.parametrize("address", ["", "ana", "a@b.c\r\nRCPT TO:<v@e.org>", "<ana@example.com>", "a b@example.com"])
def test_what_is_no_address_leaves_this_person_out(address: str) -> None:
    with pytest.raises(ComposeError):
        address_envelope(claim(address=address), LETTERHEAD)


@pytest.mark.parametrize("bounces", ["newsletter-bounces@example.org", "bounces", "", "zurück@example.org"])
def test_mailbox_that_cannot_carry_a_token_is_a_mistake_of_the_configuration(bounces: str) -> None:
    with pytest.raises(ConfigError, match="bounces"):
        address_envelope(CLAIM, replace(LETTERHEAD, bounces=bounces))
