"""What the operator is told of destinations: true within seconds, and ready if events arrive."""

from typing import Any

import pytest
from aiohttp import web
from tests.webhooks.harness import WEBHOOKS, Webhooks
from tests.webhooks.receiver import Received, Receiver
from tests.webhooks.test_delivery import begun

from kurs.calls import Request
from kurs.data.database import Database
from kurs.data.failures import DatabaseUnavailable
from kurs.kernel.clock import MICROS, SystemClock
from kurs_testing.edges import EdgeSigning
from kurs_testing.parts import part
from kurs_testing.waiting import eventually


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every question be put to the database."""
    monkeypatch.setattr("webhooks.reports._FRESH_SECONDS", 0.0)
    monkeypatch.setattr("webhooks.standings._CHECK_SECONDS", 0.0)


async def config(webhooks: Webhooks) -> Any:
    """Ask the first replica as the operator does."""
    request = Request("GET", f"{WEBHOOKS}/internal/config")
    EdgeSigning(SystemClock()).sign("webhooks", "GET", "/internal/config", request.headers, None)
    answer = await webhooks.replicas[0].send(request)
    assert answer.status == 200, answer.body
    return answer.json()


async def report(webhooks: Webhooks, name: str = "orders") -> Any:
    (found,) = [r for r in (await config(webhooks))["reports"] if r["name"] == name]
    return found


async def until(webhooks: Webhooks, reason: str) -> Any:
    """Wait until the destination is told so."""

    async def told() -> bool:
        return bool((await report(webhooks))["reason"] == reason)

    await eventually(told)
    return await report(webhooks)


async def test_what_is_taken_what_waits_and_why_is_told(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    webhooks.fed.happen("p1")
    await receiver.until(1)

    async def taken() -> bool:
        return bool((await report(webhooks))["delivery"]["delivered_sequence"] == 1)

    await eventually(taken)
    well = await until(webhooks, "Delivering")
    assert well["healthy"] is True
    assert well["delivery"]["waiting"] == 0
    [source] = (await config(webhooks))["sources"]
    assert (source["kind"], source["name"]) == ("EventDestination", "orders")

    async def busy(_: Received) -> web.StreamResponse:
        return web.Response(status=500)

    receiver.respond = busy
    webhooks.fed.happen("p2")
    ill = await until(webhooks, "Retrying")
    assert ill["healthy"] is False
    assert ill["error"] == ill["delivery"]["last_error"] == "answered 500"
    assert ill["delivery"]["waiting"] == 1
    assert ill["delivery"]["oldest_waiting_at"]
    assert ill["delivery"]["delivered_sequence"] == 1


async def test_one_that_could_get_nothing_is_refused_before_anything_happens(
    webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    await until(webhooks, "Delivering")
    secret = webhooks.secrets / "orders" / "secret"
    secret.unlink()
    missing = await until(webhooks, "Refused")
    assert missing["healthy"] is False
    assert missing["error"] == "the key secret of secret orders is not there"
    webhooks.secret("orders", "whsec_short")

    async def malformed() -> bool:
        return "base64" in (await report(webhooks))["error"]

    await eventually(malformed)
    assert "short" not in (await report(webhooks))["error"]
    webhooks.destination("orders", "http://10.0.0.1/")

    async def private() -> bool:
        return "not of the public internet" in (await report(webhooks))["error"]

    await eventually(private)
    webhooks.destination("orders", receiver.url)
    await until(webhooks, "Delivering")


async def test_none_is_ready_while_payments_tells_nothing(
    webhooks: Webhooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.domain.health._PATIENCE", 4 * MICROS)
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    await until(webhooks, "Delivering")
    webhooks.fed.events = None  # type: ignore[assignment]

    unread = await until(webhooks, "FeedUnread")

    assert unread["healthy"] is False
    assert "payments tells nothing since" in unread["error"]


async def test_without_the_database_nothing_is_claimed(
    webhooks: Webhooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhooks.destination("orders", receiver.url)
    await begun(webhooks)
    await until(webhooks, "Delivering")

    async def down(_: object) -> None:
        raise DatabaseUnavailable("no database")

    monkeypatch.setattr("webhooks.reports._TRUE_SECONDS", 0.0)
    monkeypatch.setattr(part(webhooks.apps[0], Database), "read", down)

    unknown = await report(webhooks)

    assert (unknown["healthy"], unknown["reason"]) == (None, "Silent")
    assert unknown["delivery"] is None
