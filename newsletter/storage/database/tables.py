"""Every table, readable top to bottom. Migrations create them; the other rooms of storage read and write them.

Identifiers that a person sees are text and opaque. An address is kept in one column per table, which erasing empties;
the keyed hash beside it stays. Instants are UTC. The same definitions serve SQLite and PostgreSQL.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from newsletter.delivery.ledger.ledger import MAY_HAVE_ARRIVED
from newsletter.delivery.ledger.providers import OTHER

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(sa.TypeDecorator[datetime]):
    """An aware UTC datetime, on SQLite too, where the driver knows no zones."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Refuse naive instants; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Give back UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""A number given by the database where rows are many. Not BIGINT on SQLite: such a key loses AUTOINCREMENT."""


class Document(sa.TypeDecorator[Any]):
    """JSON that conditions look into. Binary on PostgreSQL: a text would be parsed for every row and question."""

    impl = sa.JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """JSONB on PostgreSQL."""
        if dialect.name != "postgresql":
            return dialect.type_descriptor(sa.JSON())
        from sqlalchemy.dialects.postgresql import JSONB  # a tenth of the start of a command that needs it not

        return dialect.type_descriptor(JSONB())


properties = sa.Table(
    "properties",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    comment="What the database knows of itself, such as the fingerprint of the key its address hashes were made with",
)

lists = sa.Table(
    "lists",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("slug", sa.String(64), nullable=False, unique=True),
    sa.Column("newsletter", sa.Text, nullable=False, server_default="", comment="empty: the project's own"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("opt_in", sa.String(16), nullable=False),
    sa.Column("language", sa.String(35), nullable=False, server_default=""),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("public", sa.Boolean, nullable=False, server_default=sa.false(), comment="archived, open to sign-ups"),
)

subscribers = sa.Table(
    "subscribers",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("address", sa.Text, nullable=False, comment="empty once erased"),
    sa.Column("address_hash", sa.String(26), nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False, server_default=""),
    sa.Column("language", sa.String(35), nullable=False, server_default=""),
    sa.Column("timezone", sa.String(64), nullable=False, server_default=""),
    sa.Column("attributes", Document, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("paused_until", Instant, comment="no issues until then, as they asked"),
    sqlite_autoincrement=True,  # an id is never used twice, not even after erasing the last row
)

subscriptions = sa.Table(
    "subscriptions",
    metadata,
    sa.Column("subscriber_id", sa.ForeignKey("subscribers.id"), primary_key=True),
    sa.Column("list_id", sa.ForeignKey("lists.id"), primary_key=True),
    sa.Column("consent", sa.String(16), nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("how", sa.String(32), nullable=False, server_default=""),
    sa.Column("basis", sa.Text, nullable=False, server_default=""),
    sa.Column("series_from", Instant, comment="when its series began; null: none does, it was imported"),
    sa.Index(None, "list_id", "consent", "subscriber_id"),
    sa.Index(None, "list_id", "series_from"),
)

suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("address_hash", sa.String(26), primary_key=True),
    sa.Column("address", sa.Text, nullable=False, comment="empty once erased"),
    sa.Column("reason", sa.String(16), nullable=False),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", Instant, nullable=False),
)

signups = sa.Table(
    "signups",
    metadata,
    sa.Column("id", sa.String(26), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False, comment="requested, asked or confirmed"),
    sa.Column("address", sa.Text, nullable=False, comment="empty once erased"),
    sa.Column("address_hash", sa.String(26), nullable=False),
    sa.Column("name", sa.Text, nullable=False, server_default=""),
    sa.Column("language", sa.String(35), nullable=False),
    sa.Column("list_ids", sa.JSON, nullable=False),
    sa.Column("words", sa.String(26), nullable=False, comment="hash of the words that the form showed"),
    sa.Column("network", sa.Text, nullable=False, server_default="", comment="only where the configuration keeps it"),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("asked_at", Instant, comment="when the confirmation was asked for"),
    sa.Column("confirmed_at", Instant),
    sa.Column("confirmed_words", sa.String(26), nullable=False, server_default="", comment="of the button's page"),
    sa.Column("erased_at", Instant),
    sa.Index(None, "state", "requested_at"),
    sa.Index(None, "address_hash"),
    comment="what was asked for by a form: the proof of a consent",
)

shown_words = sa.Table(
    "shown_words",
    metadata,
    sa.Column("hash", sa.String(26), primary_key=True),
    sa.Column("language", sa.String(35), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("since", Instant, nullable=False),
    comment="the words of forms and buttons by which subscribers consented",
)

tallies = sa.Table(
    "tallies",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("since", Instant, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    comment="how often something was done by whom: only keyed hashes",
)

notices = sa.Table(
    "notices",
    metadata,
    sa.Column("id", sa.String(26), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("signup_id", sa.String(26), nullable=False, server_default=""),
    sa.Column("subscriber_id", sa.ForeignKey("subscribers.id")),
    sa.Column("address", sa.Text, nullable=False, comment="empty once settled or erased"),
    sa.Column("address_hash", sa.String(26), nullable=False),
    sa.Column("language", sa.String(35), nullable=False),
    sa.Column("list_ids", sa.JSON, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, comment="waiting, sending, accepted or rejected"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("next_at", Instant, nullable=False, comment="when it may be claimed (again)"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("message_id", sa.Text, nullable=False, server_default=""),
    sa.Column("reply", sa.Text, nullable=False, server_default=""),
    sa.Column("settled_at", Instant),
    sa.Index(None, "state", "next_at"),
    sa.Index(None, "address_hash"),
    comment="emails to one person, written in the transaction that causes them",
)

old_links = sa.Table(
    "old_links",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("subscriber_id", sa.ForeignKey("subscribers.id"), nullable=False),
    sa.Index(None, "subscriber_id"),
    comment="by which the links of another tool name subscribers",
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("issue", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("again", sa.Boolean, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("scheduled_at", Instant),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("last_subscriber_id", Id, comment="the greatest that belongs to the audience"),
    sa.Column("frozen_to", Id, nullable=False, server_default="0", comment="subscriber id frozen up to"),
    sa.Column("frozen_count", sa.Integer, comment="null until the audience is complete"),
    sa.Column("frozen_digest", sa.String(64), nullable=False, server_default=""),
    sa.Column("not_eligible", sa.JSON, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("forced", sa.Boolean, nullable=False, server_default=sa.false(), comment="sender may be unfinished"),
    sa.Column("resumed_after", sa.Text, nullable=False, server_default="", comment="reasons of its halts, one a line"),
    sa.Column("segment", sa.Text, nullable=False, server_default="", comment="an expression; empty: everybody"),
    sa.Column("expected", sa.Integer, comment="recipients when it was confirmed, for a segment"),
    sa.Index(None, "state", "scheduled_at"),
)

delivery_lists = sa.Table(
    "delivery_lists",
    metadata,
    sa.Column("delivery_id", sa.ForeignKey("deliveries.id"), primary_key=True),
    sa.Column("list_id", sa.ForeignKey("lists.id"), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
)

assets = sa.Table(
    "assets",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True, comment="made of the content's hash"),
    sa.Column("media_type", sa.String(64), nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

editions = sa.Table(
    "editions",
    metadata,
    sa.Column("delivery_id", sa.ForeignKey("deliveries.id"), primary_key=True),
    sa.Column("language", sa.String(35), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False, comment="0 is the issue's own language"),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("body", sa.JSON, nullable=False, comment="the Edition without its assets' bytes"),
)

amendments = sa.Table(
    "amendments",
    metadata,
    sa.Column("issue", sa.Text, primary_key=True),
    sa.Column("language", sa.String(35), primary_key=True),
    sa.Column("corrections", sa.JSON, nullable=False, comment="the newest first: date and text"),
    sa.Column("links", sa.JSON, nullable=False, comment="URL as sent → URL that the web page has instead"),
    sa.Column("amended_at", Instant, nullable=False),
    comment="what the web page of a sent edition shows otherwise",
)

recipients = sa.Table(
    "recipients",
    metadata,
    sa.Column("id", sa.String(26), primary_key=True, comment="derived from delivery and subscriber"),
    sa.Column("delivery_id", sa.ForeignKey("deliveries.id"), nullable=False),
    sa.Column("issue", sa.Text, nullable=False, comment="of the delivery: once per issue and address"),
    sa.Column("again", sa.Boolean, nullable=False, comment="of the delivery: exempt from once per issue"),
    sa.Column("subscriber_id", sa.ForeignKey("subscribers.id"), nullable=False),
    sa.Column("address", sa.Text, nullable=False, comment="as frozen; empty once erased"),
    sa.Column("address_hash", sa.String(26), nullable=False),
    sa.Column("provider", sa.String(32), nullable=False, server_default=OTHER, comment="of the address's domain"),
    sa.Column("list_ids", sa.JSON, nullable=False, comment="the lists of the delivery that led to this person"),
    sa.Column("language", sa.String(35), nullable=False, comment="of the edition chosen"),
    sa.Column("values", sa.JSON, nullable=False, comment="what merge fields may name, frozen"),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column(
        "in_doubt", sa.Boolean, nullable=False, server_default=sa.false(), comment="an earlier try may have arrived"
    ),
    sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
    sa.Column("worker", sa.String(32), nullable=False, server_default=""),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0", comment="those that counted"),
    sa.Column("eligible_at", Instant, nullable=False),
    sa.Column("next_at", Instant, nullable=False),
    sa.Column("dated_at", Instant, comment="Date of the message, fixed at the first claim"),
    sa.Column("message_id", sa.Text, nullable=False, server_default=""),
    sa.Column("sha256", sa.String(64), nullable=False, server_default="", comment="of the bytes last permitted"),
    sa.Column("reply", sa.Text, nullable=False, server_default=""),
    sa.Column("settled_at", Instant),
    sa.UniqueConstraint("delivery_id", "address_hash"),
    # Do not add the provider: recipients due at the same instant, at first all of them, would go out sorted by it.
    sa.Index("ix_recipients_due", "delivery_id", "state", "next_at"),
    sa.Index("ix_recipients_worker", "worker", "state"),
    sa.Index("ix_recipients_address_issue", "address_hash", "issue"),
)

MAY_HAVE_REACHED = sa.or_(
    recipients.c.state.in_([state.value for state in MAY_HAVE_ARRIVED]), recipients.c.in_doubt == sa.true()
)
"""Of a recipient's row: a message of it may have reached its address."""

_ONCE = sa.and_(recipients.c.again == sa.false(), MAY_HAVE_REACHED)

sa.Index(
    "uq_recipients_once",
    recipients.c.issue,
    recipients.c.address_hash,
    unique=True,
    # The hard guarantee behind "once per issue and address": two deliveries cannot both hold a permit.
    sqlite_where=_ONCE,
    postgresql_where=_ONCE,
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("recipient_id", sa.ForeignKey("recipients.id"), primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True),
    sa.Column("worker", sa.String(32), nullable=False),
    sa.Column("permitted_at", Instant),
    sa.Column("sha256", sa.String(64), nullable=False, server_default=""),
    sa.Column("settled_at", Instant),
    sa.Column("outcome", sa.String(16), nullable=False, server_default="", comment="empty: not known yet"),
    sa.Column("reply", sa.Text, nullable=False, server_default=""),
    comment="one try to hand over one recipient's message; written at permit or refusal, completed once",
)

returned = sa.Table(
    "returned",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True, comment="SHA-256 of the email that came back"),
    sa.Column("kind", sa.String(16), nullable=False, comment="hard, soft, ours or complaint"),
    sa.Column("about", sa.String(32), nullable=False, comment="a classification, or the kind of a complaint"),
    sa.Column("reply", sa.Text, nullable=False, comment="what the refusing server said; empty once erased"),
    sa.Column("at", Instant, nullable=False, comment="when it was read"),
    sa.Column("recipient_id", sa.String(26), nullable=False, comment="or the id of a notice"),
    sa.Column("delivery_id", sa.String(32), nullable=False, comment="empty: of a notice"),
    sa.Column("address_hash", sa.String(26), nullable=False),
    sa.Index(None, "delivery_id", "kind"),
    sa.Index(None, "address_hash"),
    sa.Index(None, "at"),
    comment="bounces and complaints about messages that had left",
)

pauses = sa.Table(
    "pauses",
    metadata,
    sa.Column("delivery", sa.String(32), primary_key=True, comment="empty: all"),
    sa.Column("share", sa.String(256), primary_key=True, comment="a provider or @domain; empty: the relay"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", Instant, nullable=False),
    sa.Column("until", Instant, comment="null: until an operator resumes the delivery"),
    sa.Column("times", sa.Integer, nullable=False, comment="in a row; kept after its end until it is proved over"),
    comment="shares of what is sent that wait because the relay said so",
)

budget = sa.Table(
    "budget",
    metadata,
    sa.Column("unit", sa.String(8), primary_key=True, comment="of the limit: second, minute, hour, day"),
    sa.Column("ends_at", Instant, primary_key=True, comment="of a bucket of time"),
    sa.Column("taken", sa.Integer, nullable=False, comment="messages that workers may begin in it"),
    comment="what was handed out of [sending] rate, in slices",
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("boot", sa.String(64), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("lease_until", sa.Double, nullable=False, comment="seconds on the database's lease clock"),
    sa.Column("registered_at", Instant, nullable=False),
)

receipts = sa.Table(
    "receipts",
    metadata,
    sa.Column("recipient_id", sa.String(26), primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True),
    sa.Column("worker", sa.String(32), primary_key=True),
    sa.Column("issue", sa.Text, nullable=False),
    sa.Column("delivery_id", sa.String(32), nullable=False),
    sa.Column("address_hash", sa.String(26), nullable=False),
    sa.Column("lists", sa.JSON, nullable=False, comment="slugs: what a click in the message unsubscribes from"),
    sa.Column("outcome", sa.String(16), nullable=False, comment="empty: not known"),
    sa.Index(None, "address_hash", "issue"),
    comment="attempts that only the journal had when this database was put back",
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("holder", sa.String(64), nullable=False),
    sa.Column("token", sa.BigInteger, nullable=False, comment="fencing number; grows with every new holder"),
    sa.Column("lease_until", sa.Double, nullable=False, comment="seconds on the database's lease clock"),
    sa.Column("boot", sa.String(64), nullable=False),
)

occurrences = sa.Table(
    "occurrences",
    metadata,
    sa.Column("schedule", sa.Text, primary_key=True, comment="its time, zone and lists, in words"),
    sa.Column("at", Instant, primary_key=True),
    sa.Column("outcome", sa.String(16), nullable=False, comment="begun: nothing from before this is due"),
    sa.Column("delivery_id", sa.ForeignKey("deliveries.id")),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    comment="each time of a schedule that came, once, and what became of it",
)

series_steps = sa.Table(
    "series_steps",
    metadata,
    sa.Column("issue", sa.Text, primary_key=True, comment="the series and the name of the step: welcome/hello"),
    sa.Column("series", sa.Text, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("list_id", sa.ForeignKey("lists.id"), nullable=False),
    sa.Column("wait", sa.Integer, nullable=False, comment="seconds from the confirmation to its moment"),
    sa.Column("since", Instant, nullable=False, comment="whose moment came before this does not get it"),
    sa.Column("delivery_id", sa.ForeignKey("deliveries.id"), nullable=False, comment="that takes on recipients"),
    comment="the steps of the series that are running",
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("key", sa.Text, primary_key=True, comment="the same for as long as its cause lasts"),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("delivery", sa.String(32), nullable=False, server_default=""),
    sa.Column("since", Instant, nullable=False),
    sa.Column("due_at", Instant, comment="null: told, or given up"),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("told", sa.JSON, nullable=False, comment="the ways by which it was told"),
    comment="what an operator is told, once, for as long as its cause lasts",
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("key", sa.Text, unique=True, comment="the same thing told twice has the same key"),
    sa.Column("subscriber_id", sa.ForeignKey("subscribers.id")),
    sa.Column("recipient_id", sa.String(26)),
    sa.Column("delivery_id", sa.String(32)),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Index(None, "subscriber_id", "at"),
    sqlite_autoincrement=True,
)
