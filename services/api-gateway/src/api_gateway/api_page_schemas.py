"""Shows JSON schemas as HTML: a type in a few words, an object as a table of its members."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from api_gateway.markup import Markup, element, join

Schema = Mapping[str, Any]

_LIMITS = (
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
    "default",
)


def type_of(schema: Schema) -> Markup:
    """Return what values of a schema look like, with links to the schemas that it names."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return element("a", name, href=f"#{anchor(name)}")
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return _joined(
                [type_of(s) for s in schema[word]], " and " if word == "allOf" else " or "
            )
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return _joined([element("code", str(v)) for v in values], " or ")
    if schema.get("type") == "array":
        return join("list of ", type_of(schema.get("items", {})))
    return join(*_words(schema))


def properties_table(schema: Schema) -> Markup:
    """Return a table of an object's members, or the type of anything else."""
    members = schema.get("properties")
    if not members:
        return element("p", type_of(schema))
    required = schema.get("required", ())
    return rows_table(
        ("Field", "Type", "About"),
        [
            (_field(name, name in required), type_of(member), description(member))
            for name, member in members.items()
        ],
    )


def rows_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """Return a table with a head."""
    titles = element("tr", *(element("th", title, scope="col") for title in head))
    lines = (element("tr", *(element("td", cell) for cell in row)) for row in rows)
    table = element("table", element("thead", titles), element("tbody", *lines))
    return element("div", table, class_="table", tabindex="0")


def description(schema: Schema) -> Markup:
    """Return a schema's own words and examples."""
    examples = schema.get("examples", ())
    shown = _joined([element("code", str(e)) for e in examples], ", ")
    return join(schema.get("description", ""), join(" e.g. ", shown) if examples else "")


def anchor(name: str) -> str:
    """Return the id of a schema's place on the page."""
    return f"schema-{name}"


def _field(name: str, required: bool) -> Markup:
    mark = element("small", " required", class_="required") if required else ""
    return join(element("code", name), mark)


def _words(schema: Schema) -> list[str]:
    kind = schema.get("type", "any")
    words = [" or ".join(kind) if isinstance(kind, list) else str(kind)]
    if "format" in schema:
        words.append(f" ({schema['format']})")
    limits = [f"{name} {schema[name]}" for name in _LIMITS if name in schema]
    return [*words, element("small", " ", ", ".join(limits))] if limits else words


def _joined(parts: list[Markup], between: str) -> Markup:
    glued: list[str] = []
    for part in parts:
        glued += [between, part] if glued else [part]
    return join(*glued)
