"""Amendments to editions that were sent."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "amendments",
        sa.Column("issue", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("corrections", sa.JSON(), nullable=False, comment="the newest first: date and text"),
        sa.Column("links", sa.JSON(), nullable=False, comment="URL as sent → URL that the web page has instead"),
        sa.Column("amended_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("issue", "language", name=op.f("pk_amendments")),
        comment="what the web page of a sent edition shows otherwise",
    )
