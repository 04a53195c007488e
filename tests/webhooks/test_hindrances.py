"""What hinders one destination, or the database, is not made worse for anybody."""

import asyncio

import pytest
from aiohttp import web
from sqlalchemy import Connection, select
from tests.webhooks.harness import Webhooks
from tests.webhooks.receiver import Received, Receiver, take
from tests.webhooks.test_delivery import begun

from kurs.config.resources import EventDestinationSpec
from kurs.data.database import Database
from kurs.data.failures import DatabaseUnavailable
from kurs.kernel.clock import monotonic
from kurs_testing.parts import part
from kurs_testing.waiting import eventually
from webhooks.dispatcher import Dispatcher
from webhooks.domain.delivery import Delivery, DeliveryAttempt
from webhooks.sender import Sender
from webhooks.store.sending import Round, record
from webhooks.store.tables import destinations


async def test_one_that_is_given_up_while_it_answers_nothing_holds_no_other(
    webhooks: Webhooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhooks.destination("orders", receiver.url)
    webhooks.destination("silent", receiver.url)
    await begun(webhooks)
    app = webhooks.apps[0]
    sender, asked, answers = part(app, Sender), asyncio.Event(), asyncio.Event()
    real = sender.send

    async def send(spec: EventDestinationSpec, delivery: Delivery) -> DeliveryAttempt:
        if delivery.destination == "silent":
            asked.set()
            await answers.wait()
        return await real(spec, delivery)

    async def is_ours() -> bool:
        query = select(destinations.c.owner).where(destinations.c.name == "silent")
        return bool(await part(app, Database).read(lambda c: c.execute(query).scalar()))

    monkeypatch.setattr(sender, "send", send)
    webhooks.fed.happen("p1")
    await receiver.until(1)
    await asked.wait()
    (webhooks.destinations / "silent.yaml").unlink()
    webhooks.compile()
    try:
        await eventually(lambda: "silent" not in part(app, Dispatcher).couriers)
        webhooks.fed.happen("p2")

        assert [r.sequence for r in await receiver.until(2)] == [1, 2]
        assert await is_ours()
    finally:
        answers.set()

    async def is_free() -> bool:
        return not await is_ours()

    await eventually(is_free)


async def test_what_cannot_be_recorded_is_sent_again_ever_more_seldom(
    webhooks: Webhooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[float] = []

    async def takes(received: Received) -> web.StreamResponse:
        came.append(monotonic())
        return await take(received)

    def full(connection: Connection, rounds: list[Round]) -> list[bool]:
        if len(came) < 5:
            raise DatabaseUnavailable("the disk is full")
        return record(connection, rounds)

    receiver.respond = takes
    monkeypatch.setattr("webhooks.courier._RETRY_SECONDS", 0.05)
    monkeypatch.setattr("webhooks.app.record", full)
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    webhooks.fed.happen("p1")

    async def recorded() -> bool:
        listed = (await webhooks.call("GET", "/deliveries?status=delivered")).json()
        return len(listed["items"]) == 1

    await eventually(recorded)

    assert len(came) == 5
    # 2, 4, 8 and 16 times as long, and no sooner, whatever the machine does.
    assert came[4] - came[0] > 1.4
