"""Every POST that is sent twice, as after a lost answer, moves money once, or is refused without a
key."""

import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from tests.webhooks.harness import reads_the_feed
from tests.webhooks.receiver import SECRET, Receiver

from kurs.edges import PUBLIC_ROUTES
from kurs_testing.joined import JoinedGateway
from kurs_testing.waiting import eventually

SAMPLES = Path(__file__).parents[1] / "data" / "resources"
LARGE = "6000.00"
PAYMENT = {"currency": "USD", "source_account": "alice", "destination_account": "bob"}
PAY: dict[str, Any] = {**PAYMENT, "amount": "10.00"}
NEEDED = (400, "idempotency_key_required")


class Asked(NamedTuple):
    """A body and the statuses of two answers, with the codes of those that are problems."""

    body: dict[str, Any]
    first: tuple[int, str | None]
    second: tuple[int, str | None]
    path: str = ""


DONE, TAKEN = (200, None), (202, None)
POSTS = {
    "/payments": Asked({**PAY, "payment_id": "p1"}, DONE, DONE),
    "/payments/{payment_id}/capture": Asked({}, DONE, DONE, "/payments/held-1/capture"),
    "/payments/{payment_id}/void": Asked({}, DONE, DONE, "/payments/held-2/void"),
    "/payments/{payment_id}/refunds": Asked(
        {"amount": "1.00"}, NEEDED, NEEDED, "/payments/paid/refunds"
    ),
    "/payments/{payment_id}/approve": Asked({}, DONE, DONE, "/payments/review-1/approve"),
    "/payments/{payment_id}/refuse": Asked({}, DONE, DONE, "/payments/review-2/refuse"),
    "/accounts": Asked({"account_id": "carol"}, DONE, DONE),
    "/deposits": Asked(
        {"deposit_id": "d1", "account_id": "alice", "currency": "USD", "amount": "5.00"}, DONE, DONE
    ),
    # These move nothing, however often.
    "/quotes": Asked(
        {"source_currency": "USD", "destination_currency": "IDR", "source_amount": "10.00"},
        DONE,
        DONE,
    ),
    "/score": Asked({**PAY, "payment_id": "s1"}, DONE, DONE),
    "/deliveries/{delivery_id}/redeliver": Asked(
        {}, TAKEN, TAKEN, "/deliveries/orders.{sequence}/redeliver"
    ),
    "/event-destinations/{destination}/replay": Asked(
        {"after": 0}, TAKEN, TAKEN, "/event-destinations/orders/replay"
    ),
    "/event-destinations/{destination}/test": Asked(
        {}, DONE, DONE, "/event-destinations/orders/test"
    ),
}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as listening:
        yield listening


@pytest.fixture
async def gateway(tmp_path: Path, receiver: Receiver) -> AsyncIterator[JoinedGateway]:
    send_to(receiver, tmp_path)
    hosts = {"webhooks": {"private_destination_hosts": "127.0.0.1"}}
    async with JoinedGateway(tmp_path, SAMPLES, overrides=hosts) as joined:
        await eventually(partial(reads_the_feed, joined.apps["webhooks"]))
        await joined.open_and_fund("alice", USD="100000.00")
        await joined.open_and_fund("bob")
        for name, more in {
            "paid": {},
            "held-1": {"capture": "manual"},
            "held-2": {"capture": "manual"},
            "review-1": {"amount": LARGE},
            "review-2": {"amount": LARGE},
        }.items():
            body = {**PAY, "payment_id": name, **more}
            assert (await joined.call("POST", "/payments", body)).status == 200, name
        await receiver.until(1)
        yield joined


def send_to(receiver: Receiver, folder: Path) -> None:
    """Let the receiver get what happens to the payments of the demo merchant."""
    (folder / "destinations").mkdir()
    (folder / "secrets" / "hooks").mkdir(parents=True)
    (folder / "secrets" / "hooks" / "secret").write_text(SECRET)
    spec = {
        "merchant": "demo",
        "url": receiver.url,
        "secretRef": {"name": "hooks", "key": "secret"},
        "allowInsecure": True,
    }
    head = {"apiVersion": "kurs.dev/v1alpha1", "kind": "EventDestination"}
    document = {**head, "metadata": {"name": "orders"}, "spec": spec}
    (folder / "destinations" / "orders.yaml").write_text(yaml.safe_dump(document))


def test_each_post_is_here() -> None:
    assert set(POSTS) == {r.template for r in PUBLIC_ROUTES if r.method == "POST"}


@pytest.mark.parametrize("template", POSTS)
async def test_the_second_moves_nothing_more(
    gateway: JoinedGateway, receiver: Receiver, template: str
) -> None:
    asked = POSTS[template]
    path = (asked.path or template).format(sequence=receiver.taken[0].sequence)
    answers, entries = [], []
    for _ in range(2):
        answer = await gateway.call("POST", path, asked.body)
        answers.append((answer.status, answer.json().get("code")))
        told = await gateway.call("GET", "/balance/alice")
        entries.append(json.dumps(told.json()["balances"]))

    assert answers == [asked.first, asked.second]
    assert entries[0] == entries[1]


async def test_a_payment_without_any_name_is_refused(gateway: JoinedGateway) -> None:
    refused = await gateway.call("POST", "/payments", PAY)
    assert (refused.status, refused.json()["code"]) == NEEDED
