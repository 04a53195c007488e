"""After real payments the series are few, no id is a label, and more traffic makes no more."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kurs_testing.clock import ManualClock
from kurs_testing.joined import JoinedGateway
from kurs_testing.parts import part
from payments.sweeper import Sweeper

SAMPLES = Path(__file__).parents[1] / "data" / "resources"
PATIENT = {
    "payments": {"payment_seconds": 60.0, "lease_seconds": 90.0},
    "api-gateway": {"request_seconds": 90.0},
}
MOST_SERIES = 600
"""Of one service, histograms' buckets left out."""

Series = set[tuple[str, str, tuple[tuple[str, str], ...]]]


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[JoinedGateway]:
    async with JoinedGateway(
        tmp_path / "kurs", SAMPLES, clock=ManualClock(), overrides=PATIENT
    ) as joined:
        yield joined


async def traffic(gateway: JoinedGateway, batch: str, size: int) -> None:
    """Pay, refuse, repeat, refund, hold and ask for what is not there, under ids of its own."""
    payer, shop = f"zahler-{batch}", f"laden-{batch}"
    await gateway.open_and_fund(payer, USD="90000.00", EUR="90000.00")
    await gateway.open_and_fund(shop, settlement_currency="IDR")

    async def one(n: int) -> None:
        name = f"zahlung-{batch}-{n}"
        body = {
            "payment_id": name,
            "amount": "10.00",
            "currency": "USD",
            "source_account": payer,
            "destination_account": shop,
        }
        await gateway.call("POST", "/payments", body)
        await gateway.call("POST", "/payments", body)
        await gateway.call("POST", "/payments", {**body, "amount": "11.00"})
        unknown = {**body, "payment_id": f"{name}-x", "currency": f"X{n:02}"}
        await gateway.call("POST", "/payments", unknown)
        strange = {**body, "payment_id": f"{name}-y", "destination_account": f"niemand-{name}"}
        await gateway.call("POST", "/payments", strange)
        held = {**body, "payment_id": f"{name}-h", "capture": "manual", "currency": "EUR"}
        await gateway.call("POST", "/payments", held)
        await gateway.call("POST", f"/payments/{name}-h/void", {})
        refund = {"amount": "1.00"}
        headers = {"idempotency-key": f"erstattung-{name}"}
        await gateway.call("POST", f"/payments/{name}/refunds", refund, headers=headers)
        await gateway.call("GET", f"/payments/{name}-none")
        await gateway.call("GET", f"/balance/niemand-{name}")
        await gateway.call("GET", f"/kein-weg/{name}")
        await gateway.call("GET", "/rate?base=USD&quote=Q" + f"{n:02}")
        await gateway.call("GET", "/payments", key=f"falsch-{name}")

    await asyncio.gather(*(one(n) for n in range(size)))
    await part(gateway.apps["payments"], Sweeper).sweep()


def series(gateway: JoinedGateway) -> Series:
    return {
        (service, sample.name, tuple(sorted(sample.labels.items())))
        for service, telemetry in gateway.telemetry.items()
        for metric in telemetry.registry.collect()
        for sample in metric.samples
        if "le" not in sample.labels
    }


async def test_more_payments_make_no_more_series(gateway: JoinedGateway) -> None:
    await traffic(gateway, "eins", 6)
    await asyncio.sleep(0)
    before = series(gateway)
    await traffic(gateway, "zwei", 12)
    fresh = series(gateway) - before
    # Under load a queue may shed or a lock be retried for the first time; ids would make dozens.
    assert len(fresh) < 6, sorted(fresh)
    for service in gateway.telemetry:
        assert 10 < sum(1 for owner, _, _ in before if owner == service) < MOST_SERIES


async def test_no_id_account_or_merchant_is_a_label(gateway: JoinedGateway) -> None:
    await traffic(gateway, "drei", 4)
    words = ("zahl", "laden", "niemand", "erstattung", "falsch", "kein-weg", "demo", "X0", "Q0")
    values = {(name, value) for _, name, labels in series(gateway) for _, value in labels}
    assert ("kurs_payments_total", "CAPTURED") in values
    assert [v for v in values if any(word in v[1] for word in words)] == []
    accounts = {dict(labels).get("account", "house:") for _, _, labels in series(gateway)}
    assert all(account.startswith("house:") for account in accounts)


async def test_business_metrics_have_what_was_paid(gateway: JoinedGateway) -> None:
    await traffic(gateway, "vier", 3)

    def value(service: str, name: str, **labels: str) -> Any:
        return gateway.telemetry[service].registry.get_sample_value(name, labels)

    assert value("payments", "kurs_payments_captured_amount_total", currency="USD") == 30
    assert value("payments", "kurs_payments_replayed_total") == 3
    paid = {"operation": "pay", "status": "CAPTURED", "failure": ""}
    corridor = {"currency": "USD", "destination_currency": "IDR"}
    assert value("payments", "kurs_payments_total", **paid, **corridor) == 3
    assert value("payments", "kurs_payments_oldest_pending_seconds") == 0
    assert value("fx", "kurs_fx_quotes_total", result="quoted") >= 3
    assert value("risk", "kurs_risk_decisions_total", decision="approve", mode="enforce") >= 3
    assert value("payments", "kurs_circuit_breaker_state", target="wallet") == 0
