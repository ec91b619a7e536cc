"""Public lists, sign-ups with their proof, and notices."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the column and the tables."""
    op.add_column(
        "lists",
        sa.Column(
            "public", sa.Boolean(), server_default=sa.false(), nullable=False, comment="archived, open to sign-ups"
        ),
    )
    op.create_table(
        "signups",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False, comment="requested, asked or confirmed"),
        sa.Column("address", sa.Text(), nullable=False, comment="empty once erased"),
        sa.Column("address_hash", sa.String(length=26), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("list_ids", sa.JSON(), nullable=False),
        sa.Column("words", sa.String(length=26), nullable=False, comment="hash of the words that the form showed"),
        sa.Column(
            "network", sa.Text(), server_default="", nullable=False, comment="only where the configuration keeps it"
        ),
        sa.Column("requested_at", _INSTANT, nullable=False),
        sa.Column("asked_at", _INSTANT, comment="when the confirmation was asked for"),
        sa.Column("confirmed_at", _INSTANT),
        sa.Column(
            "confirmed_words",
            sa.String(length=26),
            server_default="",
            nullable=False,
            comment="of the button's page",
        ),
        sa.Column("erased_at", _INSTANT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signups")),
        comment="what was asked for by a form: the proof of a consent",
    )
    op.create_index(op.f("ix_signups_state_requested_at"), "signups", ["state", "requested_at"])
    op.create_index(op.f("ix_signups_address_hash"), "signups", ["address_hash"])
    op.create_table(
        "shown_words",
        sa.Column("hash", sa.String(length=26), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("since", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_shown_words")),
        comment="the words of forms and buttons by which subscribers consented",
    )
    op.create_table(
        "tallies",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("since", _INSTANT, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_tallies")),
        comment="how often something was done by whom: only keyed hashes",
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("signup_id", sa.String(length=26), server_default="", nullable=False),
        sa.Column("subscriber_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite")),
        sa.Column("address", sa.Text(), nullable=False, comment="empty once settled or erased"),
        sa.Column("address_hash", sa.String(length=26), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("list_ids", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False, comment="waiting, sending, accepted or rejected"),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("next_at", _INSTANT, nullable=False, comment="when it may be claimed (again)"),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("message_id", sa.Text(), server_default="", nullable=False),
        sa.Column("reply", sa.Text(), server_default="", nullable=False),
        sa.Column("settled_at", _INSTANT),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscribers.id"], name=op.f("fk_notices_subscriber_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        comment="emails to one person, written in the transaction that causes them",
    )
    op.create_index(op.f("ix_notices_state_next_at"), "notices", ["state", "next_at"])
    op.create_index(op.f("ix_notices_address_hash"), "notices", ["address_hash"])
