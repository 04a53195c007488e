"""Connections are made one at a time, to the server that has the database now."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest

from kurs.data import postgresql
from kurs.data.address import read_address
from kurs.data.limits import Limits

Connect = Callable[[], Any]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The servers that were asked, of which `gone` are not there; each takes its time."""
    asked: list[str] = []

    async def connect(server: str, **_: Any) -> Any:
        asked.append(server)
        at_once = len(asked)
        await asyncio.sleep(0.01)
        assert len(asked) == at_once, "another connection was begun meanwhile"
        if "gone" in server:
            raise ConnectionRefusedError(f"{len(asked)} refused")
        return SimpleNamespace(_transport=SimpleNamespace(get_extra_info=lambda _: None))

    monkeypatch.setattr(asyncpg, "connect", connect)
    monkeypatch.setattr(postgresql, "end_with_dead_peer", lambda _: None)
    return asked


@pytest.fixture
def connect_to(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Connect]:
    """Return what makes a connection of an engine's pool."""
    made: dict[str, Any] = {}
    monkeypatch.setattr(
        postgresql,
        "create_async_engine",
        lambda _, **kwargs: made.update(kwargs) or SimpleNamespace(sync_engine=None),
    )
    monkeypatch.setattr(postgresql.event, "listen", lambda *_: None)

    def connect_to(url: str) -> Connect:
        postgresql.postgresql_engine(read_address(url), Limits())
        return made["async_creator"]  # type: ignore[no-any-return]

    return connect_to


async def test_the_last_good_server_is_asked_first(
    asked: list[str], connect_to: Callable[[str], Connect]
) -> None:
    connect = connect_to("postgresql://u@gone,b/w")
    await asyncio.gather(*(connect() for _ in range(3)))
    assert ["gone" in server for server in asked] == [True, False, False, False]


async def test_what_cannot_be_made_is_told_to_all_that_wait(
    asked: list[str], connect_to: Callable[[str], Connect]
) -> None:
    connect = connect_to("postgresql://u@gone/w")

    results = await asyncio.gather(*(connect() for _ in range(8)), return_exceptions=True)

    assert {str(result) for result in results} == {"1 refused"}
    # Who comes later finds out anew.
    with pytest.raises(ConnectionRefusedError, match="2 refused"):
        await connect()
    assert len(asked) == 2
