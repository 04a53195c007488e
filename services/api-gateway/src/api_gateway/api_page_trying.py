"""The part of the API page that shows how to call an operation, and lets one do it from there.

The command works as it is copied. The form is filled with the examples of the document; the script
of the page sends it, with the key that the console of this tab is signed in with, or another one.
"""

import json
from collections.abc import Mapping
from typing import Any

from api_gateway.markup import Markup, element, join

Operation = Mapping[str, Any]
_OPEN = frozenset({"/healthz", "/readyz", "/metrics"})
_KEY = '-H "Authorization: Bearer $(cat var/api-key)"'


def trying(method: str, path: str, operation: Operation) -> Markup:
    """Return the command and the form of an operation."""
    if path in _OPEN:
        return Markup()
    body = example_body(operation)
    fields = [_parameter(p) for p in operation.get("parameters", ()) if p["in"] != "header"]
    fields += [_parameter(p) for p in operation.get("parameters", ()) if p["in"] == "header"]
    if body is not None:
        area = element("textarea", json.dumps(body, indent=2), name="body", rows="8")
        fields.append(element("label", "Body", area))
    form = element(
        "form",
        *fields,
        element("p", element("button", "Send"), element("output", role="status")),
        element("pre", class_="answer", tabindex="0", aria_label="The answer"),
        data_method=method,
        data_path=path,
    )
    said = element("pre", element("code", command(method, path, operation)), tabindex="0")
    shown = element(
        "details",
        element("summary", "Try it"),
        form,
        class_="try",
        # It does nothing without the script.
        hidden="hidden",
        data_script="shows",
    )
    return join(element("h4", "Example"), said, shown)


def example_body(operation: Operation) -> Any:
    """Return the example of a body, None where none is taken."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return None if content is None else content.get("example", {})


def command(method: str, path: str, operation: Operation) -> str:
    """Return the request as a command for a shell, beside a `make dev`."""
    query = []
    headers = [_KEY]
    for parameter in operation.get("parameters", ()):
        value = parameter.get("example")
        if value is None:
            continue
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", value)
        elif parameter["in"] == "query":
            query.append(f"{parameter['name']}={value}")
        else:
            headers.append(f'-H "{parameter["name"]}: {value}"')
    address = f"localhost:8080{path}{'?' if query else ''}{'&'.join(query)}"
    body = example_body(operation)
    if body is not None:
        headers.append('-H "Content-Type: application/json"')
        return f"curl -s {_quoted(address)} {' '.join(headers)} \\\n  -d '{json.dumps(body)}'"
    verb = "" if method == "GET" else f"-X {method} "
    return f"curl -s {verb}{_quoted(address)} {' '.join(headers)}"


def _quoted(address: str) -> str:
    return f'"{address}"' if "?" in address or "{" in address else address


def _parameter(parameter: Mapping[str, Any]) -> Markup:
    name, required = parameter["name"], parameter.get("required", False)
    field = Markup(
        element(
            "input",
            name=name,
            value=parameter.get("example", ""),
            data_in=parameter["in"],
            required="required" if required else "",
            autocomplete="off",
            spellcheck="false",
        ).removesuffix("</input>")
    )
    return element("label", element("code", name), field)
