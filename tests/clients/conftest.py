"""A running gateway with two accounts, and its document as a generator of clients gets it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api_gateway.route_table import ROUTES
from devstack.stack import Stack

SAMPLES = Path(__file__).parents[1] / "data" / "resources"


@pytest.fixture(scope="session")
def gateway() -> Iterator[Stack]:
    with Stack(samples=SAMPLES) as running:
        key = {"Authorization": f"Bearer {running.api_key()}"}
        with httpx.Client(base_url=running.url("api-gateway"), headers=key) as client:
            accounts = [{"account_id": "ann"}, {"account_id": "ben"}]
            assert client.post("/accounts", json=accounts).status_code == 200
            funds = {
                "deposit_id": "ann",
                "account_id": "ann",
                "currency": "USD",
                "amount": "40.00",
            }
            assert client.post("/deposits", json=funds).status_code == 200
        yield running


@pytest.fixture(scope="session")
def document(gateway: Stack) -> dict[str, Any]:
    """Return the document once every service has shown its part."""
    while True:
        found: dict[str, Any] = httpx.get(f"{gateway.url('api-gateway')}/openapi.json").json()
        described = (found["paths"][r.template][r.method.lower()]["responses"] for r in ROUTES)
        if all("default" not in responses for responses in described):
            return found
        time.sleep(0.2)


@pytest.fixture(scope="session")
def document_file(document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("document") / "openapi.json"
    file.write_text(json.dumps(document), "utf-8")
    return file
