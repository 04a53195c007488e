"""A risk app on both databases, and one on SQLite for what no database changes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.risk.harness import RiskApp, limits, risk_app, risk_document

# Nothing here asserts a time, and a busy machine may pause any example.
settings.register_profile(
    "risk", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=30
)
settings.load_profile("risk")

DOCUMENT = risk_document(
    standard={
        "perPayment": limits(review=100_00, decline=1_000_00),
        "velocity": [{"name": "minute", "window": "60s", "maxCount": 3, "action": "Decline"}],
        "newAccount": {"maxAge": "24h", "points": 20},
        "blocklist": {"accounts": ["mallory"]},
    }
)


@pytest.fixture
async def risk(database_url: str, tmp_path: Path) -> AsyncIterator[RiskApp]:
    """A risk that reviews above 100.00 USD, declines above 1,000.00 USD or 3 attempts a minute."""
    async with risk_app(database_url, tmp_path / "config", DOCUMENT) as app:
        yield app


@pytest.fixture
async def small_risk(sqlite_url: str, tmp_path: Path) -> AsyncIterator[RiskApp]:
    """The same on SQLite alone."""
    async with risk_app(sqlite_url, tmp_path / "config", DOCUMENT) as app:
        yield app
