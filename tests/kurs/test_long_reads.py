"""Long reads take a few connections at once and leave the others to what is short."""

import asyncio
import threading
from pathlib import Path

import pytest

from kurs.data.database import Database
from kurs.data.long_reads import LongReads
from kurs.kernel.errors import Overloaded


async def test_more_are_refused_or_wait_while_others_are_served(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path}/some.db")
    long_reads = LongReads(database, wait_seconds=0.01)
    begun, goes = threading.Event(), threading.Event()

    def long(_: object) -> str:
        begun.set()
        return "long" if goes.wait(30) else "late"

    first = asyncio.create_task(long_reads.begin(long))
    await asyncio.to_thread(begun.wait, 30)
    with pytest.raises(Overloaded) as refused:
        await long_reads.begin(lambda _: "refused")
    assert refused.value.headers["Retry-After"]
    further = asyncio.create_task(long_reads.go_on(lambda _: "further"))
    assert await database.read(lambda _: "short") == "short"
    assert not further.done()

    goes.set()
    assert [await first, await further] == ["long", "further"]
    assert await long_reads.begin(lambda _: "again") == "again"
    await database.close()
