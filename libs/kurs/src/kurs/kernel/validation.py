"""Turns pydantic's findings into field errors that say what is wrong and what would be right."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from kurs.kernel.errors import FieldError, MalformedJson, Problem, Unprocessable

_HINTS = {
    "missing": "add this field",
    "extra_forbidden": "remove this field; see /openapi.json for the known ones",
    "string_type": "send a string",
    "int_type": "send a whole number",
    "int_parsing": "send a whole number",
    "bool_type": "send true or false",
    "list_type": "send a list",
    "dict_type": "send an object",
    "model_type": "send an object",
    "model_attributes_type": "send a JSON object with the header Content-Type: application/json",
    "string_too_short": "send a longer text",
    "string_too_long": "send a shorter text",
    "string_unicode": "send valid Unicode text",
    "string_pattern_mismatch": "use the characters and the length that the pattern allows",
    "enum": "use one of the named values",
    "literal_error": "use one of the named values",
    "reserved_id": "choose another id",
    "too_long": "send fewer items",
    "too_short": "send at least one item",
}
_SOURCES = ("body", "query", "path", "header", "cookie")
_MAX_REPORTED = 20

Content = TypeVar("Content")
Parsed = TypeVar("Parsed")


def field_errors(
    found: Iterable[Mapping[str, Any]], tags: Collection[str] = ()
) -> list[FieldError]:
    """Return one FieldError per field, the first finding of each; at most 20.

    `tags` are the names of a tagged union's members, which pydantic puts into a location.
    """
    errors: dict[str, FieldError] = {}
    for item in found:
        name = _field(item["loc"], tags)
        if name not in errors and len(errors) < _MAX_REPORTED:
            errors[name] = FieldError(name, _message(item), _HINTS.get(item["type"], ""))
    return list(errors.values())


def findings(error: ValidationError, most: int = 500) -> list[Mapping[str, Any]]:
    """Return what pydantic found, or one finding in place of more than `most`, which cost much."""
    count = error.error_count()
    if count > most:
        return [{"type": "many", "loc": (), "msg": f"{count} of its members are wrong"}]
    return error.errors(include_url=False, include_input=False)  # type: ignore[return-value]


def refusal(found: Sequence[Mapping[str, Any]], tags: Collection[str] = ()) -> Problem:
    """Return MalformedJson or Unprocessable, whichever pydantic's findings tell of."""
    if found and found[0]["type"] == "json_invalid":
        return malformed(str(found[0]["ctx"]["error"]))
    errors = field_errors(found, tags)
    return Unprocessable("check " + ", ".join(e.field for e in errors), errors=errors)


def malformed(why: str) -> MalformedJson:
    """Return the problem of a body that is no JSON."""
    hint = "send one JSON object in UTF-8, amounts as decimal strings"
    errors = [FieldError("body", why, hint)]
    return MalformedJson(f"the body cannot be read as JSON: {why}", errors=errors)


def validate(
    read: Callable[[Content], Parsed], content: Content, tags: Collection[str] = ()
) -> Parsed:
    """Return what a validator of pydantic reads; raises MalformedJson and Unprocessable."""
    try:
        return read(content)
    except ValidationError as error:
        raise refusal(findings(error), tags) from None


def _field(location: Iterable[int | str], tags: Collection[str]) -> str:
    # Members of unions appear in the location by their type's name, such as "constrained-str"
    # or "list[Item]"; a reader knows only the field.
    named = [str(p) for p in location if isinstance(p, int) or p.isidentifier()]
    parts = [part for part in named if part not in tags]
    if parts and parts[0] in _SOURCES:
        parts = parts[1:] or [parts[0]]
    return ".".join(parts) or "body"


def _message(item: Mapping[str, Any]) -> str:
    text = str(item["msg"])
    return text.removeprefix("Value error, ")
