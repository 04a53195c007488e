"""What the tests of webhooks share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.webhooks.harness import Webhooks, webhooks_over
from tests.webhooks.receiver import Receiver


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what failed be tried again at once, so that a test need not wait for hours."""
    monkeypatch.setattr("webhooks.domain.backoff._FIRST_SECONDS", 0.05)
    monkeypatch.setattr("webhooks.domain.backoff._LONGEST_SECONDS", 0.2)
    monkeypatch.setattr("webhooks.domain.backoff._PROBE_SECONDS", 0.2)


@pytest.fixture
async def webhooks(tmp_path: Path, database_url: str, soon: None) -> AsyncIterator[Webhooks]:
    async with webhooks_over(tmp_path / "run", database_url) as made:
        yield made


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as listening:
        yield listening
