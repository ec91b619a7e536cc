"""Pauses that a relay or a provider asked for, and halted shares."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "pauses",
        sa.Column("delivery", sa.String(length=32), nullable=False, comment="empty: all"),
        sa.Column("share", sa.String(length=256), nullable=False, comment="a provider or @domain; empty: the relay"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), comment="null: until an operator resumes the delivery"),
        sa.Column("times", sa.Integer(), nullable=False, comment="in a row; kept after its end until it is proved over"),
        sa.PrimaryKeyConstraint("delivery", "share", name=op.f("pk_pauses")),
        comment="shares of what is sent that wait because the relay said so",
    )
