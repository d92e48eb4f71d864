"""What Alembic runs: the steps, on the connection that `drift.monitor.store.opening` gives."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, render_as_batch=True)
context.run_migrations()
