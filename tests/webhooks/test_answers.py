"""What receivers answer and what follows, what is sent again by hand, what is forgotten."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.webhooks.harness import Webhooks, webhooks_over
from tests.webhooks.receiver import Received, Receiver
from tests.webhooks.test_delivery import begun

from kurs_testing.parts import part
from kurs_testing.waiting import eventually
from webhooks.cleanup import Cleanup
from webhooks.domain.backoff import next_try


async def only(webhooks: Webhooks) -> Any:
    (item,) = (await webhooks.call("GET", "/event-destinations")).json()["items"]
    return item


async def deliveries(webhooks: Webhooks, query: str = "") -> Any:
    return (await webhooks.call("GET", f"/deliveries{query}")).json()["items"]


async def test_a_redirect_is_not_followed(webhooks: Webhooks, receiver: Receiver) -> None:
    async with Receiver() as elsewhere:

        async def leads_away(_: Received) -> web.StreamResponse:
            return web.Response(status=307, headers={"location": elsewhere.url})

        receiver.respond = leads_away
        webhooks.destination("orders", receiver.url)
        await begun(webhooks)
        webhooks.fed.happen("p1")
        await eventually(lambda: len(receiver.came) > 2)

        assert elsewhere.came == []
        assert "redirects are not followed" in (await only(webhooks))["last_error"]


async def test_410_ends_it_until_it_is_edited_or_asked_for(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    async def gone(_: Received) -> web.StreamResponse:
        return web.Response(status=410)

    receiver.respond = gone
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    webhooks.fed.happen("p1")
    await eventually(lambda: receiver.came)

    async def is_gone() -> bool:
        return (await only(webhooks))["reason"] == "Gone"

    await eventually(is_gone)
    webhooks.fed.happen("p2")
    await asyncio.sleep(1)
    assert len(receiver.came) == 1

    receiver.respond = Receiver().respond
    webhooks.destination("orders", receiver.url, timeout="3s")
    await receiver.until(2)


async def test_a_wish_to_be_left_alone_is_obeyed(webhooks: Webhooks, receiver: Receiver) -> None:
    async def busy(_: Received) -> web.StreamResponse:
        return web.Response(status=429, headers={"retry-after": "3600"})

    receiver.respond = busy
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    for number in range(20):
        webhooks.fed.happen(f"p{number}")
    await eventually(lambda: receiver.came)
    await asyncio.sleep(1)

    # One round was under way: as many as may be at once.
    assert len(receiver.came) <= 8


async def test_an_answer_without_an_end_is_read_for_four_kibibytes(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    async def endless(_: Received) -> web.StreamResponse:
        return web.Response(status=500, text="x" * 1_000_000)

    receiver.respond = endless
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    webhooks.fed.happen("p1")
    await eventually(lambda: len(receiver.came) > 1)

    (delivery,) = await deliveries(webhooks)
    assert delivery["response"] == "x" * 4096
    assert delivery["response_status"] == 500


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.2/", "https://169.254.169.254/latest/meta-data/", "https://10.0.0.1/",
        "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[64:ff9b::7f00:1]/",
        "https://[fd00::1]/", "https://localhost/",
    ],
)  # fmt: skip
async def test_no_private_address_gets_a_request(tmp_path: Path, sqlite_url: str, url: str) -> None:
    async with webhooks_over(tmp_path / "run", sqlite_url, private_destination_hosts="") as made:
        made.destination("orders", url)
        await begun(made)
        made.fed.happen("p1")

        async def refused() -> bool:
            return (await only(made))["last_error"] is not None

        await eventually(refused)
        assert "not of the public internet" in (await only(made))["last_error"]


async def test_a_name_that_resolves_differently_the_second_time_gets_no_request(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its address is public at the first look, where nobody listens, and ours ever after."""
    asked, real = 0, socket.getaddrinfo
    connections: list[Any] = []

    def rebinding(host: str, *rest: Any, **options: Any) -> Any:
        nonlocal asked
        asked += host == "hooks.example.org"
        return real("127.0.0.2" if asked == 1 else "127.0.0.1", *rest, **options)

    async def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer.get_extra_info("peername"))
        writer.close()

    async with (
        await asyncio.start_server(connected, "127.0.0.1", 0) as inside,
        webhooks_over(tmp_path / "run", sqlite_url, private_destination_hosts="") as made,
    ):
        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        monkeypatch.setattr(
            "kurs.calls.addresses.is_public", lambda address: str(address) == "127.0.0.2"
        )
        port = inside.sockets[0].getsockname()[1]
        made.destination("orders", f"https://hooks.example.org:{port}/")
        await begun(made)
        made.fed.happen("p1")

        async def failed(why: str) -> bool:
            return why in ((await only(made))["last_error"] or "")

        await eventually(lambda: failed(" "))
        await made.call("POST", "/deliveries/orders.1/redeliver")
        await eventually(lambda: failed("not of the public internet"))
        assert connections == []


async def test_what_was_sent_is_sent_again_by_hand_as_the_same_bytes(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    for number in range(5):
        webhooks.fed.happen(f"p{number}")
    first = list(await receiver.until(5))

    async def all_delivered() -> bool:
        return len(await deliveries(webhooks, "?status=delivered")) == 5

    await eventually(all_delivered)
    some = await deliveries(webhooks, "?sequences=2,4,400")
    assert [each["delivery_id"] for each in some] == ["orders.4", "orders.2"]
    assert (await webhooks.call("GET", "/deliveries?sequences=2,")).status == 422
    again = await webhooks.call("POST", "/deliveries/orders.3/redeliver")
    assert again.status == 202, again.body
    await receiver.until(6)
    replayed = await webhooks.call("POST", "/event-destinations/orders/replay", {"after": 3})
    assert replayed.json() == {"events": 2, "until": 5}
    came = await receiver.until(8)

    marked = [r for r in came if "kurs-replay" in r.headers]
    assert sorted(r.sequence for r in marked) == [3, 4, 5]
    bodies = {r.sequence: r.body for r in first}
    assert all(bodies[r.sequence] == r.body for r in marked)


async def test_a_test_event_is_signed_answered_at_once_and_holds_nothing(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.destination("orders", receiver.url, suspend=True)
    webhooks.destination("dead", "http://127.0.0.1:9/")
    await begun(webhooks)
    taken = await webhooks.call("POST", "/event-destinations/orders/test")

    assert taken.status == 200, taken.body
    (came,) = receiver.taken
    assert came.event["type"] == "destination.test"
    assert came.event["previous_sequence"] is came.event["sequence"] is None
    told = taken.json()
    assert (told["event_id"], told["delivered"]) == (came.headers["webhook-id"], True)
    assert (told["response_status"], told["error"]) == (204, None)
    refused = (await webhooks.call("POST", "/event-destinations/dead/test", {})).json()
    assert (refused["delivered"], refused["response_status"]) == (False, None)
    assert "cannot be reached" in refused["error"]
    assert await deliveries(webhooks) == []
    standing = {
        i["name"]: i for i in (await webhooks.call("GET", "/event-destinations")).json()["items"]
    }
    assert standing["dead"]["last_error"] is None


async def test_only_the_merchant_sees_and_sends_again_and_only_by_the_role(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.destination("orders", receiver.url)
    webhooks.destination("foreign", receiver.url, merchant="rival")
    await begun(webhooks)
    webhooks.fed.happen("p1", merchant="rival")
    await receiver.until(1)

    assert (await only(webhooks))["name"] == "orders"
    assert await deliveries(webhooks) == []
    assert (await webhooks.call("GET", "/deliveries?destination=foreign")).status == 404
    assert (await webhooks.call("POST", "/deliveries/foreign.1/redeliver")).status == 404
    body = {"after": 0}
    path = "/event-destinations/foreign/replay"
    assert (await webhooks.call("POST", path, body)).status == 404
    assert (await webhooks.call("POST", "/event-destinations/foreign/test")).status == 404
    path = "/event-destinations/orders/replay"
    assert (await webhooks.call("POST", path, body, roles="read")).status == 403
    path = "/event-destinations/orders/test"
    assert (await webhooks.call("POST", path, roles="read")).status == 403


async def test_a_suspended_destination_waits(webhooks: Webhooks, receiver: Receiver) -> None:
    webhooks.destination("orders", receiver.url, suspend=True)
    await begun(webhooks)
    webhooks.fed.happen("p1")

    async def waits() -> bool:
        item = await only(webhooks)
        return bool(item["waiting"] == 1 and item["reason"] == "Suspended")

    await eventually(waits)
    assert receiver.came == []
    webhooks.destination("orders", receiver.url)
    await receiver.until(1)


async def test_a_secret_that_is_none_sends_nothing(webhooks: Webhooks, receiver: Receiver) -> None:
    webhooks.destination("orders", receiver.url, secret="whsec_short")
    await begun(webhooks)
    webhooks.fed.happen("p1")

    async def told() -> bool:
        return (await only(webhooks))["last_error"] is not None

    await eventually(told)
    assert receiver.forged == 0
    error = (await only(webhooks))["last_error"]
    assert "the key secret of secret orders" in error
    assert "short" not in error


async def test_what_was_delivered_is_forgotten_after_a_while_and_what_waits_is_not(
    tmp_path: Path, database_url: str, receiver: Receiver
) -> None:
    async with webhooks_over(tmp_path / "run", database_url, retention_days=1e-5) as made:
        made.destination("orders", receiver.url)
        made.destination("dead", "http://127.0.0.1:9/")
        await begun(made)
        made.fed.happen("p1")
        await receiver.until(1)

        async def both() -> bool:
            return len(await deliveries(made)) == 2

        await eventually(both)
        await asyncio.sleep(1)
        await part(made.apps[0], Cleanup).turn()

        assert [d["destination"] for d in await deliveries(made)] == ["dead"]


def test_tries_grow_from_seconds_to_hours() -> None:
    waits = [next_try(n, 0) / 1_000_000 for n in range(1, 15)]
    assert 4 <= waits[0] <= 6
    assert 3 * 3600 <= waits[-1] <= 5 * 3600
    assert next_try(1, 0, wish_seconds=100) == 100_000_000
