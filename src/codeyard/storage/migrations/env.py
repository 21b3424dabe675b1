"""Alembic's entry: runs on the connection that `upgrade` hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from codeyard.storage.schema import schema


def run() -> None:
    """Run the migrations on the given connection."""
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection, target_metadata=schema, render_as_batch=True, compare_type=True, transactional_ddl=False
    )
    context.run_migrations()


run()
