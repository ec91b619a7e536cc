"""Several limits in `[sending] rate`: what was taken is counted for each unit."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace the table; no earlier release has it."""
    op.drop_table("budget")
    op.create_table(
        "budget",
        sa.Column("unit", sa.String(length=8), nullable=False, comment="of the limit: second, minute, hour, day"),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False, comment="of a bucket of time"),
        sa.Column("taken", sa.Integer(), nullable=False, comment="messages that workers may begin in it"),
        sa.PrimaryKeyConstraint("unit", "ends_at", name=op.f("pk_budget")),
        comment="what was handed out of [sending] rate, in slices",
    )
