"""Readers may pause."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    until = sa.Column("paused_until", sa.DateTime(timezone=True), comment="no issues until then, as they asked")
    op.add_column("subscribers", until)
