"""What a service's own role may do with the tables that its migrations own, on PostgreSQL.

The role that migrates owns the tables. The service's role is another one, which is told here for
each table what it may do, and nothing else: so that its password changes neither the schema nor a
trigger, nor what is history. SQLite has no roles.
"""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from kurs.data.versions import BEFORE, created_tables, version_table
from kurs.kernel.settings import CannotRun

Grants = Mapping[str, str]
"""Privileges by table, such as `SELECT, INSERT, UPDATE (posted, held)`."""

_TOO_MIGHTY = text("""
    SELECT CASE
        WHEN r.rolsuper THEN 'is a superuser'
        WHEN pg_has_role(r.oid, current_user, 'MEMBER') THEN 'is or acts for the role that migrates'
        WHEN d.datdba = r.oid THEN 'owns the database'
        WHEN EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = current_schema() AND c.relowner = r.oid) THEN 'owns tables'
        ELSE '' END
    FROM pg_roles r CROSS JOIN pg_database d
    WHERE r.rolname = :role AND d.datname = current_database()
""")


class RoleUnfit(CannotRun):
    """The service's role is not there, or can do more than a service may."""


def grant(connection: Connection, role: str, grants: Grants, versions: Path) -> None:
    """Let `role` do with the tables that `versions` create what `grants` say, and nothing else.

    Tables of other services, which may be in the same database, are left as they are.
    Raises RoleUnfit when it could change the schema all the same.
    """
    why = connection.execute(_TOO_MIGHTY, {"role": role}).scalar()
    if why is None:
        raise RoleUnfit(f"there is no role {role}: CREATE ROLE {role} LOGIN PASSWORD '…'")
    if why:
        raise RoleUnfit(
            f"the service's role {role} {why}, so it can change the schema: "
            "docs/operations.md, Two roles for a database, says how to part them"
        )
    quote = connection.dialect.identifier_preparer.quote
    name, database = quote(role), quote(str(connection.execute(_DATABASE).scalar_one()))
    tables = inspect(connection).get_table_names()
    own = sorted(created_tables(versions).union(grants, _versions(versions)) & set(tables))
    for statement in (
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC",
        f"REVOKE ALL ON {', '.join(own)} FROM {name}",
        f"GRANT CONNECT ON DATABASE {database} TO {name}",
        f"GRANT USAGE ON SCHEMA public TO {name}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}",
        *(
            f"GRANT {privileges} ON {table} TO {name}"
            for table, privileges in {**_versions(versions), **grants}.items()
        ),
    ):
        connection.exec_driver_sql(statement)


def _versions(versions: Path) -> Grants:
    return {version_table(versions): "SELECT", BEFORE: "SELECT"}


_DATABASE = text("SELECT current_database()")
