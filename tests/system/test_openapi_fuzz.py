"""schemathesis over every service's OpenAPI document: no 5xx, documented statuses only."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from devstack.stack import Stack

SERVICES = ("payments", "fx", "wallet", "risk", "webhooks", "api-gateway")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
CALLER = {
    "X-Kurs-Merchant": "demo",
    "X-Kurs-Roles": "pay,refund,read,review,webhooks,treasury,audit",
}
SAMPLES = Path(__file__).parents[1] / "data" / "resources"


PAYMENTS = ("captured", "authorized", "refunded")
REAL = {
    "payment_id": st.sampled_from(PAYMENTS),
    "account_id": st.sampled_from(["alice", "bob"]),
    "source_account": st.just("alice"),
    "destination_account": st.just("bob"),
    "transfer_id": st.sampled_from([f"pay:demo:{name}" for name in PAYMENTS]),
    "currency": st.just("USD"),
    **dict.fromkeys(("from", "base", "source_currency"), st.just("USD")),
    **dict.fromkeys(("to", "destination_currency"), st.just("IDR")),
    "amount": st.sampled_from(["0.01", "1.00", "9.99"]),
}
"""Values that exist, by the name of a parameter or a field: random ones only meet refusals."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(samples=SAMPLES) as running:
        populate(running)
        yield running


def populate(stack: Stack) -> None:
    """Make what `REAL` names."""
    with httpx.Client(
        base_url=stack.url("api-gateway"), headers={"Authorization": f"Bearer {stack.api_key()}"}
    ) as client:

        def post(path: str, body: Any) -> None:
            named = {"Idempotency-Key": f"of-{path}"[:60]} if path.startswith("/payments") else {}
            answer = client.post(path, json=body, headers=named)
            assert answer.status_code == 200, answer.text

        post("/accounts", [{"account_id": "alice"}, {"account_id": "bob"}])
        funds = {"account_id": "alice", "currency": "USD", "amount": "90000.00"}
        post("/deposits", {"deposit_id": "funds", **funds})
        for name in PAYMENTS:
            body = {
                "payment_id": name,
                "amount": "10.00",
                "currency": "USD",
                "source_account": "alice",
                "destination_account": "bob",
                "capture": "manual" if name == "authorized" else "automatic",
            }
            answer = client.post("/payments", json=body)
            assert answer.status_code == 200, answer.text
        post("/payments/refunded/refunds", {"amount": "1.00"})


@pytest.mark.parametrize("service", SERVICES)
def test_every_answer_is_documented(stack: Stack, service: str) -> None:
    proof = Proof(stack, service)
    document = schemathesis.openapi.from_url(f"{stack.url(service)}/openapi.json", auth=proof)
    operations = [result.ok() for result in document.get_all_operations()]
    assert len(operations) >= 4
    for operation in operations:
        # An event stream does not end by itself.
        if operation.path != "/payments/events":
            fuzz(operation, {**CALLER, "Authorization": f"Bearer {stack.api_key()}"}, proof)


class Proof(requests.auth.AuthBase):
    """Signs what goes to a service behind the gateway."""

    def __init__(self, stack: Stack, service: str) -> None:
        self._stack = stack
        self._service = service

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request as it is about to be sent."""
        if self._service != "api-gateway":
            body = request.body.encode() if isinstance(request.body, str) else request.body
            method, target = request.method or "", request.path_url
            self._stack.sign(self._service, method, target, request.headers, body)
        return request


def fuzz(operation: Any, headers: dict[str, str], proof: Proof) -> None:
    """Send generated requests of one operation; each answer must be as documented."""

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(), real=st.fixed_dictionaries(REAL), known=st.booleans())
    def check(case: schemathesis.Case, real: dict[str, str], known: bool) -> None:
        if known:
            case.path_parameters = filled(case.path_parameters, real)
            # In a body, `quote` is a token.
            case.query = filled(case.query, {**real, "quote": "IDR"})
            case.body = filled(case.body, real)
        case.call_and_validate(checks=CHECKS, headers=headers, auth=proof, timeout=60)

    check()


def filled(value: Any, real: dict[str, str]) -> Any:
    """Return a value with what exists in the places of members by those names."""
    if isinstance(value, dict):
        return {key: real.get(key, filled(member, real)) for key, member in value.items()}
    if isinstance(value, list):
        return [filled(member, real) for member in value]
    return value
