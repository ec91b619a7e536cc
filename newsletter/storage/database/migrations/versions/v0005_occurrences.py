"""Recurring schedules: each time that came, and what became of it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "occurrences",
        sa.Column("schedule", sa.Text(), nullable=False, comment="its time, zone and lists, in words"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False, comment="begun: nothing from before this is due"),
        sa.Column("delivery_id", sa.String(length=32), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_occurrences_delivery_id")
        ),
        sa.PrimaryKeyConstraint("schedule", "at", name=op.f("pk_occurrences")),
        comment="each time of a schedule that came, once, and what became of it",
    )
