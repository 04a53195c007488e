"""The OpenAPI document of the whole: what is in it, what is not, and that it holds together."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, create_model
from tests.api_gateway.harness import Gateway, until

from api_gateway.api_document import merge
from api_gateway.route_table import ROUTES
from kurs.web.routing import router
from payments.domain.failure import FailureCode
from payments.reading.routes import read_routes

OPERATIONS = {"/healthz", "/readyz", "/metrics"}


class Page(BaseModel):
    """What every service agrees on."""

    next_cursor: str | None


PaymentItem = create_model("Item", payment_id=(str, ...))
AccountItem = create_model("Item", account_id=(str, ...))


def _payments() -> FastAPI:
    app, routes = FastAPI(title="Kurs payments"), router()
    listed = create_model("PaymentList", items=(list[PaymentItem], ...), page=(Page, ...))

    @routes.get("/payments", summary="All payments", response_model=listed)
    async def read() -> Any:
        """Newest first."""

    @routes.get("/payments/{id}", response_model=PaymentItem)
    async def read_one(id: str) -> Any:  # noqa: A002
        """Read one."""

    @routes.post("/score/batch")
    async def internal(body: create_model("Secret", x=(int, ...))) -> Any:  # type: ignore[valid-type]
        """Not for the public."""

    app.include_router(routes)
    return app


def _wallet() -> FastAPI:
    app, routes = FastAPI(title="Kurs wallet"), router()
    listed = create_model("EntryList", items=(list[AccountItem], ...), page=(Page, ...))

    @routes.get("/accounts/{account_id}/entries", operation_id="read", response_model=listed)
    async def entries(account_id: str) -> Any:
        """Newest first."""

    @routes.post("/accounts", operation_id="read_payments_get")
    async def opened(item: AccountItem) -> Any:  # type: ignore[valid-type]
        """Open."""

    app.include_router(routes)
    return app


@pytest.fixture
def documents() -> dict[str, dict[str, Any]]:
    """What two services say of themselves; two models share a name and differ."""
    return {"payments": _payments().openapi(), "wallet": _wallet().openapi()}


def _own() -> dict[str, Any]:
    return {
        "paths": {path: {"get": {"operationId": path, "responses": {}}} for path in OPERATIONS},
        "components": {"schemas": {"Problem": {"type": "object", "title": "Problem"}}},
    }


def _check_whole(document: dict[str, Any]) -> None:
    """Check what a reader of the document relies on."""
    assert document["openapi"].startswith("3.1")
    for reference in _references(document):
        node: Any = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
    identifiers = []
    for path, operations in document["paths"].items():
        for operation in operations.values():
            identifiers.append(operation["operationId"])
            named = set(re.findall(r"\{([^}]+)\}", path))
            declared = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
            assert named == declared, path
            for scheme in operation.get("security", ()):
                assert set(scheme) <= set(document["components"]["securitySchemes"])
    assert len(identifiers) == len(set(identifiers))


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            yield from _references(value)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)


def test_every_public_route_is_described_even_when_no_service_was_seen() -> None:
    document = merge(_own(), {}, "1.0")

    _check_whole(document)
    described = {(m.upper(), p) for p, ops in document["paths"].items() for m in ops}
    assert described == {(r.method, r.template) for r in ROUTES} | {("GET", p) for p in OPERATIONS}


def test_what_services_say_is_taken_over_and_nothing_internal(documents) -> None:
    document = merge(_own(), documents, "1.0")

    _check_whole(document)
    listing = document["paths"]["/payments"]["get"]
    assert listing["summary"] == "All payments"
    assert listing["description"].startswith("Newest first.")
    assert "/payments/{id}" in document["paths"]
    assert "/payments/{payment_id}" not in document["paths"]
    assert "/score/batch" not in document["paths"]
    assert "Secret" not in json.dumps(document)


def test_schemas_of_one_name_are_kept_apart_and_equal_ones_shared(documents) -> None:
    schemas = merge(_own(), documents, "1.0")["components"]["schemas"]

    assert "payment_id" in schemas["Payments.Item"]["properties"]
    assert "account_id" in schemas["Wallet.Item"]["properties"]
    assert "Item" not in schemas
    assert {"Page", "PaymentList", "EntryList"} <= set(schemas)
    items = schemas["EntryList"]["properties"]["items"]["items"]
    assert items == {"$ref": "#/components/schemas/Wallet.Item"}


def test_a_shared_name_that_refers_to_different_things_is_kept_apart() -> None:
    def document(path: str, kind: str) -> dict[str, Any]:
        reference = {"$ref": "#/components/schemas/Outer"}
        answer = {"description": "", "content": {"application/json": {"schema": reference}}}
        inner = {"$ref": "#/components/schemas/Inner"}
        return {
            "paths": {path: {"get": {"operationId": path, "responses": {"200": answer}}}},
            "components": {
                "schemas": {
                    "Outer": {"type": "object", "properties": {"inner": inner}},
                    "Inner": {"type": kind},
                }
            },
        }

    services = {"fx": document("/rates", "string"), "payments": document("/payments", "integer")}
    schemas = merge(_own(), services, "1.0")["components"]["schemas"]

    assert schemas["Fx.Outer"]["properties"]["inner"]["$ref"].endswith("/Fx.Inner")
    assert schemas["Payments.Outer"]["properties"]["inner"]["$ref"].endswith("/Payments.Inner")
    assert schemas["Payments.Inner"] == {"type": "integer"}


def test_each_operation_tells_its_key_role_and_problems(documents) -> None:
    document = merge(_own(), documents, "1.0")

    for route in ROUTES:
        shape = re.sub(r"\{\w+\}", "{}", route.template)
        (operation,) = (
            operations[route.method.lower()]
            for path, operations in document["paths"].items()
            if re.sub(r"\{\w+\}", "{}", path) == shape
        )
        assert operation["security"] == [{"apiKey": []}]
        assert operation["x-kurs-role"] == route.role
        assert operation["tags"] == [route.service]
        expected = {"400", "401", "403", "429", "503", "504"}
        expected |= {"408", "413", "415"} if route.method == "POST" else set()
        assert expected <= set(operation["responses"])
    assert document["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"


def test_a_status_of_both_tells_the_codes_of_both(documents) -> None:
    responses = merge(_own(), documents, "1.0")["paths"]["/accounts"]["post"]["responses"]

    assert "malformed_json" in responses["400"]["description"]
    assert "key_in_query" in responses["400"]["description"]
    assert list(responses) == sorted(responses)


def test_merging_changes_none_of_its_sources(documents) -> None:
    own, before = _own(), json.dumps(documents)

    merge(own, documents, "1.0")

    assert json.dumps(documents) == before
    assert own == _own()


async def test_the_document_follows_the_services_and_outlives_them(gateway: Gateway) -> None:
    payments = gateway.services["payments"]
    catalogue = gateway.catalogue
    payments.document = _payments().openapi()
    await catalogue.refresh()
    first = await gateway.get("/openapi.json", key=None)
    assert first.json()["paths"]["/payments"]["get"]["summary"] == "All payments"
    _check_whole(first.json())

    payments.document = None
    await catalogue.refresh()
    second = await gateway.get("/openapi.json", key=None)
    assert second.body == first.body

    unchanged = await gateway.get(
        "/openapi.json", key=None, headers={"If-None-Match": first.headers["etag"]}
    )
    assert (unchanged.status, unchanged.body) == (304, b"")


async def test_the_console_is_told_why_payments_fail_as_soon_as_payments_says_so(
    gateway: Gateway,
) -> None:
    before = await gateway.get("/console/config.json", key=None)
    assert before.json()["failure_codes"] == []
    app = FastAPI()
    app.include_router(read_routes)
    gateway.services["payments"].document = app.openapi()

    await gateway.catalogue.refresh()

    told = await gateway.get("/console/config.json", key=None)
    assert told.json()["failure_codes"] == [code.value for code in FailureCode]


async def test_the_document_is_fetched_in_the_background(gateway: Gateway) -> None:
    gateway.services["wallet"].document = _wallet().openapi()

    catalogue = gateway.catalogue

    await until(lambda: "EntryList" in catalogue.current.document["components"]["schemas"])
    assert b"EntryList" in (await gateway.get("/openapi.json", key=None)).body


async def test_an_unreadable_document_is_passed_over(gateway: Gateway) -> None:
    gateway.services["fx"].document = ["not", "an", "object"]  # type: ignore[assignment]

    await gateway.catalogue.refresh()

    _check_whole((await gateway.get("/openapi.json", key=None)).json())
