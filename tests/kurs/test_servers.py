"""Several servers of one database: every connect asks each of them once, whatever others do."""

import asyncio
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest

from kurs.data import postgresql
from kurs.data.address import read_address
from kurs.data.limits import Limits


async def test_connects_at_the_same_time_may_find_different_servers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, waits, silent = list[str](), asyncio.Event(), asyncio.Event()

    async def connect(server: str, **_: Any) -> Any:
        asked.append(server)
        if "@a" in server:
            raise ConnectionRefusedError("a is gone")
        if len(asked) == 2:
            waits.set()
            await silent.wait()
            raise TimeoutError("b was silent")
        return SimpleNamespace(_transport=SimpleNamespace(get_extra_info=lambda _: None))

    monkeypatch.setattr(asyncpg, "connect", connect)
    monkeypatch.setattr(postgresql, "end_with_dead_peer", lambda _: None)
    made: dict[str, Any] = {}
    monkeypatch.setattr(
        postgresql,
        "create_async_engine",
        lambda _, **kwargs: made.update(kwargs) or SimpleNamespace(sync_engine=None),
    )
    monkeypatch.setattr(postgresql.event, "listen", lambda *_: None)
    postgresql.postgresql_engine(read_address("postgresql://u@a,b/w"), Limits())

    first = asyncio.create_task(made["async_creator"]())
    await waits.wait()
    # This one finds b good, so that b stands first from now on.
    await made["async_creator"]()
    silent.set()
    with pytest.raises(TimeoutError, match="b was silent"):
        await first
