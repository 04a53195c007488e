"""What alembic runs: the migrations of the service, on the connection that it is given."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=None,
    version_table=context.config.attributes["version_table"],
    transactional_ddl=True,
)
context.run_migrations()
