"""The body of a batch between services: an item that cannot be read fails alone."""

from collections.abc import Collection
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from kurs.kernel.decoder import MAX_MEMBERS, bound_batch
from kurs.kernel.validation import field_errors, findings, refusal, validate

Item = TypeVar("Item")
Parsed = TypeVar("Parsed")
MAX_ITEMS = 1_000
"""The most items of one batch."""
_MAX_FINDINGS = 20
_DAY_MS = 86_400_000

Traceparent = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
]
"""The trace that an item belongs to (https://www.w3.org/TR/trace-context/)."""
Baggage = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{0,256}$")]
"""What the trace is about (see `kurs.telemetry.baggage`)."""
_LEFT = "Left when sent; passed: the item is skipped."
DeadlineMs = Annotated[int, Field(strict=True, ge=0, le=_DAY_MS, description=_LEFT)]


class Misfit(NamedTuple):
    """An item that cannot be read: as it came, the field to look at, and what is wrong with it."""

    item: Any
    field: str
    message: str


class _Loose(BaseModel):
    model_config = ConfigDict(extra="forbid")

    items: Annotated[list[Any], Field(min_length=1, max_length=MAX_ITEMS)]


_LOOSE = TypeAdapter(_Loose)


def read_batch(adapter: TypeAdapter[Parsed], body: bytes) -> Parsed:
    """Validate a body whose numbers are all integers in one step, from bytes.

    Raises MalformedJson, and Unprocessable naming the fields.
    """
    bound_batch(body)
    return validate(adapter.validate_json, body)


def read_items(
    batch: TypeAdapter[Any], item: TypeAdapter[Item], body: bytes, tags: Collection[str] = ()
) -> list[Item | Misfit]:
    """Return the `items` of a batch, in order, each read by itself if need be.

    Raises MalformedJson or Unprocessable when the body is no batch at all.
    """
    bound_batch(body)
    try:
        return list(batch.validate_json(body).items)
    except ValidationError as error:
        found = findings(error)
        if found[0]["type"] == "json_invalid":
            raise refusal(found) from None
    # Only now one by one, since it takes several times as long.
    loose = validate(_LOOSE.validate_json, body).items
    read: list[Item | Misfit] = []
    for given in loose:
        if isinstance(given, dict) and len(given) > MAX_MEMBERS:
            read.append(Misfit(given, "body", f"it has more than {MAX_MEMBERS} members"))
            continue
        try:
            read.append(item.validate_python(given))
        except ValidationError as error:
            read.append(_misfit(given, error, tags))
    return read


def _misfit(given: Any, error: ValidationError, tags: Collection[str]) -> Misfit:
    found = field_errors(findings(error, most=_MAX_FINDINGS), tags)[0]
    hint = f"; {found.hint}" if found.hint else ""
    return Misfit(given, found.field, f"{found.message}{hint}")
