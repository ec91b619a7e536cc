"""Composing: what a project's messages are made from, looked up once per delivery. Joins storage to delivery."""

from __future__ import annotations

from functools import lru_cache

from newsletter.app.project import Project
from newsletter.compiler.edition import Edition
from newsletter.delivery.desk import Prepare
from newsletter.delivery.envelope import Envelope, address_envelope
from newsletter.delivery.ledger import Claim
from newsletter.delivery.message import Letterhead, Message, compose_message
from newsletter.delivery.urls import Urls
from newsletter.storage.deliveries import Deliveries


def composer(project: Project, deliveries: Deliveries) -> Prepare:
    """What makes one recipient's message and envelope from the stored editions of any delivery."""
    signer, urls = project.keys.signer, Urls(project.config.public.url, project.keys.signer)

    @lru_cache(maxsize=64)
    def edition(delivery: str, language: str) -> Edition:
        return deliveries.edition(delivery, language)

    @lru_cache(maxsize=64)
    def letterhead(delivery: str) -> Letterhead:
        return Letterhead(deliveries.list_names(delivery), urls, signer, bounces_of(project))

    def prepare(claim: Claim) -> tuple[Envelope, Message]:
        paper = letterhead(claim.delivery)
        return address_envelope(claim, paper), compose_message(edition(claim.delivery, claim.language), claim, paper)

    return prepare


def bounces_of(project: Project) -> str:
    """The mailbox that return paths are made of."""
    domain = project.identity.from_address.rpartition("@")[2]
    return project.config.bounces.address or f"bounces@{domain}"
