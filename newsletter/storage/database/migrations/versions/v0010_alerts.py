"""Alerts: what an operator is to be told, once."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "alerts",
        sa.Column("key", sa.Text(), nullable=False, comment="the same for as long as its cause lasts"),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("delivery", sa.String(length=32), server_default="", nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True, comment="null: told, or given up"),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False, comment="the ways by which it was told"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_alerts")),
        comment="what an operator is told, once, for as long as its cause lasts",
    )
