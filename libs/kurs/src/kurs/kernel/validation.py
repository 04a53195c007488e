"""What callers send, and field errors that say what is wrong with it and what would be right."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from kurs.kernel.currencies import is_payable, no_more
from kurs.kernel.errors import FieldError, MalformedJson, Problem, Unprocessable
from kurs.kernel.money import InvalidAmount, parse_amount


class RequestModel(BaseModel):
    """What a caller sends, as a body or a query; what nobody knows in it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


_HINTS: Mapping[str, str] = {
    "missing": "add it",
    "extra_forbidden": "remove it; see /openapi.json for the known ones",
    "string_type": "write text",
    "int_type": "write a whole number",
    "int_parsing": "write a whole number",
    "int_from_float": "write a whole number",
    "bool_type": "write true or false",
    "list_type": "write a list",
    "tuple_type": "write a list",
    "dict_type": "write an object",
    "mapping_type": "write an object",
    "model_type": "write an object",
    "model_attributes_type": "send a JSON object with the header Content-Type: application/json",
    "literal_error": "write {expected}",
    "enum": "write {expected}",
    "greater_than_equal": "write at least {ge}",
    "less_than_equal": "write at most {le}",
    "string_too_short": "write at least {min_length} characters",
    "string_too_long": "write at most {max_length} characters",
    "string_pattern_mismatch": "it must match {pattern}",
    "string_unicode": "write valid Unicode text",
    "too_short": "write at least {min_length} of them",
    "too_long": "write at most {max_length} of them",
    "reserved_id": "choose another id",
    "moment": "write a moment like 2026-01-31T08:00:00Z",
}
"""What would be right, by the type of a finding."""
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
            errors[name] = FieldError(name, message_of(item), hint_of(item))
    return list(errors.values())


def hint_of(item: Mapping[str, Any], special: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return what would be right instead of a finding, "" if nothing general is.

    `special` has the words of a reader who writes something else than a request's JSON.
    """
    text = special.get(item["type"]) or _HINTS.get(item["type"], "")
    return text.format_map(item.get("ctx", {}))


def message_of(item: Mapping[str, Any]) -> str:
    """Return what a finding says is wrong."""
    return str(item["msg"]).removeprefix("Value error, ")


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


def read_amount(text: str, currency: str, field: str) -> int:
    """Return an amount of a request in minor units; raises Unprocessable, which names `field`."""
    try:
        return parse_amount(text, currency)
    except InvalidAmount as error:
        raise amount_problem(error, field) from None


def past_currencies(fields: Iterable[tuple[str, str | None]]) -> Unprocessable | None:
    """Return the problem of what is new in currencies of the past, None where there is none.

    `fields` are names with what stands in them. A repeat of what was done in such a currency is
    answered as ever, so only who knows that there was nothing may raise it.
    """
    wrong = [
        FieldError(field, no_more(code), "choose a currency of today; GET /currencies has them")
        for field, code in fields
        if code is not None and not is_payable(code)
    ]
    if not wrong:
        return None
    return Unprocessable("check " + ", ".join(e.field for e in wrong), errors=wrong)


def amount_problem(error: InvalidAmount, field: str) -> Unprocessable:
    """Return the problem of an amount that cannot be read, or that is too large to go on with."""
    wrong = FieldError(field, error.message, error.hint)
    return Unprocessable(f"check {field}", errors=[wrong])


def _field(location: Iterable[int | str], tags: Collection[str]) -> str:
    # Members of unions appear in the location by their type's name, such as "constrained-str"
    # or "list[Item]"; a reader knows only the field.
    named = [str(p) for p in location if isinstance(p, int) or p.isidentifier()]
    parts = [part for part in named if part not in tags]
    if parts and parts[0] in _SOURCES:
        parts = parts[1:] or [parts[0]]
    return ".".join(parts) or "body"
