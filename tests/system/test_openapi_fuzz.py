"""schemathesis over every service's OpenAPI document: no 5xx, documented statuses only."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from devstack.stack import Stack

SERVICES = ("payments", "fx", "wallet", "risk", "api-gateway")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
CALLER = {"X-Kurs-Merchant": "demo", "X-Kurs-Roles": "pay,read,operate"}
SAMPLES = Path(__file__).parents[1] / "data" / "resources"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(samples=SAMPLES) as running:
        yield running


@pytest.mark.parametrize("service", SERVICES)
def test_every_answer_is_documented(stack: Stack, service: str) -> None:
    document = schemathesis.openapi.from_url(f"{stack.url(service)}/openapi.json")
    operations = [result.ok() for result in document.get_all_operations()]
    assert len(operations) > 4
    for operation in operations:
        # An event stream does not end by itself.
        if operation.path != "/payments/events":
            fuzz(operation, {**CALLER, "Authorization": f"Bearer {stack.api_key()}"})


def fuzz(operation: Any, headers: dict[str, str]) -> None:
    """Send generated requests of one operation; each answer must be as documented."""

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS, headers=headers, timeout=60)

    check()
