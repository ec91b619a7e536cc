"""Everything that the first version keeps."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "assets",
        sa.Column("name", sa.String(length=64), nullable=False, comment="made of the content's hash"),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_assets")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("issue", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("scheduled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "high_water", sa.Integer(), nullable=True, comment="greatest subscriber id that belongs to the audience"
        ),
        sa.Column("frozen_to", sa.Integer(), server_default="0", nullable=False, comment="subscriber id frozen up to"),
        sa.Column("frozen_count", sa.Integer(), nullable=True, comment="null until the audience is complete"),
        sa.Column("frozen_digest", sa.String(length=64), server_default="", nullable=False),
        sa.Column("left_out", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index(op.f("ix_deliveries_state_scheduled_at"), "deliveries", ["state", "scheduled_at"])
    op.create_table(
        "facts",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_facts")),
        comment="What the database knows of itself, such as the fingerprint of the key its address hashes were made with",
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False, comment="fencing number; grows with every new holder"),
        sa.Column("lease_until", sa.Double(), nullable=False, comment="seconds on the database's lease clock"),
        sa.Column("boot", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "lists",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("opt_in", sa.String(length=16), nullable=False),
        sa.Column("language", sa.String(length=35), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lists")),
        sa.UniqueConstraint("slug", name=op.f("uq_lists_slug")),
    )
    op.create_table(
        "subscribers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False, comment="empty once erased"),
        sa.Column("address_hash", sa.String(length=26), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.String(length=35), server_default="", nullable=False),
        sa.Column("timezone", sa.String(length=64), server_default="", nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscribers")),
        sa.UniqueConstraint("address_hash", name=op.f("uq_subscribers_address_hash")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "suppressions",
        sa.Column("address_hash", sa.String(length=26), nullable=False),
        sa.Column("address", sa.Text(), nullable=False, comment="empty once erased"),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("address_hash", name=op.f("pk_suppressions")),
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("boot", sa.String(length=64), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.Double(), nullable=False, comment="seconds on the database's lease clock"),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    op.create_table(
        "delivery_lists",
        sa.Column("delivery_id", sa.String(length=32), nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_delivery_lists_delivery_id")),
        sa.ForeignKeyConstraint(["list_id"], ["lists.id"], name=op.f("fk_delivery_lists_list_id")),
        sa.PrimaryKeyConstraint("delivery_id", "list_id", name=op.f("pk_delivery_lists")),
    )
    op.create_table(
        "editions",
        sa.Column("delivery_id", sa.String(length=32), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, comment="0 is the issue's own language"),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False, comment="the Edition without its assets' bytes"),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_editions_delivery_id")),
        sa.PrimaryKeyConstraint("delivery_id", "language", name=op.f("pk_editions")),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key", sa.Text(), nullable=True, comment="the same thing told twice has the same key"),
        sa.Column("subscriber_id", sa.Integer(), nullable=True),
        sa.Column("recipient_id", sa.String(length=26), nullable=True),
        sa.Column("delivery_id", sa.String(length=32), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscribers.id"], name=op.f("fk_events_subscriber_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("key", name=op.f("uq_events_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_events_subscriber_id_at"), "events", ["subscriber_id", "at"])
    op.create_table(
        "recipients",
        sa.Column("id", sa.String(length=26), nullable=False, comment="derived from delivery and subscriber"),
        sa.Column("delivery_id", sa.String(length=32), nullable=False),
        sa.Column("issue", sa.Text(), nullable=False, comment="of the delivery: once per issue and address"),
        sa.Column("again", sa.Boolean(), nullable=False, comment="of the delivery: exempt from once per issue"),
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False, comment="as frozen; empty once erased"),
        sa.Column("address_hash", sa.String(length=26), nullable=False),
        sa.Column("list_ids", sa.JSON(), nullable=False, comment="the lists of the delivery that led to this person"),
        sa.Column("language", sa.String(length=35), nullable=False, comment="of the edition chosen"),
        sa.Column("values", sa.JSON(), nullable=False, comment="what merge fields may name, frozen"),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "in_doubt",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="an earlier try may have arrived",
        ),
        sa.Column("epoch", sa.Integer(), server_default="0", nullable=False),
        sa.Column("worker", sa.String(length=32), server_default="", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False, comment="those that counted"),
        sa.Column("eligible_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "dated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Date of the message, fixed at the first claim",
        ),
        sa.Column("message_id", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "sha256", sa.String(length=64), server_default="", nullable=False, comment="of the bytes last permitted"
        ),
        sa.Column("reply", sa.Text(), server_default="", nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_recipients_delivery_id")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscribers.id"], name=op.f("fk_recipients_subscriber_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipients")),
        sa.UniqueConstraint("delivery_id", "address_hash", name=op.f("uq_recipients_delivery_id_address_hash")),
    )
    op.create_index("ix_recipients_due", "recipients", ["delivery_id", "state", "next_at"])
    op.create_index("ix_recipients_address_issue", "recipients", ["address_hash", "issue"])
    op.create_index("ix_recipients_worker", "recipients", ["worker", "state"])
    op.create_index(
        "uq_recipients_once",
        "recipients",
        ["issue", "address_hash"],
        unique=True,
        sqlite_where=sa.text("again = 0 AND (state IN ('permitted', 'accepted', 'unknown') OR in_doubt = 1)"),
        postgresql_where=sa.text("again = false AND (state IN ('permitted', 'accepted', 'unknown') OR in_doubt)"),
    )
    op.create_table(
        "subscriptions",
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("consent", sa.String(length=16), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("how", sa.String(length=32), server_default="", nullable=False),
        sa.Column("basis", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["lists.id"], name=op.f("fk_subscriptions_list_id")),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscribers.id"], name=op.f("fk_subscriptions_subscriber_id")),
        sa.PrimaryKeyConstraint("subscriber_id", "list_id", name=op.f("pk_subscriptions")),
    )
    op.create_index(
        op.f("ix_subscriptions_list_id_consent_subscriber_id"), "subscriptions", ["list_id", "consent", "subscriber_id"]
    )
    op.create_table(
        "attempts",
        sa.Column("recipient_id", sa.String(length=26), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(length=32), nullable=False),
        sa.Column("permitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sha256", sa.String(length=64), server_default="", nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=16), server_default="", nullable=False, comment="empty: not known yet"),
        sa.Column("reply", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipients.id"], name=op.f("fk_attempts_recipient_id")),
        sa.PrimaryKeyConstraint("recipient_id", "epoch", name=op.f("pk_attempts")),
        comment="one try to hand over one recipient's message; written at permit or refusal, completed once",
    )
