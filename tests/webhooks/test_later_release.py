"""What a later release stored of a delivery is told as it is, and never a 500."""

from tests.later_release import store_as_later
from tests.webhooks.harness import Webhooks
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_delivery import begun

from kurs_testing.waiting import eventually


async def test_a_state_that_is_not_known_is_told(
    webhooks: Webhooks, receiver: Receiver, database_url: str
) -> None:
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    webhooks.fed.happen("p1")

    async def status() -> str:
        answer = await webhooks.call("GET", "/deliveries")
        assert answer.status == 200, answer.body
        return "".join(item["status"] for item in answer.json()["items"])

    async def delivered() -> bool:
        return await status() == "delivered"

    await eventually(delivered)
    await store_as_later(database_url, "UPDATE deliveries SET state = 'paused'")

    assert await status() == "paused"
