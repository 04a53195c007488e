"""The whole gateway in one process, on both databases."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from kurs_testing.clock import ManualClock
from kurs_testing.joined import JoinedGateway

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "data" / "resources"
# A busy machine is no failure.
PATIENT = {
    "payments": {"payment_seconds": 60.0, "lease_seconds": 90.0},
    "api-gateway": {"request_seconds": 90.0},
}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[JoinedGateway]:
    """Five apps on SQLite and the machine's clock."""
    async with JoinedGateway(tmp_path / "kurs", SAMPLES, overrides=PATIENT) as joined:
        yield joined


@pytest.fixture
def payment() -> Callable[..., dict[str, Any]]:
    """Return a maker of payment bodies: alice pays bob 10.00 USD unless told otherwise."""

    def make(payment_id: str, **changes: Any) -> dict[str, Any]:
        body = {
            "payment_id": payment_id,
            "amount": "10.00",
            "currency": "USD",
            "source_account": "alice",
            "destination_account": "bob",
        }
        return {k: v for k, v in {**body, **changes}.items() if v is not None}

    return make


@pytest.fixture
async def accounts(gateway: JoinedGateway) -> None:
    """alice has money, bob and ibu have accounts."""
    await gateway.open_and_fund("alice", USD="50000.00", JPY="100000")
    await gateway.open_and_fund("bob")
    await gateway.open_and_fund("ibu", settlement_currency="IDR")


@pytest.fixture
async def conserved(gateway: JoinedGateway, accounts: None):  # type: ignore[no-untyped-def]
    """Hold afterwards that no money came or went."""
    yield
    for currency, total in (await gateway.sums()).items():
        assert float(total) == 0, currency
    assert gateway.transport.errors == []
