"""What a hostile caller sends: every field of every operation that the apps themselves document."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI

MARK = "=hostile="
"""Where a hostile value goes in a body: numbers must stay the text that they are."""
FREE = "=hostile object="
"""The same where any object may be."""
REAL = {
    "account_id": "alice",
    "source_account": "alice",
    "destination_account": "bob",
    "currency": "USD",
    "base": "USD",
    "from": "USD",
    "source_currency": "USD",
    "destination_currency": "IDR",
    "settlement_currency": "IDR",
    "quote": "IDR",
    "to": "IDR",
    "amount": "1.00",
    "source_amount": "1.00",
    "amount_minor": 100,
    "merchant": "demo",
    "postings": [
        {"account_id": "alice", "currency": "USD", "amount_minor": -100},
        {"account_id": "bob", "currency": "USD", "amount_minor": 100},
    ],
    "traceparent": f"00-{'1' * 32}-{'2' * 16}-00",
    "baggage": "merchant=demo",
    "limit": 5,
    "after": 0,
    "last-event-id": 0,
}
"""Values that exist, by the name of a field or a parameter."""

NUMBERS = [
    "1e999999999", "-1E+999999999", "1e-999999999", "1e400", "1e41", "1." + "0" * 60 + "1",
    "9" * 41, "-" + "9" * 4_300, "9" * 5_000, "9" * 500_000, "NaN", "-Infinity", "01", "0x10",
]  # fmt: skip
TEXTS = [
    json.dumps(text)
    for text in (
        "\0", "a\nb", "\u202eabc", "\u200b", "\u2028", "\ue000", "\ufdd0", "\ud800", "x" * 100_000,
        "9" * 5_000,
    )
]  # fmt: skip
SHAPES = [
    "[" * 100_000,
    "[" * 40 + "]" * 40,
    '{"a":' * 40 + "1" + "}" * 40,
    "[" + "0," * 60_000 + "0]",
    "[" + "{}," * 60_000 + "{}]",
    json.dumps({f"k{i}": i for i in range(20_000)}),
    '{"a": 1, "a": 2}',
    '{"a": {"b": 1, "b": 1}}',
    '"\\ud800\\ud800"',
    "\x00",
    "tru",
]
NUMERALS = ["1e999999999", "NaN", "0x10", "5.5", ""]
VALUES = [*NUMBERS, *TEXTS, *SHAPES]
ENCODINGS = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"]
PARAMETERS = [
    "9" * 4_300, "9" * 5_000, "9" * 7_000, "\0", "\u202e", "a\nb", "x" * 7_000, "../..", "\u0661",
    "%ff", "-9223372036854775809",
]  # fmt: skip


class Free(dict[str, Any]):
    """An object that may hold anything, so that nothing in it is hostile."""


@dataclass(frozen=True)
class Operation:
    """One method of one path of one service, with a plausible body for each shape it takes."""

    service: str
    method: str
    path: str
    parameters: tuple[tuple[str, str, bool], ...]
    """Where each parameter is, its name, and whether it is a number."""
    bodies: tuple[Any, ...]

    @property
    def is_batch(self) -> bool:
        """Whether each item is refused alone, in an answer of 200."""
        return self.path.endswith("/batch")

    @property
    def is_between_services(self) -> bool:
        """Whether its bodies are the other services' own, which are read straight into items."""
        return self.is_batch or self.path == "/accounts/lookup"

    def target(self, changed: str = "", value: str = "") -> str:
        """Return path and query with real values, but `value` (encoded) for one parameter."""
        path, query = self.path, []
        for where, name, _ in self.parameters:
            own = quote(str(REAL.get(name, "none")), safe="") if name != changed else value
            if where == "path":
                path = path.replace(f"{{{name}}}", own)
            elif where == "query" and (name == changed or name in REAL):
                query.append(f"{name}={own}")
        return path + ("?" + "&".join(query) if query else "")

    def marked(self) -> list[str]:
        """Return the bodies as JSON, once for each place, with MARK in it."""
        return [json.dumps(marked) for body in self.bodies for marked in _marked(body)]


def operations(apps: Mapping[str, FastAPI]) -> list[Operation]:
    """Return every documented operation of the services."""
    found = []
    for service, app in apps.items():
        document = app.openapi()
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                parameters = tuple(
                    (p["in"], p["name"], "integer" in str(p["schema"]))
                    for p in operation.get("parameters", ())
                )
                content = operation.get("requestBody", {}).get("content", {})
                schema = content.get("application/json", {}).get("schema")
                bodies = tuple(_examples(schema, document, "")) if schema else ()
                found.append(Operation(service, method.upper(), path, parameters, bodies))
    return found


def _examples(schema: Any, document: Any, name: str) -> list[Any]:
    """Return a value for each alternative of a schema."""
    if "$ref" in schema:
        return _examples(_resolved(schema["$ref"], document), document, name)
    if name in REAL:
        return [REAL[name]]
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            some = [s for s in schema[choice] if s.get("type") != "null"]
            return [example for s in some for example in _examples(s, document, name)]
    if "const" in schema or "enum" in schema:
        return [schema.get("const") or schema["enum"][0]]
    match schema.get("type"):
        case "object":
            return _objects(schema, document)
        case "array":
            least = max(1, schema.get("minItems", 1))
            return [[item] * least for item in _examples(schema["items"], document, "")]
        case "integer" | "number":
            return [max(1, schema.get("minimum", 1))]
        case "boolean":
            return [True]
    return ["x1"]


def _objects(schema: Any, document: Any) -> list[Any]:
    members = {
        name: _examples(member, document, name)
        for name, member in schema.get("properties", {}).items()
    }
    if not members:
        free = schema.get("additionalProperties")
        return [{"a": "b"}] if isinstance(free, dict) else [Free()]
    count = max(len(examples) for examples in members.values())
    return [
        {name: examples[min(i, len(examples) - 1)] for name, examples in members.items()}
        for i in range(count)
    ]


def _resolved(reference: str, document: Any) -> Any:
    found = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def filled(text: str, value: str) -> bytes | None:
    """Return a marked body with a value in it; None where that value may be."""
    if value.startswith("{") and FREE in text:
        return None
    text = text.replace(json.dumps(MARK), value).replace(json.dumps(FREE), value)
    return text.encode("utf-8", "surrogatepass")


def _marked(value: Any) -> Iterator[Any]:
    """Yield a value once for each place in it, with MARK there; also in place of all of it."""
    yield FREE if isinstance(value, Free) else MARK
    if isinstance(value, dict) and not isinstance(value, Free):
        for name, member in value.items():
            yield from ({**value, name: marked} for marked in _marked(member))
        yield {**value, "unknown": MARK}
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from ([*value[:index], marked, *value[index + 1 :]] for marked in _marked(item))
            break
