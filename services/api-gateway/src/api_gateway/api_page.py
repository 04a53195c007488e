"""The page under `/docs`: the API document as plain HTML, with nothing from afar.

It is whole without a script; that of the page sends the requests of its forms.

Swagger UI and its kin load megabytes from a content network; a closed network has none, and a
strict Content-Security-Policy would have to be opened for their inline parts.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from api_gateway.api_page_schemas import (
    anchor,
    description,
    properties_table,
    rows_table,
    type_of,
)
from api_gateway.api_page_trying import trying
from api_gateway.markup import Markup, element, join, prose

Operation = Mapping[str, Any]
Group = tuple[str, str, list[tuple[str, str, Operation]]]
"""A tag, what it is about, and its operations as (method, path, operation)."""

STYLESHEET = "/docs/docs.css"
SCRIPT = "/docs/docs.js"


def render_page(document: Mapping[str, Any]) -> str:
    """Return the page for an OpenAPI document."""
    info = document["info"]
    groups = _groups(document)
    head = element(
        "head",
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup(f'<link rel="stylesheet" href="{STYLESHEET}">'),
        Markup(f'<script type="module" src="{SCRIPT}"></script>'),
        element("title", f"{info['title']} API"),
    )
    body = element(
        "body",
        _header(info),
        element("nav", *(_contents(group) for group in groups), aria_label="Contents"),
        element("main", *(_section(group) for group in groups), _schemas(document)),
    )
    return f'<!doctype html>\n<html lang="en">{head}{body}</html>\n'


def _groups(document: Mapping[str, Any]) -> list[Group]:
    abouts = {tag["name"]: tag.get("description", "") for tag in document.get("tags", ())}
    found: dict[str, list[tuple[str, str, Operation]]] = {name: [] for name in abouts}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = next(iter(operation.get("tags", ())), "other")
            found.setdefault(tag, []).append((method.upper(), path, operation))
    return [(name, abouts.get(name, ""), members) for name, members in found.items() if members]


def _header(info: Mapping[str, Any]) -> Markup:
    title = element("h1", f"{info['title']} API ", element("small", str(info["version"])))
    links = element(
        "p",
        element("a", "Console", href="/"),
        " · ",
        element("a", "openapi.json", href="/openapi.json"),
    )
    key = prose(
        "Send your API key with every request: `Authorization: Bearer kurs_...`. Errors are "
        "`application/problem+json` with a stable `code`. Amounts are decimal strings in major "
        "units. Repeat a request whose outcome you do not know with the same `Idempotency-Key`."
    )
    field = Markup('<input id="key" type="password" autocomplete="off" spellcheck="false">')
    form = element(
        "form",
        element("label", "API key for “Try it”", field),
        hidden="hidden",
        data_script="shows",
    )
    return element("header", title, prose(info.get("description", "")), links, key, form)


def _contents(group: Group) -> Markup:
    tag, _, members = group
    links = (
        element("li", element("a", f"{method} {path}", href=f"#{_place(method, path)}"))
        for method, path, _ in members
    )
    return join(element("h2", tag), element("ul", *links))


def _section(group: Group) -> Markup:
    tag, about, members = group
    title = element("h2", tag, " ", element("small", about))
    return element("section", title, *(_operation(*member) for member in members))


def _operation(method: str, path: str, operation: Operation) -> Markup:
    title = element(
        "h3",
        element("span", method, class_=f"method {method.lower()}"),
        " ",
        element("code", path),
        " ",
        element("small", operation.get("summary", "")),
    )
    return element(
        "article",
        title,
        prose(operation.get("description", "")),
        trying(method, path, operation),
        _parameters(operation),
        _body(operation),
        _responses(operation),
        id=_place(method, path),
    )


def _parameters(operation: Operation) -> Markup:
    rows = [
        (
            element("code", p["name"]),
            p["in"] + (", required" if p.get("required") else ""),
            type_of(p.get("schema", {})),
            join(p.get("description", ""), " ", description(p.get("schema", {}))),
        )
        for p in operation.get("parameters", ())
    ]
    table = rows_table(("Parameter", "In", "Type", "About"), rows)
    return join(element("h4", "Parameters"), table) if rows else Markup()


def _body(operation: Operation) -> Markup:
    content = operation.get("requestBody", {}).get("content", {})
    shown = (
        join(element("h4", f"Body, {media_type}"), properties_table(media.get("schema", {})))
        for media_type, media in content.items()
    )
    return join(*shown)


def _responses(operation: Operation) -> Markup:
    rows: list[tuple[str, ...]] = []
    for status, response in operation.get("responses", {}).items():
        types = [
            join(type_of(media.get("schema", {})), element("small", f" {media_type}"))
            for media_type, media in response.get("content", {}).items()
        ]
        rows.append((element("code", _status(status)), join(*types), response["description"]))
    return join(element("h4", "Answers"), rows_table(("Status", "Body", "About"), rows))


def _status(status: str) -> str:
    return f"{status} {HTTPStatus(int(status)).phrase}" if status.isdigit() else status


def _schemas(document: Mapping[str, Any]) -> Markup:
    schemas = document.get("components", {}).get("schemas", {})
    articles = (
        element(
            "article",
            element("h3", element("code", name)),
            prose(schema.get("description", "")),
            properties_table(schema),
            id=anchor(name),
        )
        for name, schema in schemas.items()
    )
    return element("section", element("h2", "Schemas"), *articles) if schemas else Markup()


def _place(method: str, path: str) -> str:
    return f"{method.lower()}{path.replace('{', '').replace('}', '')}".replace("/", "-")
