"""The wallet's own role on PostgreSQL can do the wallet's work, and rewrite nothing.

All tests of this folder run under it; these try what it must not be able to do.
"""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.wallet.harness import wallet_app

from kurs.data.database import Database

pytestmark = pytest.mark.postgres

REWRITES = [
    "DROP TRIGGER transfers_append_only ON transfers",
    "ALTER TABLE postings DISABLE TRIGGER ALL",
    "ALTER TABLE postings DISABLE TRIGGER postings_append_only",
    "SET session_replication_role = replica",
    "UPDATE postings SET amount = amount * 10",
    "UPDATE transfers SET content = '{}'",
    "UPDATE links SET entries = '[]'",
    "UPDATE balances SET overdraft = 1000000",
    "UPDATE balances SET account_id = 'bob'",
    "UPDATE holds SET amount = 1",
    "UPDATE chains SET genesis = ''",
    "UPDATE accounts SET merchant = 'mine'",
    "DELETE FROM postings",
    "DELETE FROM postings_to_20000000",
    "UPDATE postings_to_20000000 SET amount = 1",
    "SELECT amount FROM postings_to_20000000",
    "INSERT INTO archives VALUES (1, 'a', 1, 1, '', '', 1, 1)",
    "INSERT INTO archived_sums VALUES ('demo/bob', 'USD', 1, -1, 1)",
    "INSERT INTO archived_late VALUES (1, 't', 'demo/bob', 'USD', 1, 1)",
    "DELETE FROM archives",
    "ALTER TABLE postings DETACH PARTITION postings_to_20000000",
    "CREATE TABLE mine PARTITION OF postings FOR VALUES FROM (90000000) TO (100000000)",
    "CREATE OR REPLACE FUNCTION extend_postings() RETURNS void LANGUAGE sql AS ''",
    "DELETE FROM transfers",
    "DELETE FROM links",
    "DELETE FROM chains",
    "DELETE FROM balances",
    "DELETE FROM holds",
    "DELETE FROM accounts",
    "TRUNCATE postings",
    "TRUNCATE transfers, postings, links",
    "ALTER TABLE balances DROP CONSTRAINT balances_limit",
    "ALTER TABLE postings ADD COLUMN mine text",
    "ALTER TABLE postings OWNER TO wallet_service",
    "DROP TABLE postings",
    "DROP FUNCTION refuse_change_of_postings CASCADE",
    "ALTER FUNCTION refuse_change_of_postings() RENAME TO mine",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TABLE mine (a int)",
    "CREATE TEMPORARY TABLE mine (a int)",
    "CREATE SCHEMA mine",
    "CREATE RULE mine AS ON INSERT TO postings DO INSTEAD NOTHING",
    "CREATE TRIGGER mine BEFORE INSERT ON postings EXECUTE FUNCTION refuse_change_of_postings()",
    "UPDATE alembic_version SET version_num = '0001'",
    "UPDATE alembic_version_wallet SET version_num = '0001'",
    "SELECT setval(pg_get_serial_sequence('postings', 'entry_id'), 1)",
    "CREATE ROLE mine SUPERUSER",
    "SET ROLE postgres",
    "GRANT postgres TO wallet_service",
    "COPY postings TO PROGRAM 'true'",
    "ALTER DATABASE wallet_tests OWNER TO wallet_service",
]


@pytest.fixture
async def database(postgres_ledger: str) -> Database:
    async with wallet_app(postgres_ledger) as wallet:
        await wallet.open("alice", "bob")
        await wallet.deposit("alice", "1.00")
    return Database.open(postgres_ledger)


@pytest.mark.parametrize("statement", REWRITES)
async def test_it_cannot_rewrite_the_ledger(database: Database, statement: str) -> None:
    try:
        with pytest.raises(DBAPIError) as refused:
            await database.write(lambda c: c.execute(text(statement)))
    finally:
        await database.close()
    assert getattr(refused.value.orig, "sqlstate", "") == "42501", refused.value
