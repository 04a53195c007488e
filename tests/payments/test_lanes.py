"""Waves under way are bounded, also where it is risk that takes long."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.payments.harness import gateway_that_knows_accounts
from tests.payments.test_waves import OVERRIDES, pay, to

from kurs.data.database import Database
from kurs.kernel.batching import PATIENCE_SECONDS
from kurs_testing.asgi import FaultKind
from kurs_testing.joined import RISK, JoinedGateway
from kurs_testing.parts import part

_STORED = text("SELECT count(*) FROM operations WHERE answer IS NULL")
_LANES = 2


async def stored(gateway: JoinedGateway) -> int:
    database = part(gateway.apps["payments"], Database)
    return int(await database.read(lambda c: c.execute(_STORED).scalar_one()))


async def until_stored(gateway: JoinedGateway, number: int) -> None:
    while await stored(gateway) < number:  # noqa: ASYNC110 - a row tells nobody that it is there
        await asyncio.sleep(0.01)


async def test_no_more_waves_are_begun_than_there_are_lanes_while_risk_hangs(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments.flow.waves._LANES", _LANES)
    async with gateway_that_knows_accounts(database_url, tmp_path, OVERRIDES) as gateway:
        gateway.transport.inject(RISK, FaultKind.HANG, matches=to("/score/batch"))
        waves = []
        for number in range(_LANES):
            waves.append(asyncio.create_task(pay(gateway, f"p{number}")))
            await until_stored(gateway, number + 1)
        waves += [asyncio.create_task(pay(gateway, f"more{n}")) for n in range(3)]
        await asyncio.sleep(2 * PATIENCE_SECONDS)
        under_way = await stored(gateway)
        await asyncio.gather(*waves, return_exceptions=True)
    assert under_way == _LANES
