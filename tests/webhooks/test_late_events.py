"""Events that payments cannot read hold no other, and are sent once it can."""

import pytest
from tests.webhooks.harness import Webhooks
from tests.webhooks.receiver import Receiver, gaps
from tests.webhooks.test_delivery import begun

from kurs_testing.parts import part
from kurs_testing.waiting import eventually
from webhooks.service import WebhookService


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhooks.late_events._AGAIN_SECONDS", 0)


def unread(webhooks: Webhooks) -> float:
    return webhooks.figure("unread_events")


@pytest.fixture
async def passed_over(webhooks: Webhooks, receiver: Receiver, at_once: None) -> Webhooks:
    """After three events were read, but for the second."""
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    webhooks.fed.unreadable = {2}
    for number in range(1, 4):
        webhooks.fed.happen(f"p{number}")
    await receiver.until(2)
    return webhooks


async def test_an_event_that_cannot_be_read_holds_no_other_and_is_sent_once_it_can(
    passed_over: Webhooks, receiver: Receiver
) -> None:
    webhooks = passed_over
    assert {r.sequence for r in receiver.taken} == {1, 3}
    await part(webhooks.apps[0], WebhookService).report()
    assert unread(webhooks) == 1
    webhooks.fed.unreadable = set()
    await receiver.until(3)
    webhooks.fed.happen("p4")
    came = await receiver.until(4)

    before = {r.sequence: r.event["previous_sequence"] for r in came}
    assert before == {1: None, 3: 1, 2: 3, 4: 2}
    assert gaps(came) == []
    await part(webhooks.apps[0], WebhookService).report()
    assert unread(webhooks) == 0


async def test_what_could_not_be_read_and_is_not_there_any_more_is_forgotten(
    passed_over: Webhooks, receiver: Receiver
) -> None:
    webhooks = passed_over
    # As if payments had never known it.
    webhooks.fed.events[1] = webhooks.fed.events[2]
    webhooks.fed.unreadable = set()

    async def forgotten() -> bool:
        await part(webhooks.apps[0], WebhookService).report()
        return unread(webhooks) == 0

    await eventually(forgotten)
    assert len(receiver.taken) == 2
