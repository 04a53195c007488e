"""`migrate` lets the service's role do what its grants say, and refuses a role that can do more."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import Connection, inspect, make_url, text
from sqlalchemy.exc import DBAPIError

import payments.migrations
import payments.store.tables
import risk.migrations
import risk.store
import wallet.migrations
import wallet.store.tables
import webhooks.migrations
import webhooks.store.tables
from kurs.data.database import Database
from kurs.data.grants import Grants, RoleUnfit
from kurs.data.migrations import migrate
from kurs.data.versions import BEFORE, version_table

SERVICES = {
    "payments": (payments.migrations.VERSIONS, payments.migrations.GRANTS),
    "risk": (risk.migrations.VERSIONS, risk.migrations.GRANTS),
    "wallet": (wallet.migrations.VERSIONS, wallet.migrations.GRANTS),
}
HISTORY = {"payments": "payment_events", "risk": "decisions", "wallet": "postings"}
TABLES = {
    "payments": (payments.store.tables.metadata, payments.migrations.GRANTS),
    "risk": (risk.store.metadata, risk.migrations.GRANTS),
    "wallet": (wallet.store.tables.metadata, wallet.migrations.GRANTS),
    "webhooks": (webhooks.store.tables.metadata, webhooks.migrations.GRANTS),
}
Administer = Callable[[str], None]


@pytest.fixture
def administer(postgres_url: str) -> Administer:
    """Run a statement as the superuser, in the test's database."""
    url = make_url(postgres_url)

    def run(statement: str) -> None:
        async def go() -> None:
            connection = await asyncpg.connect(
                host=str(url.query["host"]), user="postgres", database=url.database
            )
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(go())

    return run


@pytest.fixture
def role(administer: Administer) -> Iterator[str]:
    """A role without any right."""
    name = f"r{uuid4().hex}"
    administer(f"CREATE ROLE {name} LOGIN")
    yield name
    administer(f"DROP OWNED BY {name}")
    administer(f"DROP ROLE {name}")


def as_role(url: str, role: str) -> str:
    return make_url(url).set(username=role).render_as_string(hide_password=False)


@pytest.mark.parametrize("service", TABLES)
def test_every_table_of_a_service_may_be_read_by_its_role(service: str) -> None:
    metadata, grants = TABLES[service]
    assert [name for name in metadata.tables if "SELECT" not in grants.get(name, "")] == []


@pytest.mark.postgres
@pytest.mark.parametrize("service", SERVICES)
def test_the_service_s_role_can_read_and_add_and_not_change_history(
    postgres_url: str, role: str, service: str
) -> None:
    versions, grants = SERVICES[service]
    migrate(postgres_url, versions, grants=grants, role=role)
    migrate(postgres_url, versions, grants=grants, role=role)

    def tables(connection: Connection) -> set[str]:
        parts = connection.execute(text("SELECT relname FROM pg_class WHERE relispartition"))
        return set(inspect(connection).get_table_names()) - set(parts.scalars())

    async def look() -> set[str]:
        database = Database.open(as_role(postgres_url, role))
        try:
            there = await database.read(tables)
            for table in there:
                await database.read(lambda c, t=table: c.execute(text(f"SELECT 1 FROM {t}")))
            for change in ("DELETE FROM {}", "TRUNCATE {}", "ALTER TABLE {} DISABLE TRIGGER ALL"):
                statement = text(change.format(HISTORY[service]))
                with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
                    await database.write(lambda c, s=statement: c.execute(s))
            return there
        finally:
            await database.close()

    assert asyncio.run(look()) == {*grants, BEFORE, version_table(versions)}


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("make", "why"),
    [
        ("ALTER ROLE {role} SUPERUSER", "is a superuser"),
        ("GRANT postgres TO {role}", "acts for the role that migrates"),
        ("ALTER DATABASE {database} OWNER TO {role}", "owns the database"),
        (
            "GRANT ALL ON SCHEMA public TO {role}; SET ROLE {role}; CREATE TABLE mine (a int)",
            "owns tables",
        ),
    ],
)
def test_a_role_that_can_do_more_is_refused(
    postgres_url: str, administer: Administer, role: str, make: str, why: str
) -> None:
    database = make_url(postgres_url).database
    administer(make.format(role=role, database=database))
    try:
        with pytest.raises(RoleUnfit, match=why):
            _migrate_risk(postgres_url, role)
    finally:
        administer(f"ALTER DATABASE {database} OWNER TO postgres; REVOKE postgres FROM {role}")


@pytest.mark.postgres
def test_a_role_that_is_not_there_is_named(postgres_url: str) -> None:
    with pytest.raises(RoleUnfit, match="there is no role nobody: CREATE ROLE nobody LOGIN"):
        _migrate_risk(postgres_url, "nobody")


def test_sqlite_has_no_roles(sqlite_url: str) -> None:
    _migrate_risk(sqlite_url, "nobody")


def _migrate_risk(url: str, role: str) -> None:
    versions: Path
    grants: Grants
    versions, grants = SERVICES["risk"]
    migrate(url, versions, grants=grants, role=role)
