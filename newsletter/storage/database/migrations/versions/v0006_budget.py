"""What workers took of `[sending] rate`."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "budget",
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False, comment="of a bucket of time"),
        sa.Column("taken", sa.Integer(), nullable=False, comment="messages that workers may begin in it"),
        sa.PrimaryKeyConstraint("ends_at", name=op.f("pk_budget")),
        comment="what was handed out of [sending] rate, in slices",
    )
