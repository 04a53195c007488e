"""Examples of requests, which the API document shows and the API page lets one send.

They follow one another: an account, money on it, a payment, part of it back. A test holds each to
the schema of its body.
"""

from collections.abc import Mapping
from typing import Any

from kurs.edges import PublicRoute

_BODIES: Mapping[str, Any] = {
    "/payments": {
        "payment_id": "order-1",
        "amount": "12.50",
        "currency": "USD",
        "source_account": "alice",
        "destination_account": "toko",
        "description": "Invoice 2041",
        "metadata": {"cart": "c-17"},
    },
    "/payments/{payment_id}/capture": {"amount": "10.00"},
    "/payments/{payment_id}/refunds": {"amount": "2.50"},
    "/quotes": {
        "source_currency": "USD",
        "destination_currency": "IDR",
        "source_amount": "100.00",
    },
    "/accounts": [
        {"account_id": "alice"},
        {"account_id": "toko", "settlement_currency": "IDR"},
    ],
    "/deposits": {
        "deposit_id": "d-1",
        "account_id": "alice",
        "currency": "USD",
        "amount": "500.00",
    },
    "/score": {
        "payment_id": "order-2",
        "amount": "30000.00",
        "currency": "USD",
        "source_account": "demo/alice",
        "destination_account": "demo/toko",
    },
    "/event-destinations/{destination}/replay": {"after": 0},
}
_PARAMETERS: Mapping[str, str] = {
    "payment_id": "order-1",
    "account_id": "alice",
    "destination": "orders",
    "base": "USD",
    "quote": "IDR",
    "from": "USD",
    "to": "IDR",
    "amount": "100.00",
}
"""By name, wherever a route requires one."""
_KEY = ("idempotency-key", "refund-1")
_NEEDS_KEY = "/refunds"
"""How routes end that refuse a request without a key."""


def add_examples(operation: dict[str, Any], route: PublicRoute) -> None:
    """Write examples beside the body and the required parameters of an operation."""
    for parameter in operation.get("parameters", ()):
        value = _PARAMETERS.get(parameter["name"])
        if value is not None and parameter.get("required"):
            parameter.setdefault("example", value)
        if parameter["name"] == _KEY[0] and route.template.endswith(_NEEDS_KEY):
            parameter.setdefault("example", _KEY[1])
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is not None and route.method == "POST":
        content.setdefault("example", _BODIES.get(route.template, {}))
