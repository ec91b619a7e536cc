"""Bounces and complaints."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "returned",
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of the email that came back"),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="hard, soft, ours or complaint"),
        sa.Column("about", sa.String(length=32), nullable=False, comment="a classification, or the kind of a complaint"),
        sa.Column("reply", sa.Text(), nullable=False, comment="what the refusing server said; empty once erased"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="when it was read"),
        sa.Column("recipient_id", sa.String(length=26), nullable=False, comment="or the id of a notice"),
        sa.Column("delivery_id", sa.String(length=32), nullable=False, comment="empty: of a notice"),
        sa.Column("address_hash", sa.String(length=26), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_returned")),
        comment="bounces and complaints about messages that had left",
    )
    op.create_index(op.f("ix_returned_delivery_id_kind"), "returned", ["delivery_id", "kind"])
    op.create_index(op.f("ix_returned_address_hash"), "returned", ["address_hash"])
    op.create_index(op.f("ix_returned_at"), "returned", ["at"])
