"""A delivered issue in a real database, and a browser without a memory in front of the public pages."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from newsletter.app.project import shipped_templates
from newsletter.audience.consent import Consent
from newsletter.compiler.edition import Asset, Edition, Identity, Slot, SlotKind
from newsletter.compiler.theme import Theme
from newsletter.expression import parse_field
from newsletter.storage.database import tables
from newsletter.storage.database.database import Database
from newsletter.storage.journal.journal import Journal
from newsletter.storage.ledger.deliveries import Deliveries, NewDelivery
from newsletter.tokens import Key, Purpose, Signer
from newsletter.web.public import Site, page_theme, public_app

START = datetime(2024, 1, 25, 8, 0, tzinfo=UTC)
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC")
ASSET = Asset("0123456789abcdef0123456789abcdef.png", "image/png", PIXEL)
URL = "https://news.example.org/letters"


def theme_of(*folders: Path) -> Theme:
    """The theme of the pages of a project with these template folders."""
    theme = page_theme(
        [*folders, shipped_templates()], root=folders[0].parent if folders else shipped_templates()
    ).theme
    assert theme is not None
    return theme


def edition(language: str = "en") -> Edition:
    """A small edition with a personal greeting and both personal links."""
    slots = (
        Slot("q0name", parse_field('subscriber.name | default("dear reader")'), SlotKind.TEXT),
        Slot("q0leave", parse_field("link.unsubscribe"), SlotKind.URL),
        Slot("q0view", parse_field("link.view"), SlotKind.URL),
        Slot("q0town", parse_field("subscriber.town"), SlotKind.URL_PART),
    )
    html = (
        f'<!doctype html><html lang="{language}"><head><style>p{{color:#123456}}</style></head><body>'
        f'<p>Hello q0name</p><img alt="" src="{URL}/assets/{ASSET.name}"><a href="https://example.org/?t=q0town">go</a>'
        '<a href="q0view">view</a><a href="q0leave">leave</a></body></html>'
    )
    return Edition(
        issue="2024-01-25", language=language, direction="ltr", title="Frontiers", subject="For q0name", preheader="",
        html=html, text="Hello q0name", mjml="<mjml></mjml>", slots=slots, links=(), assets=(ASSET,),
        identity=Identity("The Weekly", "The Weekly", "news@example.org"), hash="0" * 64,
    )  # fmt: skip


@dataclass
class Clock:
    """A clock that moves on by a second whenever it is asked."""

    now: datetime = START

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@dataclass
class World:
    """One delivery of two lists (and a third that is none of its) to people who are put in by `add`."""

    database: Database
    signer: Signer
    clock: Clock
    journal: Journal
    client: TestClient = field(init=False)
    delivery: str = "delivery1"

    def __post_init__(self) -> None:
        with self.database.write() as connection:
            connection.execute(
                sa.insert(tables.lists),
                [
                    {"id": number, "slug": slug, "name": name, "opt_in": "single", "created_at": START}
                    for number, slug, name in [
                        (1, "weekly", "Weekly <i>digest</i>"),
                        (2, "events", "活动"),
                        (3, "jobs", "Jobs"),
                    ]
                ],
            )
        order = NewDelivery(
            id=self.delivery, issue="2024-01-25", hash="0" * 64, lists=("weekly", "events"),
            editions=(edition("en"), edition("zh")),
        )  # fmt: skip
        Deliveries(self.database).create(order, START)
        self.open_pages(theme_of())

    def wear(self, folder: Path, written: str) -> None:
        """Open the pages again, with this in the project's `themes/default.yaml`."""
        (folder / "templates" / "themes").mkdir(parents=True)
        (folder / "templates" / "themes" / "default.yaml").write_text(written, encoding="utf-8")
        self.client.close()
        self.open_pages(theme_of(folder / "templates"))

    def open_pages(self, theme: Theme) -> None:
        """Put a browser in front of the pages in this theme."""
        site = Site(
            "The <b>Weekly</b>",
            theme,
            "en",
            contact="editor@example.org",
            contact_url="mailto:editor@example.org",
            imprint="https://example.org/imprint",
            description="A letter about <b>kettles</b>.",
            legal_name="Weekly & Sons",
            postal_address="1 Example Street",
        )
        self.client = TestClient(
            public_app(
                self.database, self.journal, signer=lambda: self.signer, site=site, public_url=URL, clock=self.clock
            ),
            follow_redirects=False,
            raise_server_exceptions=False,
        )

    def add(
        self, number: int, consents: dict[int, Consent], *, address: str = "", language: str = "en", name: str = ""
    ) -> str:
        """Put in a person, their subscriptions and their recipient row; the recipient's id."""
        recipient = "abcdefghijklmnopqrstuvwx" + "abcdefghij"[number] + "2"
        address_hash = f"{number:026d}"
        led_here = [list_id for list_id in (1, 2) if list_id in consents]
        with self.database.write() as connection:
            connection.execute(
                sa.insert(tables.subscribers).values(
                    id=number, address=address, address_hash=address_hash, name=name, language=language, attributes={},
                    created_at=START, updated_at=START,
                )
            )  # fmt: skip
            for list_id, consent in consents.items():
                connection.execute(
                    sa.insert(tables.subscriptions).values(
                        subscriber_id=number, list_id=list_id, consent=consent.value, changed_at=START, how="import",
                        basis="signed up on paper",
                    )
                )  # fmt: skip
            connection.execute(
                sa.insert(tables.recipients).values(
                    id=recipient, delivery_id=self.delivery, issue="2024-01-25", again=False, subscriber_id=number,
                    address=address, address_hash=address_hash, list_ids=led_here, language=language,
                    values={"name": name, "town": "secret town"}, state="accepted", eligible_at=START, next_at=START,
                )
            )  # fmt: skip
        return recipient

    def token(self, purpose: Purpose, payload: str) -> str:
        return self.signer.sign(purpose, payload)

    def consents(self, number: int) -> dict[int, str]:
        """List id → consent, as it stands in the database."""
        query = sa.select(tables.subscriptions).where(tables.subscriptions.c.subscriber_id == number)
        with self.database.read() as connection:
            return {row.list_id: row.consent for row in connection.execute(query)}

    def everything(self) -> list[object]:
        """All rows that a reader's links could possibly change."""
        with self.database.read() as connection:
            kept = (tables.subscriptions, tables.events, tables.subscribers, tables.suppressions, tables.recipients)
            return [
                tuple(row)
                for table in kept
                for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns))
            ]

    def events(self) -> list[sa.Row[tuple[object, ...]]]:
        with self.database.read() as connection:
            return list(connection.execute(sa.select(tables.events).order_by(tables.events.c.id)))


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """The same on SQLite and on PostgreSQL."""
    with Journal(tmp_path, database) as journal:
        made = World(database, Signer([Key("ab", b"k" * 32)]), Clock(), journal)
        yield made
        made.client.close()


@pytest.fixture
def reader(world: World) -> str:
    """A person subscribed to all three lists, got the mail through the first two; their recipient id."""
    return world.add(
        1,
        {1: Consent.CONFIRMED, 2: Consent.PENDING, 3: Consent.CONFIRMED},
        address="ana@example.org",
        name="Ana <script>alert(1)</script>",
    )
