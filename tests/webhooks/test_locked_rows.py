"""A destination whose row somebody keeps locked holds up no other."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.util import await_only

from kurs.data.database import Database
from kurs.data.migrations import migrate
from webhooks.domain.version import Version
from webhooks.migrations import VERSIONS
from webhooks.store import intake, leases

pytestmark = pytest.mark.postgres
NAMES = ("locked", "orders")
LOCK = text("SELECT FROM destinations WHERE name = 'locked' FOR UPDATE")


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    await asyncio.to_thread(migrate, postgres_url, VERSIONS)
    opened = Database.open(postgres_url)
    versions = dict.fromkeys(NAMES, Version("f", "shop"))
    await opened.write(partial(intake.register, versions=versions, now=1))
    yield opened
    await opened.close()


async def test_leases_of_the_others_are_kept(database: Database) -> None:
    async def share(now: int) -> dict[str, int]:
        work = partial(leases.share, owner="me", names=NAMES, now=now, until=now + 10)
        return dict((await database.write(work)).until)

    assert await share(5) == {"locked": 15, "orders": 15}
    locked, over = asyncio.Event(), asyncio.Event()

    def keep_locked(connection: Connection) -> None:
        connection.execute(LOCK)
        locked.set()
        await_only(over.wait())

    keeping = asyncio.create_task(database.write(keep_locked, seconds=600))
    await locked.wait()
    # What is under way there goes on as long as the lease that it has.
    assert await share(14) == {"locked": 15, "orders": 24}
    assert await share(16) == {"orders": 26}
    over.set()
    await keeping
    assert await share(17) == {"locked": 27, "orders": 27}
