"""Attributes as binary JSON on PostgreSQL, where segments ask a million of them in a second."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_NO_CHARACTER = (
    r"((?<!\\)(?:\\\\)*)(?:\\u0000|\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]..)"
)
"""NUL and half characters, which binary JSON refuses; an escaped backslash before them makes them words."""


def upgrade() -> None:
    """Change the column's type; SQLite keeps JSON as text."""
    if op.get_bind().dialect.name == "postgresql":
        whole = f"regexp_replace(attributes::text, '{_NO_CHARACTER}', '\\1\\ufffd', 'g')"
        op.alter_column(
            "subscribers", "attributes", existing_type=sa.JSON(), existing_nullable=False,
            type_=postgresql.JSONB(), postgresql_using=f"{whole}::jsonb",
        )  # fmt: skip
