"""Each example of a body holds its schema, and the command beside it is one for a shell."""

import shlex
from typing import Any

import jsonschema
import pytest
from tests.system.api_examples import SAMPLES

from api_gateway.api_page_trying import command, example_body, trying
from api_gateway.catalogue import Catalogue
from kurs_testing.joined import JoinedGateway
from kurs_testing.parts import part
from kurs_testing.waiting import eventually


@pytest.fixture
async def document(tmp_path: Any) -> Any:
    async with JoinedGateway(tmp_path, SAMPLES) as gateway:
        catalogue = part(gateway.apps["api-gateway"], Catalogue)
        wanted = {"/payments", "/deposits", "/score", "/quotes"}

        def whole() -> bool:
            paths = catalogue.current.document["paths"]
            return all("requestBody" in paths[path]["post"] for path in wanted)

        await eventually(whole)
        return catalogue.current.document


async def test_examples_hold_their_schemas_and_are_commands(document: Any) -> None:
    bodies = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            body = example_body(operation)
            if body is not None:
                bodies += 1
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                whole = {**schema, "components": document["components"]}
                jsonschema.Draft202012Validator(whole).validate(body)
            words = shlex.split(command(method.upper(), path, operation))
            assert words[:2] == ["curl", "-s"]
            assert "{" not in words[2] or "delivery" in words[2], words[2]
            assert ("Try it" in trying(method.upper(), path, operation)) is (
                path not in ("/healthz", "/readyz", "/metrics")
            )
    assert bodies >= 10


def test_a_query_and_a_header_stand_in_the_command() -> None:
    operation = {
        "parameters": [
            {"name": "base", "in": "query", "example": "USD"},
            {"name": "quote", "in": "query", "example": "IDR"},
            {"name": "Idempotency-Key", "in": "header", "example": "once-1"},
            {"name": "limit", "in": "query"},
        ]
    }
    words = shlex.split(command("GET", "/rate", operation))
    assert words[2] == "localhost:8080/rate?base=USD&quote=IDR"
    assert words[-1] == "Idempotency-Key: once-1"
