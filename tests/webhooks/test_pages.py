"""Pages of deliveries: each delivery is on one of them, however many destinations one event has."""

from tests.webhooks.harness import Webhooks
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_delivery import begun

from kurs_testing.waiting import eventually


async def test_what_goes_to_several_destinations_is_on_one_page_each(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    for name in ("a.orders", "b.orders", "c.orders"):
        webhooks.destination(name, receiver.url, suspend=True)
    await begun(webhooks)
    for number in range(2):
        webhooks.fed.happen(f"p{number}")

    async def all_stored() -> bool:
        return len((await webhooks.call("GET", "/deliveries")).json()["items"]) == 6

    await eventually(all_stored)
    seen, query = [], "?limit=2"
    while query:
        page = (await webhooks.call("GET", f"/deliveries{query}")).json()
        seen += [item["delivery_id"] for item in page["items"]]
        after = page["next_before"]
        query = f"?limit=2&before={after}" if after and len(seen) < 9 else ""

    assert seen == [f"{name}.orders.{n}" for n in (2, 1) for name in "abc"]
    older = (await webhooks.call("GET", "/deliveries?before=2")).json()["items"]
    assert [item["sequence"] for item in older] == [1, 1, 1]


async def test_a_cursor_of_nobody_is_refused(webhooks: Webhooks) -> None:
    await webhooks.start()

    for cursor in ("orders", "-1", "9" * 30, "%D9%A1", "MXxhfGI=", "MXwA"):
        refused = await webhooks.call("GET", f"/deliveries?before={cursor}")

        assert (refused.status, refused.json()["code"]) == (400, "cursor_invalid"), cursor
        assert refused.json()["errors"][0]["field"] == "before"
