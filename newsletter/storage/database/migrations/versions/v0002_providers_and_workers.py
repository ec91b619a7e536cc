"""Providers of recipients, permits by worker, room for more than 2^31 rows, and plainer names."""

import sqlalchemy as sa
from alembic import op

# Not a copy of it: rows of an earlier version get the provider that new rows of their domain get.
from newsletter.delivery.ledger.providers import PROVIDER_OF

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROOMIER = {
    "deliveries": ("last_subscriber_id", "frozen_to"),
    "events": ("id", "subscriber_id"),
    "recipients": ("subscriber_id",),
    "subscribers": ("id",),
    "subscriptions": ("subscriber_id",),
}
"""Columns of numbers, which on SQLite have room already."""


def upgrade() -> None:
    """Rename, then add, then fill."""
    is_server = op.get_context().dialect.name == "postgresql"
    _replace_small_tables()
    # Tables that others refer to are altered in place: SQLite would copy them, and drop what refers to them.
    op.execute("ALTER TABLE deliveries RENAME COLUMN high_water TO last_subscriber_id")
    op.execute("ALTER TABLE deliveries RENAME COLUMN left_out TO not_eligible")
    op.add_column(
        "deliveries",
        sa.Column(
            "forced", sa.Boolean(), server_default=sa.false(), nullable=False, comment="sender may be unfinished"
        ),
    )
    op.add_column(
        "deliveries",
        sa.Column(
            "resumed_after", sa.Text(), server_default="", nullable=False, comment="reasons of its halts, one a line"
        ),
    )
    op.add_column(
        "lists",
        sa.Column("newsletter", sa.Text(), server_default="", nullable=False, comment="empty: the project's own"),
    )
    op.add_column(
        "recipients",
        sa.Column(
            "provider", sa.String(length=32), server_default="other", nullable=False, comment="of the address's domain"
        ),
    )
    _fill_providers("split_part(address, '@', 2)" if is_server else "substr(address, instr(address, '@') + 1)")
    if is_server:
        _make_room()


def _replace_small_tables() -> None:
    op.create_table(
        "properties",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_properties")),
        comment="What the database knows of itself, such as the fingerprint of the key its address hashes were made with",
    )
    op.execute("INSERT INTO properties (name, value) SELECT name, value FROM facts")
    op.drop_table("facts")
    op.execute("ALTER TABLE workers RENAME COLUMN entered_at TO registered_at")
    op.add_column(
        "workers",
        sa.Column("permits", sa.BigInteger(), server_default="0", nullable=False, comment="how many it was granted"),
    )


def _fill_providers(domain: str) -> None:
    known = " ".join(f"WHEN '{name}' THEN '{provider}'" for name, provider in PROVIDER_OF.items())
    chosen = ", ".join(f"'{name}'" for name in PROVIDER_OF)
    op.execute(
        f"UPDATE recipients SET provider = CASE lower({domain}) {known} END "
        f"WHERE lower({domain}) IN ({chosen})"
    )


def _make_room() -> None:
    op.alter_column("deliveries", "last_subscriber_id", comment="the greatest that belongs to the audience")
    for table, columns in ROOMIER.items():
        op.execute(f"ALTER TABLE {table} " + ", ".join(f"ALTER COLUMN {name} TYPE bigint" for name in columns))
    for table in ("events", "subscribers"):
        op.execute(f"ALTER SEQUENCE {table}_id_seq AS bigint")
