"""The alembic environment that all services share."""
