"""A payment as a client makes it."""

from typing import Any

from kurs_testing.joined import JoinedGateway


async def pay(gateway: JoinedGateway, body: dict[str, Any], **headers: str) -> Any:
    """Ask the gateway for a payment."""
    return await gateway.call("POST", "/payments", body, headers=headers)
