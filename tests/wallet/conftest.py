"""A wallet app on both databases, and one on SQLite for what no database changes.

The schema is made once for each database; a test gets a copy of the SQLite file, or the emptied
PostgreSQL database.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from tests.wallet.archived import CutLedger, cut_ledger
from tests.wallet.harness import SERVICE_ROLE, WalletApp, broken_invariants, wallet_app

from kurs.data.migrations import migrate
from wallet.migrations import GRANTS, VERSIONS

# Only a session that plays a replica's part may empty append-only tables.
EMPTY = """
    SET session_replication_role = replica;
    TRUNCATE balances, transfers, postings, holds, links, payees, openings, checkpoints,
        archives, archived_sums, archived_late;
    TRUNCATE chains;
    INSERT INTO chains SELECT number, 0, 'genesis', 'genesis' FROM generate_series(0, 15) number;
    DELETE FROM accounts WHERE kind = 'customer';
"""


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wallet") / "migrated.db"
    migrate(f"sqlite:///{path}", VERSIONS)
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> Iterator[str]:
    _run_sql(postgres_server, "postgres", f"CREATE ROLE {SERVICE_ROLE} LOGIN")
    _run_sql(postgres_server, "postgres", "CREATE DATABASE wallet_tests")
    url = f"postgresql+asyncpg://postgres@/wallet_tests?host={postgres_server}"
    migrate(url, VERSIONS, grants=GRANTS, role=SERVICE_ROLE)
    yield url.replace("postgres@", f"{SERVICE_ROLE}@")
    _run_sql(postgres_server, "postgres", "DROP DATABASE wallet_tests WITH (FORCE)")
    _run_sql(postgres_server, "postgres", f"DROP ROLE {SERVICE_ROLE}")


@pytest.fixture
def sqlite_ledger(migrated_sqlite: Path, tmp_path: Path) -> str:
    """An empty ledger on SQLite."""
    path = tmp_path / "wallet.db"
    shutil.copy(migrated_sqlite, path)
    return f"sqlite:///{path}"


@pytest.fixture
async def ledger(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[CutLedger]:
    """A ledger on PostgreSQL whose postings are cut into small partitions."""
    async with cut_ledger(postgres_url, tmp_path / "archives", monkeypatch) as made:
        yield made


@pytest.fixture
async def old(ledger: CutLedger) -> CutLedger:
    """One whose first partition is full, settled, and two days old."""
    await ledger.fill_the_first()
    return ledger


@pytest.fixture
def postgres_ledger(migrated_postgres: str, postgres_server: str) -> str:
    """An empty ledger on PostgreSQL, for the wallet's own role."""
    _run_sql(postgres_server, "wallet_tests", EMPTY)
    return migrated_postgres


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """An empty ledger on each database."""
    name = "sqlite_ledger" if request.param == "sqlite" else "postgres_ledger"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
async def wallet(ledger_url: str) -> AsyncIterator[WalletApp]:
    """A wallet with alice and bob (merchant demo, 100.00 USD each) and carol (merchant shop)."""
    async with wallet_app(ledger_url) as app:
        await _furnish(app)
        yield app
    assert await broken_invariants(ledger_url) == []


@pytest.fixture
async def small_wallet(sqlite_ledger: str) -> AsyncIterator[WalletApp]:
    """The same on SQLite alone."""
    async with wallet_app(sqlite_ledger) as app:
        await _furnish(app)
        yield app
    assert await broken_invariants(sqlite_ledger) == []


async def _furnish(app: WalletApp) -> None:
    await app.open("alice", "bob")
    await app.open("carol", merchant="shop")
    await app.deposit("alice", "100.00")
    await app.deposit("bob", "100.00")


def _run_sql(socket: str, database: str, statements: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(host=socket, user="postgres", database=database)
        try:
            await connection.execute(statements)
        finally:
            await connection.close()

    asyncio.run(run())
