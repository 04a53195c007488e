"""The OpenAPI document of the whole, merged from those of the services. Pure.

Only routes of the route table are taken over. A route whose service has not shown its document
yet is described from the table alone, so the document always lists every public route.
"""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from api_gateway.api_clients import fit_for_clients
from api_gateway.api_examples import add_examples
from api_gateway.api_schemas import Document, merge_schemas, rename_references
from api_gateway.errors import (
    BodyTooLarge,
    BodyTooSlow,
    DuplicateHeader,
    KeyInQuery,
    KeyInvalid,
    KeyRequired,
    NotJson,
    QueryTooLong,
    RateLimited,
    RoleMissing,
    UnexpectedBody,
    UnsafePath,
    UpstreamConnectionLost,
    UpstreamTimedOut,
    UpstreamUnavailable,
)
from api_gateway.route_table import ROUTES, Route
from kurs.edges.table import GATEWAY
from kurs.kernel.errors import Overloaded, problem_responses

_PARAMETER = re.compile(r"\{([^}]+)\}")
_SCHEME = "apiKey"
_OWN_SCHEMAS = ("Problem", "FieldErrorDocument")
_EVERYWHERE = (
    UnsafePath,
    QueryTooLong,
    DuplicateHeader,
    KeyInQuery,
    KeyRequired,
    KeyInvalid,
    RoleMissing,
    RateLimited,
    Overloaded,
    UpstreamUnavailable,
    UpstreamTimedOut,
    UpstreamConnectionLost,
)
_WITH_BODY = (BodyTooSlow, BodyTooLarge, NotJson)
_WITHOUT_BODY = (UnexpectedBody,)
_TAGS = {
    "payments": "Payments and their life",
    "fx": "Rates and quotes",
    "wallet": "Accounts, balances and the ledger",
    "risk": "Scores and decisions",
    "webhooks": "Where events are sent, and what became of it",
    "api-gateway": "The caller's key, and the currencies",
}

_ABOUT = """A real-time multi-currency payment gateway.

Amounts are decimal strings in major units, times are RFC 3339 in UTC. A payment that was refused is
answered with 400 and the payment itself, whose `failure` says why; everything else that cannot be
done is a problem document (RFC 9457) with a stable `code`. Lists are pages: give `next_cursor` back
as `cursor`. docs/api.md has the whole."""


def merge(own: Document, services: Mapping[str, Document], version: str) -> Document:
    """Return the document of the whole API.

    `own` is the gateway's (probes and the schema of problems); `services` holds what is known of
    each service's, by its name. Neither is changed.
    """
    taken = {name: _public(doc, name) for name, doc in {**services, GATEWAY: own}.items()}
    schemas, renamed = merge_schemas(own, taken, always=_OWN_SCHEMAS)
    paths = _paths(own, taken, renamed)
    fit_for_clients(paths, schemas)
    _make_operation_ids_unique(paths)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kurs",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "The gateway that shows this document."}],
        "tags": [{"name": name, "description": _TAGS[name]} for name in _TAGS],
        "paths": paths,
        "webhooks": _webhooks(taken, renamed),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                _SCHEME: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key: `Authorization: Bearer kurs_...`",
                }
            },
        },
    }


def _paths(
    own: Document, taken: Mapping[str, Document], renamed: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """Return the operations of the public routes, and the gateway's own beside them."""
    paths: dict[str, Any] = {}
    for route in ROUTES:
        template, operation = _operation(taken.get(route.service, {}), route)
        rename_references(operation, renamed.get(route.service, {}))
        paths.setdefault(template, {})[route.method.lower()] = _completed(operation, route)
    probes = own.get("paths", {}).items()
    return paths | {path: deepcopy(ops) for path, ops in probes if path not in paths}


def _webhooks(
    taken: Mapping[str, Document], renamed: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    webhooks: dict[str, Any] = {}
    for name, document in taken.items():
        rename_references(document["webhooks"], renamed.get(name, {}))
        webhooks.update(document["webhooks"])
    return webhooks


def _public(document: Document, service: str) -> Document:
    """Return a copy of a service's document with its public operations, and what it sends, only."""
    wanted = {(_shape(r.template), r.method.lower()) for r in ROUTES if r.service == service}
    paths: dict[str, dict[str, Any]] = {}
    for template, operations in document.get("paths", {}).items():
        for method, operation in operations.items():
            if (_shape(template), method) in wanted:
                paths.setdefault(template, {})[method] = deepcopy(operation)
    webhooks = deepcopy(document.get("webhooks", {}))
    return {"paths": paths, "webhooks": webhooks, "components": document.get("components", {})}


def _operation(document: Document, route: Route) -> tuple[str, dict[str, Any]]:
    for template, operations in document.get("paths", {}).items():
        if _shape(template) == _shape(route.template):
            operation: dict[str, Any] | None = operations.get(route.method.lower())
            if operation is not None:
                return template, operation
    return route.template, _from_table(route)


def _from_table(route: Route) -> dict[str, Any]:
    return {
        "operationId": f"{route.method.lower()}_{re.sub(r'[^a-z]+', '_', route.template)}",
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _PARAMETER.findall(route.template)
        ],
        "responses": {"default": {"description": f"As {route.service} describes it"}},
    }


def _completed(operation: dict[str, Any], route: Route) -> dict[str, Any]:
    """Add what the gateway decides about an operation."""
    by_method = _WITH_BODY if route.takes_body else _WITHOUT_BODY
    problems = problem_responses(*_EVERYWHERE, *by_method)
    responses = {**operation.get("responses", {})}
    for status, response in problems.items():
        known = responses.get(str(status))
        # A service's own 401 means that it was not called through the gateway.
        responses[str(status)] = (
            response if known is None or status == 401 else _both(known, response)
        )
    needs = f"Needs a key with the role `{route.role}`." if route.role else "Needs a key."
    described = operation.get("description", "")
    operation.update(
        {
            "summary": operation.get("summary", route.summary),
            "description": f"{described}\n\n{needs}" if described else needs,
            "tags": [route.service],
            "security": [{_SCHEME: []}],
            "x-kurs-role": route.role,
            "responses": dict(sorted(responses.items())),
        }
    )
    add_examples(operation, route)
    return operation


def _both(services: dict[str, Any], gateways: dict[str, Any]) -> dict[str, Any]:
    """Return one response for what a service and the gateway answer with the same status."""
    said: str = services.get("description", "")
    codes = gateways["description"].partition(": ")[2].split(", ")
    added = [code for code in codes if code not in said]
    return {
        **services,
        "description": ", ".join((said, *added)),
        "content": {**services.get("content", {}), **gateways["content"]},
    }


def _make_operation_ids_unique(paths: dict[str, Any]) -> None:
    seen: set[str] = set()
    for operation in _operations(paths):
        wanted = operation.get("operationId", "")
        if wanted in seen:
            wanted = f"{'_'.join(operation.get('tags', ['gateway']))}_{wanted}"
            operation["operationId"] = wanted
        seen.add(wanted)


def _operations(paths: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for operations in paths.values():
        yield from operations.values()


def _shape(template: str) -> str:
    """Return a path template without the names of its parameters."""
    return _PARAMETER.sub("{}", template)
