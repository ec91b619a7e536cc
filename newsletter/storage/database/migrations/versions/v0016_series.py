"""The steps of running series, and when the series of a subscription began; for those there are, none does."""

import sqlalchemy as sa
from alembic import op

from newsletter.storage.database.tables import Instant

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column(
        "subscriptions",
        sa.Column("series_from", Instant(), comment="when its series began; null: none does, it was imported"),
    )
    op.create_index(op.f("ix_subscriptions_list_id_series_from"), "subscriptions", ["list_id", "series_from"])
    op.create_table(
        "series_steps",
        sa.Column("issue", sa.Text(), nullable=False, comment="the series and the name of the step: welcome/hello"),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("wait", sa.Integer(), nullable=False, comment="seconds from the confirmation to its moment"),
        sa.Column("since", Instant(), nullable=False, comment="whose moment came before this does not get it"),
        sa.Column("delivery_id", sa.String(32), nullable=False, comment="that takes on recipients"),
        sa.ForeignKeyConstraint(["list_id"], ["lists.id"], name=op.f("fk_series_steps_list_id")),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_series_steps_delivery_id")),
        sa.PrimaryKeyConstraint("issue", name=op.f("pk_series_steps")),
        comment="the steps of the series that are running",
    )
