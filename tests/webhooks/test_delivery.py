"""Every event reaches every destination, in the order of its payment, and the receiver can tell."""

import asyncio
import random

from aiohttp import web
from tests.webhooks.harness import Webhooks, reads_the_feed
from tests.webhooks.receiver import OTHER, SECRET, Received, Receiver, gaps, in_order

from kurs_testing.parts import part
from kurs_testing.waiting import eventually
from webhooks.destinations import Destinations


async def begun(webhooks: Webhooks, *, replicas: int = 1) -> None:
    """Start replicas, and wait until one of them knows where the feed ends."""
    for _ in range(replicas):
        await webhooks.start()
    name = next(iter(webhooks.destinations.glob("*.yaml"))).stem

    async def known() -> bool:
        items = (await webhooks.call("GET", "/event-destinations")).json()["items"]
        return any(i["name"] == name and i["reason"] != "Unknown" for i in items)

    await eventually(known)
    await eventually(lambda: reads_the_feed(webhooks.apps[-1]))


async def test_what_happens_is_sent_signed_and_in_order(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    for number in range(20):
        webhooks.fed.happen(f"p{number % 4}")
        webhooks.fed.happen("other", merchant="rival")

    came = await receiver.until(20)

    assert sorted(r.sequence for r in came) == list(range(1, 41, 2))
    assert in_order(came)
    assert gaps(came) == []
    assert [r.event["previous_sequence"] for r in came].count(None) == 1
    assert receiver.forged == 0
    assert all(r.headers["webhook-id"] == r.event["id"] for r in came)


async def test_only_the_types_that_it_wants_go_there(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.destination("orders", receiver.url, types=["payment.failed", "refund.succeeded"])
    await begun(webhooks)
    for sent in ("payment.requested", "payment.captured", "payment.failed", "refund.succeeded"):
        webhooks.fed.happen("p1", sent)

    came = await receiver.until(2)

    assert [r.event["type"] for r in came] == ["payment.failed", "refund.succeeded"]
    assert [r.event["previous_sequence"] for r in came] == [None, 3]


async def test_what_happens_while_a_destination_comes_is_not_passed_over(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    in_force = part(webhooks.apps[0], Destinations)

    async def come() -> None:
        webhooks.destination("rivals", receiver.url, merchant="rival")
        await eventually(lambda: "rivals" in in_force.in_force)
        webhooks.fed.happen("p1", merchant="rival")

    webhooks.fed.meanwhile = come

    assert [r.sequence for r in await receiver.until(1)] == [1]


async def test_lost_late_doubled_and_lying_answers_lose_double_and_reorder_nothing(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    chance = random.Random(7)

    async def whimsical(received: Received) -> web.StreamResponse:
        match chance.randrange(6):
            case 0:
                return web.Response(status=500)
            case 1:
                # Taken, and the answer lost: it comes once more.
                receiver.taken.append(received)
                raise web.HTTPException
            case 2:
                await asyncio.sleep(0.1)
        return web.Response(status=202, text="later" * 10)

    receiver.respond = whimsical
    webhooks.destination("orders", receiver.url)
    await begun(webhooks, replicas=2)
    for number in range(60):
        webhooks.fed.happen(f"p{number % 5}")

    await eventually(lambda: {r.sequence for r in receiver.taken} == set(range(1, 61)))
    assert in_order(receiver.taken)
    assert gaps(receiver.taken) == []
    bodies = {(r.headers["webhook-id"], r.body) for r in receiver.came}
    assert len(bodies) == 60


async def test_a_dead_and_a_slow_receiver_hold_no_other(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    async def slow(_: Received) -> web.StreamResponse:
        await asyncio.sleep(1.5)
        return web.Response()

    async with Receiver(respond=slow) as slower:
        webhooks.destination("a-dead", "http://127.0.0.1:9/")
        webhooks.destination("b-slow", slower.url)
        webhooks.destination("orders", receiver.url)
        await begun(webhooks)
        for number in range(40):
            webhooks.fed.happen(f"p{number}")

        came = await receiver.until(40)

        assert len(came) == 40
        assert len(slower.taken) < 40


async def test_an_event_that_is_never_taken_holds_its_own_payment_only(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    async def refuses_one(received: Received) -> web.StreamResponse:
        return web.Response(status=400 if received.event["payment_id"] == "odd" else 200)

    receiver.respond = refuses_one
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    webhooks.fed.happen("odd")
    webhooks.fed.happen("odd")
    for number in range(20):
        webhooks.fed.happen(f"p{number}")

    await receiver.until(20)

    assert {r.sequence for r in receiver.came if r.event["payment_id"] == "odd"} == {1}
    assert gaps(receiver.taken) == [2]


async def test_a_receiver_that_comes_back_gets_all_that_waited(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    await receiver.__aexit__()
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    for number in range(30):
        webhooks.fed.happen(f"p{number % 3}")

    async def failing() -> bool:
        (item,) = (await webhooks.call("GET", "/event-destinations")).json()["items"]
        return bool(item["reason"] == "Retrying" and item["waiting"] == 30 and not item["ready"])

    await eventually(failing)
    async with Receiver(port=receiver.port) as back:
        came = await back.until(30)

    assert in_order(came)
    assert gaps(came) == []


async def test_a_secret_is_rotated_without_a_bad_signature(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    webhooks.fed.happen("p1")
    await receiver.until(1)
    webhooks.secret("orders", f"{OTHER},{SECRET}")
    webhooks.fed.happen("p1")
    await receiver.until(2)
    receiver.secret = OTHER
    webhooks.fed.happen("p1")
    await receiver.until(3)
    webhooks.secret("orders", OTHER)
    webhooks.fed.happen("p1")

    assert len((await receiver.until(4))[-1].headers["webhook-signature"].split()) == 1
    assert receiver.forged == 0


async def test_replicas_share_the_destinations_and_none_is_sent_to_by_two(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    under_way: dict[str, int] = {}
    most = 0

    async def counting(received: Received) -> web.StreamResponse:
        nonlocal most
        name = f"{received.headers['host']}{received.event['id']}"
        under_way[name] = under_way.get(name, 0) + 1
        most = max(most, under_way[name])
        await asyncio.sleep(0.02)
        under_way[name] -= 1
        return web.Response()

    receiver.respond = counting
    webhooks.destination("orders", receiver.url)
    await begun(webhooks, replicas=3)
    for number in range(50):
        webhooks.fed.happen(f"p{number % 7}")
    await receiver.until(20)
    await webhooks.stop(webhooks.replicas[0])
    await webhooks.stop(webhooks.replicas[0])
    for number in range(50):
        webhooks.fed.happen(f"p{number % 7}")

    came = await receiver.until(100)

    assert most == 1
    assert len(came) == 100
    assert in_order(came)
    assert gaps(came) == []
