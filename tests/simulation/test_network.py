"""The network of a world: who is told when one of two ends dies."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from kurs.calls.errors import ResponseTimeout
from kurs.calls.message import Request
from simulation.exchange import Served
from simulation.loop import VirtualLoop, context_of
from simulation.network import Aim, Moment, Network
from simulation.process import Process


def run(work: Callable[[Network], Any]) -> Any:
    loop = VirtualLoop(random.Random(1))
    try:
        return loop.run_until_complete(work(Network(random.Random(2))))
    finally:
        loop.close()


async def listens(scope: Any, receive: Any, send: Any) -> None:
    """Answer nothing, until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def answers_late(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(1)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def asked_by(network: Network, app: Any, path: str = "") -> tuple[Process, Process]:
    """Serve `app` by one process and ask it from another one."""
    server, client = Process("wallet-1"), Process("payments-1")
    network.served["wallet"] = [Served(server, app, {})]
    request = Request("GET", f"http://wallet.world/{path}", timeout=30.0, target="wallet")
    loop = asyncio.get_running_loop()
    client.kept.append(loop.create_task(network.send(request), context=context_of(client)))
    return server, client


def die(network: Network, process: Process) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    process.alive = False
    loop.forget(process)
    network.drop(process)


def test_a_server_learns_that_its_client_died() -> None:
    async def work(network: Network) -> None:
        _, client = asked_by(network, listens)
        await asyncio.sleep(0.5)
        assert len(network.open()) == 1
        die(network, client)
        await asyncio.sleep(1)
        assert not network.open()

    run(work)


def test_a_request_ends_for_its_server_whoever_died_meanwhile() -> None:
    async def work(network: Network) -> None:
        _, client = asked_by(network, answers_late)
        await asyncio.sleep(0.5)
        die(network, client)
        await asyncio.sleep(5)
        assert not network.open()

    run(work)


def test_who_waits_for_a_stream_no_longer_has_gone() -> None:
    # As a gateway whose service stands still for longer than it waits.
    async def work(network: Network) -> None:
        network.served["wallet"] = [Served(Process("wallet-1"), listens, {})]
        request = Request("GET", "http://wallet.world/", timeout=3.0, target="wallet")
        with pytest.raises(ResponseTimeout):
            async with network.stream(request):
                pass
        await asyncio.sleep(1)
        assert not network.open()

    run(work)


@pytest.mark.parametrize("moment", Moment)
def test_who_is_aimed_at_is_struck_when_it_asks_and_is_asked_for_all_the_same(
    moment: Moment,
) -> None:
    asked: list[bool] = []

    async def answers(scope: Any, receive: Any, send: Any) -> None:
        asked.append(struck.is_set())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def work(network: Network) -> None:
        network.aims["payments-1"] = Aim(struck.set, moment)
        asked_by(network, answers, "transfers/batch")
        await asyncio.sleep(20)
        assert struck.is_set()
        assert not network.aims

    struck = asyncio.Event()
    run(work)
    assert asked == [moment is Moment.SENT]
