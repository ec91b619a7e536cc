"""The segment that narrows a delivery, and how many recipients it had when it was confirmed."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column(
        "deliveries",
        sa.Column("segment", sa.Text(), server_default="", nullable=False, comment="an expression; empty: everybody"),
    )
    op.add_column(
        "deliveries", sa.Column("expected", sa.Integer(), comment="recipients when it was confirmed, for a segment")
    )
