"""Direct routes: those of the hot path, which the framework documents and does not handle."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, TypeAdapter

from kurs.kernel.decoder import decode
from kurs.kernel.validation import validate
from kurs.web.routing import JsonRoute

Parsed = TypeVar("Parsed")
Endpoint = Callable[[Request], Awaitable[Response]]


class DirectRoute(JsonRoute):
    """A route that `kurs.web.layers` calls itself.

    FastAPI's handling of routes, dependencies, parameters and bodies costs more than what such a
    route does. It reads its input itself and returns a Response.
    """


def direct_post(
    routes: APIRouter, path: str, *, body: type[BaseModel], **documented: Any
) -> Callable[[Endpoint], Endpoint]:
    """Declare a direct route under one path without parameters.

    `body` and `documented` (as FastAPI's decorators take it) are for the API's document alone.
    """
    assert "{" not in path, f"{path} has parameters, which nobody would read"
    extra = {"requestBody": json_body(body), **documented.pop("openapi_extra", {})}

    def declare(endpoint: Endpoint) -> Endpoint:
        routes.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            route_class_override=DirectRoute,
            openapi_extra=extra,
            **documented,
        )
        return endpoint

    return declare


async def read_json(request: Request, adapter: TypeAdapter[Parsed]) -> Parsed:
    """Return the validated body; raises MalformedJson, and Unprocessable naming the fields."""
    return validate(adapter.validate_python, decode(await request.body()))


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI `requestBody` of a direct route; the schema refers to nothing outside."""
    schema = model.model_json_schema()
    schema = _inline(schema, schema.pop("$defs", {}))
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _inline(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_inline(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inline(definitions[node["$ref"].rpartition("/")[2]], definitions)
    return {key: _inline(value, definitions) for key, value in node.items()}
