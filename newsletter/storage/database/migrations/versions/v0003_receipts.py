"""Receipts of the journal; permits are no longer counted."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; drop the counts."""
    op.create_table(
        "receipts",
        sa.Column("recipient_id", sa.String(length=26), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(length=32), nullable=False),
        sa.Column("issue", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.String(length=32), nullable=False),
        sa.Column("address_hash", sa.String(length=26), nullable=False),
        sa.Column("lists", sa.JSON(), nullable=False, comment="slugs: what a click in the message unsubscribes from"),
        sa.Column("outcome", sa.String(length=16), nullable=False, comment="empty: not known"),
        sa.PrimaryKeyConstraint("recipient_id", "epoch", "worker", name=op.f("pk_receipts")),
        comment="attempts that only the journal had when this database was put back",
    )
    op.create_index(op.f("ix_receipts_address_hash_issue"), "receipts", ["address_hash", "issue"])
    op.drop_column("workers", "permits")
    op.execute("DELETE FROM properties WHERE name IN ('permits', 'permits added')")
