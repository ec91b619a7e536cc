"""The ids of another tool's links, and nothing else of it."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "old_links",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column(
            "subscriber_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscribers.id"], name=op.f("fk_old_links_subscriber_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_old_links")),
        comment="by which the links of another tool name subscribers",
    )
    op.create_index(op.f("ix_old_links_subscriber_id"), "old_links", ["subscriber_id"])
