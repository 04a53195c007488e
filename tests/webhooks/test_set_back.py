"""payments is restored to what it knew long ago, and goes on: what happens then is sent."""

import pytest
from tests.webhooks.harness import Webhooks
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_delivery import begun

from kurs_testing.waiting import eventually


def set_back(webhooks: Webhooks) -> float:
    return webhooks.figure("feed_set_back_total")


async def test_payments_that_is_set_back_is_told_and_its_next_events_are_sent(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    for number in range(5):
        webhooks.fed.happen(f"p{number}")
    await receiver.until(5)
    webhooks.fed.set_back(2)
    await eventually(lambda: set_back(webhooks) == 1)
    for number in range(4):
        webhooks.fed.happen(f"new{number}")

    came = await receiver.until(9)

    assert sorted(r.sequence for r in came[5:]) == [3, 4, 5, 6]
    assert {r.event["payment_id"] for r in came[5:]} == {f"new{n}" for n in range(4)}


@pytest.mark.parametrize("happened", [1, 3, 4])
async def test_payments_that_was_set_back_and_has_gone_on_meanwhile_loses_no_event(
    webhooks: Webhooks, receiver: Receiver, happened: int
) -> None:
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    for number in range(5):
        # Some are not wanted there, and not kept.
        webhooks.fed.happen(f"p{number}", merchant="rival" if number == 1 else "shop")
    await receiver.until(4)
    webhooks.fed.set_back(2)
    for number in range(happened):
        webhooks.fed.happen(f"new{number}")

    came = await receiver.until(4 + happened)

    assert {r.event["payment_id"] for r in came[4:]} == {f"new{n}" for n in range(happened)}
    assert set_back(webhooks) == 1
    webhooks.fed.happen("last")
    assert (await receiver.until(5 + happened))[-1].event["payment_id"] == "last"


async def test_a_past_that_shares_no_event_with_what_is_kept_is_read_from_before_it(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.fed.happen("unwanted", merchant="rival")
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    for number in range(3):
        webhooks.fed.happen(f"p{number}")
    await receiver.until(3)
    webhooks.fed.set_back(1)
    for number in range(5):
        webhooks.fed.happen(f"new{number}")

    came = await receiver.until(8)

    assert {r.event["payment_id"] for r in came[3:]} == {f"new{n}" for n in range(5)}
