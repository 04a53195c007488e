"""The protocol of a batch between services, for both sides.

A body has `items`, the answer one of the `results` per item, in order; each item stands alone. Its
`status` is the called service's word for what it did, or one of two that all services share:

    refused   looked at and not done, for the reason `code`: a word of the service's own contract
    skipped   nothing was done, and nothing decided; `code` is a `Skip`. It may be asked for again

An item may carry `deadline_ms` (what is left of its time; passed, it is skipped) and the trace that
it belongs to, `traceparent` and `baggage`. One that cannot be read is skipped, too: between two
releases it is no refusal of a payment.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    with_config,
)
from typing_extensions import TypedDict

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


REFUSED = "refused"
SKIPPED = "skipped"


class Skip(StrEnum):
    """Why nothing was done with an item, and nothing decided."""

    LATE = "deadline_exceeded"
    UNREADABLE = "invalid"
    FAILED = "failed"
    BUSY = "busy"
    """What it needs is locked by somebody else; the others of its batch are not."""


# What releases before this one refused, though they had decided nothing.
_SKIPPED_BEFORE = frozenset({"invalid", "validation_failed", "internal"})


def skip_of(result: Mapping[str, object]) -> Skip | None:
    """Return why a result decides nothing about its item; None when it does."""
    status, code = result["status"], result.get("code")
    if status == SKIPPED:
        return _SKIPS.get(str(code), Skip.FAILED)
    if status == REFUSED and code in _SKIPPED_BEFORE:
        return Skip.UNREADABLE
    return None


_SKIPS: Mapping[str, Skip] = {skip.value: skip for skip in Skip}


def skipped(skip: Skip, message: str, field: str | None = None) -> dict[str, Any]:
    """Return the result of an item that nothing was done with."""
    return _result(SKIPPED, skip, message, field)


def refused(code: str, message: str, field: str | None = None) -> dict[str, Any]:
    """Return the result of an item that was looked at and not done."""
    return _result(REFUSED, code, message, field)


def _result(status: str, code: str, message: str, field: str | None) -> dict[str, Any]:
    result = {"status": status, "code": str(code), "message": message}
    if field:
        result["field"] = field
    return result


def expires_monotonic(deadline_ms: int | None, arrived: float) -> float | None:
    """Return the monotonic moment after which an item is skipped, if it is; both in seconds."""
    return None if deadline_ms is None else arrived + deadline_ms / 1000


strict = with_config(ConfigDict(extra="forbid"))
"""Decorates the type of an item: members that it does not have are refused."""


class Envelope(TypedDict, total=False):
    """What every item may carry beside its content."""

    traceparent: Traceparent | None
    baggage: Baggage | None
    deadline_ms: DeadlineMs | None


class Undone(TypedDict, total=False):
    """Why an item was refused or skipped; a result that was done has none of these."""

    code: str
    message: str
    field: str


class Misfit(NamedTuple):
    """An item that cannot be read: as it came, the field to look at, and what is wrong with it."""

    item: Any
    field: str
    message: str

    def result(self) -> dict[str, Any]:
        """Return the result of it."""
        return skipped(Skip.UNREADABLE, self.message, self.field)


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
