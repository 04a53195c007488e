"""Fixtures of the gateway's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.api_gateway.harness import Gateway, MakeGateway


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    """A running gateway with the settings as they come."""
    made = Gateway(tmp_path)
    async with made.transport:
        yield made
    assert made.transport.errors == []


@pytest.fixture
def make_gateway(tmp_path: Path) -> MakeGateway:
    """Makes a gateway with other settings; the test enters `gateway.transport` itself."""
    return lambda **settings: Gateway(tmp_path, **settings)
