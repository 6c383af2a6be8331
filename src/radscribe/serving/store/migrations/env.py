"""Alembic's entry: migrates over the connection that `store.database.migrate` hands it."""

from alembic import context

from radscribe.serving.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
