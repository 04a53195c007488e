"""Moments as callers write them: RFC 3339 with an offset, read into microseconds."""

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from kurs.kernel.clock import from_rfc3339

_LONGEST = 40


def read_moment(value: Any) -> Any:
    """Return the microseconds since the epoch of a text, and anything else as it is.

    Raises PydanticCustomError, in words for callers.
    """
    if not isinstance(value, str):
        return value
    try:
        if len(value) > _LONGEST:
            raise ValueError(value)
        return from_rfc3339(value)
    except (ValueError, OverflowError):
        raise PydanticCustomError("moment", "it is no moment with its offset") from None


MomentIn = Annotated[
    int,
    BeforeValidator(read_moment),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "maxLength": _LONGEST,
            "examples": ["2026-01-31T08:00:00Z"],
        }
    ),
]
"""A moment of a request, in microseconds since the epoch (UTC) once it is read."""
