"""Composing: what a project's messages are made from beside their editions, in a delivery and outside of any."""

from collections.abc import Mapping
from datetime import datetime

from newsletter.app.project import Project
from newsletter.authoring.persona import BUILT_IN, Persona
from newsletter.compiler.edition import Edition, Filled
from newsletter.delivery.compose.message import MessageContext, merge_values
from newsletter.delivery.compose.urls import Urls
from newsletter.delivery.ledger.ledger import Claim
from newsletter.delivery.ledger.plan import own_values
from newsletter.tokens import Key, Signer

INERT = Signer([Key("aa", b"made for looking at, opens nothing")])
"""Signs the links of messages outside a delivery. No project ever has this key, so that such links have no power."""


def message_context(
    project: Project,
    lists: Mapping[str, str],
    *,
    signer: Signer = INERT,
    mark: str = "",
    is_notice: bool = False,
    is_signed: bool = False,
) -> MessageContext:
    """What a project's messages to these lists (slug → name) share. `is_signed`: by DKIM, if it is configured."""
    domain = project.identity.from_address.rpartition("@")[2]
    is_plain = project.config.bounces.return_path == "plain"
    own = project.identity.from_address if is_plain else f"bounces@{domain}"
    bounces = project.config.bounces.address or own
    urls, dkim = Urls(project.config.public.url, signer), project.dkim if is_signed else None
    return MessageContext(lists, urls, signer, bounces, is_plain, mark, is_notice, dkim)


def claim_outside(
    kind: str,
    *,
    recipient: str,
    address: str,
    language: str,
    values: Mapping[str, object],
    now: datetime,
    lists: tuple[str, ...] = (),
) -> Claim:
    """A claim that no ledger knows, for a message of another `kind` than a delivery's: build, dry run, proof."""
    return Claim(
        recipient=recipient,
        delivery=kind,
        epoch=0,
        address=address,
        language=language,
        dated_at=now.replace(microsecond=0),
        attempts=0,
        eligible_at=now,
        values=values,
        lists=lists,
    )


def values_of(persona: Persona) -> dict[str, str]:
    """What merge fields may name when this persona looks, as a subscriber's would be frozen."""
    language, timezone = persona.language or "", persona.timezone or ""
    return own_values(persona.attributes, name=persona.name, language=language, timezone=timezone)


def fill_for_persona(edition: Edition, persona: Persona, *, unsubscribe: str = "", view: str = "") -> Filled:
    """An edition as this persona would read it, with these links instead of links of their own."""
    address = persona.email or BUILT_IN.email
    return edition.fill(merge_values(values_of(persona), address, unsubscribe=unsubscribe, view=view))


def page_for_nobody(edition: Edition, *, unsubscribe: str, view: str) -> str:
    """The web page of an edition as everybody sees it: merge fields show their defaults. Where a `read_more` ends the
    email, it goes on.
    """
    return edition.fill_page({"subscriber": {}, "link": {"unsubscribe": unsubscribe, "view": view}})


async def ungated() -> bool:
    """The permit of a message that no ledger counts."""
    return True
