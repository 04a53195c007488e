"""Past all network policies, a pod without the key of an edge moves nothing and learns nothing."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests.cluster.attempts import addresses_of, attempt, standing_in
from tests.cluster.installation import Installation
from tests.cluster.shell import eventually, get

from kurs.edges import EDGES
from loadtest.client import GatewayClient

_CALLER = {
    "X-Kurs-Merchant": "demo",
    "X-Kurs-Key-Id": "k1",
    "X-Kurs-Roles": "pay,read,treasury,audit",
}
_POSTINGS = [
    {"account_id": "house:liquidity", "currency": "USD", "amount_minor": -100_000_000},
    {"account_id": "evil", "currency": "USD", "amount_minor": 100_000_000},
]
_BODY = json.dumps(
    {"items": [{"kind": "post", "transfer_id": "x1", "merchant": "m2", "postings": _POSTINGS}]}
)
_ASK = """
import http.client, json, sys
asked = json.load(sys.stdin)
found = {}
for address, method, target, headers in asked["requests"]:
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request(method, target, asked["body"] if method == "POST" else None, headers)
    answer = connection.getresponse()
    known = json.loads(answer.read() or b"{}").get("code")
    found.setdefault(f"{answer.status} {known}", []).append([address, method, target, headers])
    connection.close()
print(json.dumps(found))
"""


@pytest.fixture
def unguarded(dev: Installation) -> Iterator[None]:
    """The namespace without any network policy; they are put back afterwards."""
    kept = get(dev.namespace, "networkpolicies")
    for policy in kept["items"]:
        for name in ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields"):
            policy["metadata"].pop(name, None)
    dev.kubectl("delete", "networkpolicies", "--all")
    try:
        yield
    finally:
        dev.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(kept))


def forged(caller: str) -> Iterator[dict[str, str]]:
    """Yield headers that somebody without a key could send."""
    yield {}
    yield _CALLER
    made_up = f"v1 {caller} 1767225600000000 0123456789abcdef {'0' * 64} {'0' * 64}"
    yield {**_CALLER, "X-Kurs-Edge": made_up}
    yield {**_CALLER, "X-Kurs-Edge": caller}


def ledger(place: Installation) -> Any:
    """Return how many accounts and postings the ledger has in each currency, and their sum."""

    async def ask(gateway: str) -> Any:
        async with GatewayClient(gateway, place.api_key(), 1) as client:
            return (await client.get("/ledger/trial-balance")).document

    with place.port_forward() as gateway:
        return asyncio.run(ask(gateway))


@pytest.mark.usefixtures("unguarded")
def test_without_policies_every_route_refuses_every_forged_header(dev: Installation) -> None:
    addresses, before = addresses_of(dev), ledger(dev)
    requests = [
        (addresses[service], route.method, route.template.replace("{", "").replace("}", ""), made)
        for (caller, service), routes in EDGES.items()
        for route in routes
        for made in forged(caller)
    ]
    with standing_in(dev, "intruder") as pod:
        services = [addresses[name] for name in ("payments", "fx", "wallet", "risk")]
        eventually(
            "the policies to be gone",
            lambda: set(attempt(dev, pod, *services).values()) == {"open"},
            patience=60,
        )
        asked = json.dumps({"requests": requests, "body": _BODY})
        said = dev.kubectl("exec", "-i", pod, "--", "python", "-c", _ASK, stdin=asked)

    found = json.loads(said)
    assert len(requests) > 100
    assert set(found) == {"401 edge_invalid"}, {k: v[:3] for k, v in found.items()}
    assert ledger(dev) == before, "something moved"
