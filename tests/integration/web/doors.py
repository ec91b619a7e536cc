"""The readers' doors of a project: its pages, its worker, and a relay that keeps the messages."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from integration.web.conftest import START, Clock, theme_of
from starlette.testclient import TestClient

from newsletter.app.audience.lists import add_list
from newsletter.app.audience.signup import SignupRules
from newsletter.app.audience.subscribers import show_subscriber
from newsletter.app.project import Project
from newsletter.app.sending.notices import send_notices, signup_rules
from newsletter.audience.consent import Consent, OptIn
from newsletter.config import Config, DatabaseSection, NewsletterSection, PublicSection, SignupSection
from newsletter.delivery.compose.envelope import Envelope
from newsletter.delivery.compose.message import Message
from newsletter.delivery.ledger.outcome import Accepted, Outcome, Reply
from newsletter.delivery.transport import Permit
from newsletter.storage.database.database import Database
from newsletter.storage.journal.journal import Journal
from newsletter.web.public import Site, public_app

URL = "https://news.example.org/letters"
ANA = "ana@example.org"
OK = Accepted(Reply(250, "2.0.0", "ok"))


@dataclass
class Relay:
    """A relay that keeps the messages, and answers as it is told."""

    caught: list[tuple[str, EmailMessage]] = field(default_factory=list)
    answers: list[Outcome] = field(default_factory=list)

    async def send(self, envelope: Envelope, message: Message, permit: Permit) -> Outcome:
        assert await permit()
        parsed = message_from_bytes(message.data, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.caught.append((envelope.recipient, parsed))
        return self.answers.pop(0) if self.answers else OK

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class Doors:
    """A project's readers' pages, its worker and its relay."""

    project: Project
    database: Database
    journal: Journal
    clock: Clock = field(default_factory=Clock)
    relay: Relay = field(default_factory=Relay)
    rules: SignupRules = field(init=False)

    def __post_init__(self) -> None:
        self.rules = signup_rules(self.project)
        site = Site("The Weekly", theme_of(), "en", legal_name="Weekly & Sons", frequency="every Thursday",
                    privacy="https://example.org/privacy", description="A letter about kettles.")  # fmt: skip
        app = public_app(
            self.database, self.journal, signer=lambda: self.project.keys.signer, site=site, public_url=URL,
            clock=self.clock, signup=self.rules,
        )  # fmt: skip
        self.client = TestClient(app, follow_redirects=False, raise_server_exceptions=False)

    def form(self, path: str = "/subscribe/news", **headers: str) -> dict[str, str]:
        """The hidden fields of the form, which has waited long enough to be posted."""
        page = self.client.get(path, headers=headers).text
        self.clock.now += timedelta(seconds=5)
        return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))

    def sign_up(self, email: str, path: str = "/subscribe/news", **fields: str) -> Any:
        return self.client.post(path, data=self.form(path) | {"email": email} | fields)

    def work(self) -> list[tuple[str, EmailMessage]]:
        """Let the worker run once; what was sent."""
        before = len(self.relay.caught)
        asyncio.run(send_notices(self.project, self.database, self.journal, self.clock(), self.relay))
        return self.relay.caught[before:]

    def link_in(self, message: EmailMessage) -> str:
        """The path of the button."""
        text = message.get_body(("plain",))
        assert text is not None
        found = re.search(rf"→ .*\n +{re.escape(URL)}(/\S+)", text.get_content())
        assert found, text.get_content()
        return found[1]

    def press(self, path: str) -> Any:
        return self.client.post(path, data={"answer": "yes"})

    def consents(self, email: str = ANA) -> dict[str, Consent]:
        record = show_subscriber(self.project, self.database, email)
        return {one.list: one.consent for one in record.subscriptions}

    def rows(self, table: sa.Table) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(sa.select(table).order_by(*table.primary_key.columns)))


def open_doors(database: Database, database_url: str, tmp_path: Path) -> Iterator[Doors]:
    """A project with two public lists, one of them with double opt-in, and a private one."""
    newsletter = NewsletterSection.model_validate({"name": "The Weekly", "from": "The Weekly <news@example.org>"})
    config = Config(database=DatabaseSection(url=database_url), newsletter=newsletter, public=PublicSection(url=URL),
                    signup=SignupSection(keep_network=True))  # fmt: skip
    project = Project(folder=tmp_path, config=config)
    for slug, opt_in in (("news", OptIn.DOUBLE), ("weekly", OptIn.SINGLE), ("team", OptIn.SINGLE)):
        add_list(database, slug, name=slug.title(), opt_in=opt_in, language="", now=START, public=slug != "team")
    with project.journal(database) as journal:
        made = Doors(project, database, journal)
        yield made
        made.client.close()
