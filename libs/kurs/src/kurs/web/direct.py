"""Direct routes: those of the hot path, which the framework documents and does not handle."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, TypeAdapter

from kurs.kernel.decoder import decode
from kurs.kernel.validation import validate
from kurs.web.routing import JsonRoute, check_parameters

Parsed = TypeVar("Parsed")
Model = TypeVar("Model", bound=BaseModel)
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
    extra = {"requestBody": json_body(body), **documented.pop("openapi_extra", {})}
    return _direct(routes, "POST", path, openapi_extra=extra, **documented)


def direct_get(
    routes: APIRouter, path: str, *, query: type[BaseModel], **documented: Any
) -> Callable[[Endpoint], Endpoint]:
    """Declare a direct route that only reads, as `direct_post`; `query` is for the document."""
    extra = {"parameters": _parameters(query), **documented.pop("openapi_extra", {})}
    return _direct(routes, "GET", path, openapi_extra=extra, **documented)


def _direct(
    routes: APIRouter, method: str, path: str, **documented: Any
) -> Callable[[Endpoint], Endpoint]:
    assert "{" not in path, f"{path} has parameters, which nobody would read"

    def declare(endpoint: Endpoint) -> Endpoint:
        routes.add_api_route(
            path, endpoint, methods=[method], route_class_override=DirectRoute, **documented
        )
        return endpoint

    return declare


def read_query(request: Request, model: type[Model]) -> Model:
    """Return the validated query; raises Unprocessable naming the fields."""
    check_parameters(request)
    return validate(model.model_validate, dict(request.query_params))


async def read_json(request: Request, adapter: TypeAdapter[Parsed]) -> Parsed:
    """Return the validated body; raises MalformedJson, and Unprocessable naming the fields."""
    return validate(adapter.validate_python, decode(await request.body()))


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI `requestBody` of a direct route; the schema refers to nothing outside."""
    schema = model.model_json_schema()
    schema = _inline(schema, schema.pop("$defs", {}))
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema()
    required = schema.get("required", ())
    members = _inline(schema["properties"], schema.get("$defs", {}))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": member}
        for name, member in members.items()
    ]


def _inline(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_inline(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inline(definitions[node["$ref"].rpartition("/")[2]], definitions)
    return {key: _inline(value, definitions) for key, value in node.items()}
