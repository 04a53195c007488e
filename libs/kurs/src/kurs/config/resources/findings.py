"""Turns pydantic's findings about a resource into field errors: where, what, what would be right.

Paths are written as Kubernetes writes them: `spec.pairs[1].spreadBps`.
"""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from kurs.config.resources.scalars import LABEL_PATTERN, SUBDOMAIN_PATTERN
from kurs.kernel.errors import FieldError
from kurs.kernel.ids import CALLER_ID_PATTERN
from kurs.kernel.validation import hint_of, message_of

_MAX_REPORTED = 20
_HINTS: Mapping[str, str] = {
    "string_type": "write text, in quotes if it looks like a number",
    "int_type": "write a whole number without quotes",
    "mapping_type": "write a mapping",
    "dict_type": "write a mapping",
    "model_type": "write a mapping",
    "model_attributes_type": "write a mapping",
    "json_invalid": "the whole file is written by the operator; do not edit it",
    "value_error": "write a currency code of ISO 4217",
}
"""What a reader of YAML is told in other words; only currencies are refused by a `value_error`."""
_MESSAGES: Mapping[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is not a known field",
    "model_type": "is not a mapping",
    "model_attributes_type": "is not a mapping",
    "tuple_type": "is not a list",
    "dict_type": "is not a mapping",
    "mapping_type": "is not a mapping",
    "string_type": "is not text",
    "int_type": "is not a whole number",
    "bool_type": "is neither true nor false",
    "literal_error": "is none of the known values",
    "greater_than_equal": "is too small",
    "less_than_equal": "is too large",
    "string_too_short": "is too short",
    "string_too_long": "is too long",
    "too_short": "has too few entries",
    "too_long": "has too many entries",
    "string_pattern_mismatch": "has characters that do not belong there",
}
# A value is not repeated in a message unless its field can hold no secret by mistake.
_PATTERN_HINTS: Mapping[str, str] = {
    LABEL_PATTERN: "use a to z, 0 to 9 and dashes inside, 63 at most",
    SUBDOMAIN_PATTERN: "use a to z, 0 to 9, dashes and dots inside",
    CALLER_ID_PATTERN: "use letters, digits, dots, dashes and underscores, 64 at most",
}


def explain(
    error: ValidationError, model: type[BaseModel], prefix: str = ""
) -> tuple[FieldError, ...]:
    """Return at most 20 findings; `model` is what was validated, `prefix` what stands before it."""
    found = _without_echoes(error.errors(include_url=False))
    return tuple(_field_error(item, model, prefix) for item in found[:_MAX_REPORTED])


def _without_echoes(found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Leave out "too short" of a list of which an item is refused: pydantic counts the rest."""
    return [
        item
        for item in found
        if item["type"] != "too_short"
        or not any(
            other is not item and other["loc"][: len(item["loc"])] == item["loc"] for other in found
        )
    ]


def _field_error(item: Mapping[str, Any], model: type[BaseModel], prefix: str) -> FieldError:
    context = item.get("ctx", {})
    location = tuple(part for part in item["loc"] if part != "[key]")
    field = _path(location, str(context.get("field", "")), prefix)
    kind = item["type"]
    hint = context.get("hint") or hint_of(item, _HINTS) or "see the samples"
    if kind == "extra_forbidden":
        hint = _known_fields(model, location)
    elif kind == "string_pattern_mismatch":
        hint = _PATTERN_HINTS.get(context["pattern"], hint)
    message = _MESSAGES.get(kind) or message_of(item)
    return FieldError(field, message, str(hint))


def _path(location: tuple[int | str, ...], below: str, prefix: str) -> str:
    path = prefix
    for part in (*location, *([below] if below else [])):
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path or "(the whole)"


def _known_fields(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    owner = _model_at(model, location[:-1])
    if owner is None:
        return "remove it"
    names = [field.alias or name for name, field in owner.model_fields.items()]
    close = difflib.get_close_matches(str(location[-1]), names, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return "remove it; known here: " + ", ".join(sorted(names))


def _model_at(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel] | None:
    found: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, int) or found is None:
            continue
        fields = {field.alias or name: field for name, field in found.model_fields.items()}
        found = _model_in(fields[part].annotation) if part in fields else None
    return found


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
