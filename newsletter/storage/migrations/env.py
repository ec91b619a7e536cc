"""Alembic's environment: runs the steps on the connection and inside the transaction that `storage.migrate` opened."""

from alembic import context

from newsletter.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=context.config.attributes["version_table"],
    render_as_batch=True,  # SQLite changes a table by copying it
)
context.run_migrations()
