"""The document is OpenAPI 3.1, and says of each operation and field what a reader needs."""

from typing import Any

import pytest

from api_gateway.api_clients import NAMES
from payments.domain.failure import FailureCode

openapi_spec_validator = pytest.importorskip("openapi_spec_validator", reason="make setup")


def test_it_is_valid(document: dict[str, Any]) -> None:
    errors = openapi_spec_validator.OpenAPIV31SpecValidator(document).iter_errors()
    assert [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in errors] == []


def test_operations_have_names_for_code_and_say_what_they_do(document: dict[str, Any]) -> None:
    told = {
        (method.upper(), path): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert {route: o["operationId"] for route, o in told.items()} == NAMES
    assert [route for route, o in told.items() if not o.get("summary")] == []
    assert [route for route, o in told.items() if not o.get("description")] == []


def test_a_payment_names_the_words_that_it_may_have(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    payment = schemas["PaymentAnswer"]["properties"]
    assert "PARTIALLY_REFUNDED" in payment["status"]["enum"]
    assert "RECEIVED" not in payment["status"]["enum"]
    assert payment["capture"]["enum"] == ["automatic", "manual"]
    assert payment["created_at"]["format"] == "date-time"
    assert schemas["FailureAnswer"]["properties"]["code"]["enum"] == [c.value for c in FailureCode]
    refused = document["paths"]["/payments"]["post"]["responses"]["400"]["content"]
    assert refused["application/json"]["schema"]["anyOf"][0]["$ref"].endswith("/PaymentAnswer")
