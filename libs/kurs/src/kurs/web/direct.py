"""Bodies of direct routes (kurs.web.routing.JsonRoute): how they are read, and documented."""

from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, TypeAdapter

from kurs.kernel.decoder import decode
from kurs.kernel.validation import validate

Parsed = TypeVar("Parsed")


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
