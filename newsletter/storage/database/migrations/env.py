"""Alembic's environment: runs the steps on the connection and in the transaction that `database/migrate.py` opened."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from newsletter.storage.database.tables import Instant, metadata


def written(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Our own type as the one it stands for: a step must not change when `tables.py` does. False: as usual."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, Instant) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=context.config.attributes["version_table"],
    render_item=written,
    render_as_batch=True,  # SQLite changes a table by copying it
)
context.run_migrations()
