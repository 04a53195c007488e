"""Names of destinations come, go, and are given to others: nothing is lost, nothing goes astray."""

import pytest
from tests.webhooks.harness import Webhooks
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_delivery import begun

from kurs.data.database import Database
from kurs_testing.parts import part
from kurs_testing.waiting import eventually
from webhooks.cleanup import Cleanup
from webhooks.destinations import Destinations
from webhooks.store import intake as store
from webhooks.store.pruning import forget_destinations


async def names(webhooks: Webhooks) -> list[str]:
    items = (await webhooks.call("GET", "/event-destinations")).json()["items"]
    return [item["name"] for item in items if item["reason"] != "Unknown"]


async def test_a_replica_that_does_not_see_an_edit_yet_forgets_nothing(
    webhooks: Webhooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhooks.destination("old", receiver.url)
    await begun(webhooks, replicas=2)
    late = webhooks.apps[1]
    await eventually(lambda: part(late, Destinations).in_force)
    monkeypatch.setattr(part(late, Destinations), "apply", lambda _: None)
    async with Receiver() as second:
        webhooks.destination("fresh", second.url)

        async def known() -> bool:
            return "fresh" in await names(webhooks)

        await eventually(known)
        await part(late, Cleanup).turn()
        assert "fresh" in await names(webhooks)
        webhooks.fed.happen("p1")

        await receiver.until(1)
        await second.until(1)


async def test_a_wrong_edit_and_then_another_replica_pass_no_event_by(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    webhooks.fed.happen("p1")
    await receiver.until(1)
    await webhooks.stop(webhooks.replicas[0])
    webhooks.break_document()
    webhooks.fed.happen("p2")
    await webhooks.start()

    came = await receiver.until(2)

    assert [r.event["previous_sequence"] for r in came] == [None, 1]


async def test_what_was_forgotten_is_registered_by_the_next_event(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.destination("old", receiver.url)
    await begun(webhooks)
    database = part(webhooks.apps[0], Database)
    await database.write(lambda c: forget_destinations(c, ["other"], 2**62))

    webhooks.fed.happen("p1")
    webhooks.fed.happen("p2")

    await receiver.until(2)


async def test_whatever_hinders_the_intake_is_counted_and_tried_again(
    webhooks: Webhooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    real = store.take_in

    def broken(*_: object, **__: object) -> bool:
        raise KeyError("whatever")

    monkeypatch.setattr(store, "take_in", broken)
    webhooks.fed.happen("p1")
    await eventually(lambda: webhooks.figure("feed_failures_total") >= 2)
    monkeypatch.setattr(store, "take_in", real)

    await receiver.until(1)


async def test_a_name_given_to_another_merchant_brings_nothing_of_the_first_along(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.destination("orders", receiver.url, merchant="rival", suspend=True)
    webhooks.destination("own", receiver.url)
    await webhooks.start()
    await eventually(lambda: webhooks.figure("feed_looks_total") > 0)
    for number in range(2):
        webhooks.fed.happen(f"secret{number}", merchant="rival")
    await eventually(lambda: webhooks.figure("events_total") == 2)
    async with Receiver() as shop:
        webhooks.destination("orders", shop.url)
        await eventually(lambda: "orders" in part(webhooks.apps[0], Destinations).of("shop"))
        replayed = await webhooks.call("POST", "/event-destinations/orders/replay", {"after": 0})
        again = await webhooks.call("POST", "/deliveries/orders.1/redeliver", {})
        listed = (await webhooks.call("GET", "/deliveries?destination=orders")).json()
        webhooks.fed.happen("ours")

        await shop.until(1)

        assert [r.event["payment_id"] for r in shop.came] == ["ours"]
    assert replayed.json()["events"] == 0
    assert again.status == 404
    assert listed["items"] == []

    async def none_waits() -> bool:
        items = (await webhooks.call("GET", "/event-destinations")).json()["items"]
        return [i["waiting"] for i in items if i["name"] == "orders"] == [0]

    await eventually(none_waits)
