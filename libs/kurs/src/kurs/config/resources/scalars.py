"""The small values that specs are made of: durations, moments, rates, names, and the strict base.

Each has one text form that the API server's schema can judge as well (a pattern and a length),
and one canonical form, so that two spellings of one value give the same document revision.
"""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from kurs.kernel.clock import from_rfc3339, to_rfc3339
from kurs.kernel.ids import CurrencyCode
from kurs.kernel.money import MAX_MINOR

# The API server's regular expressions (RE2) know no lookahead, hence the three alternatives.
_S = "[0-9]{1,9}s"
_M = "[0-9]{1,7}m"
DURATION_PATTERN = f"^([0-9]{{1,5}}h({_M})?({_S})?|{_M}({_S})?|{_S})$"
RATE_PATTERN = r"^[0-9]{1,15}(\.[0-9]{1,15})?$"
MOMENT_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$"
LABEL_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
SUBDOMAIN_PATTERN = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$"
MAX_SECONDS = 10 * 366 * 24 * 3600
"""Ten years, the longest duration: beyond it a limit would mean "never" by accident."""

_LONGEST_SHOWN_BITS = 200
"""Python writes out no number of thousands of digits, and nobody wants to read one."""
_DURATION = re.compile("([0-9]{1,5}h)?([0-9]{1,7}m)?([0-9]{1,9}s)?")
_RATE = re.compile(RATE_PATTERN, re.ASCII)
_MOMENT = re.compile(MOMENT_PATTERN, re.ASCII)


class StrictModel(BaseModel):
    """A frozen model that refuses unknown fields and reads camelCase names, as Kubernetes does.

    The text below a field is what `kubectl explain` says of it.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=False
    )


def wrong(message: str, hint: str, field: str = "") -> PydanticCustomError:
    """Return the error that a validator raises.

    `field` is the path below the model that is validated (`pairs[1].quote`), when the model and
    not one field of it is checked. `hint` says what would be right.
    """
    # The text goes through the context, since braces in a message would be taken for a template.
    return PydanticCustomError(
        "rule", "{message}", {"message": message, "hint": hint, "field": field}
    )


def parse_seconds(value: Any) -> int:
    """Read a duration (`"30s"`, `"5m"`, `"1h30m"`) as whole seconds, 0 to ten years."""
    hint = 'write hours, minutes and seconds, such as "30s", "5m" or "1h30m"'
    match = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if match is None:
        raise wrong(f"{_shown(value)} is not a duration", hint)
    hours, minutes, seconds = (int(part[:-1]) if part else 0 for part in match.groups())
    total = hours * 3600 + minutes * 60 + seconds
    if total > MAX_SECONDS:
        raise wrong(f"{value} is longer than ten years", f'write at most "{MAX_SECONDS // 3600}h"')
    return total


def format_seconds(seconds: int) -> str:
    """Write seconds in the one form that documents use: `90` is `"90s"`."""
    return f"{seconds}s"


def parse_rate(value: Any) -> Decimal:
    """Read a positive decimal string of at most 15 digits before and after the point."""
    hint = 'write a positive decimal in quotes, such as "15845.50"'
    if isinstance(value, Decimal):
        value = f"{value:f}" if value.is_finite() and abs(value.adjusted()) < 40 else str(value)
    if not isinstance(value, str):
        raise wrong(f"{_shown(value)} is not a decimal string", hint)
    if not _RATE.fullmatch(value):
        raise wrong(f"{_shown(value)} is not a positive decimal", hint)
    rate = Decimal(value)
    if rate == 0:
        raise wrong("a rate may not be zero", hint)
    return rate


def format_rate(rate: Decimal) -> str:
    """Write a rate without trailing zeros, so that `"1.50"` and `"1.5"` are one content."""
    text = f"{rate:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def parse_moment(value: Any) -> int:
    """Read an RFC 3339 moment as microseconds since the epoch, UTC."""
    hint = 'write an RFC 3339 moment in quotes, such as "2026-12-01T00:00:00Z"'
    if not isinstance(value, str) or len(value) > 40 or not _MOMENT.fullmatch(value):
        raise wrong(f"{_shown(value)} is not a moment with an offset", hint)
    try:
        return from_rfc3339(value)
    except (ValueError, OverflowError):
        raise wrong(f"{value} is not in the calendar", hint) from None


def _shown(value: Any) -> str:
    # YAML aliases can make a small list mean gigabytes of text.
    if not isinstance(value, str | int | float | Decimal | None):
        return f"a {type(value).__name__}"
    if isinstance(value, int) and value.bit_length() > _LONGEST_SHOWN_BITS:
        return "a very long number"
    text = repr(value) if not isinstance(value, str) else repr(value[:80])
    return text if len(text) <= 60 else text[:60] + "…"


def _text_schema(pattern: str, longest: int, example: str) -> WithJsonSchema:
    return WithJsonSchema(
        {"type": "string", "pattern": pattern, "maxLength": longest, "examples": [example]}
    )


Seconds = Annotated[
    int,
    BeforeValidator(parse_seconds),
    PlainSerializer(format_seconds),
    _text_schema(DURATION_PATTERN, 24, "5m"),
]
"""Whole seconds, written as a duration string."""

Moment = Annotated[
    int,
    BeforeValidator(parse_moment),
    PlainSerializer(to_rfc3339),
    WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 40}),
]
"""Microseconds since the epoch, UTC, written in RFC 3339."""

Rate = Annotated[
    Decimal,
    BeforeValidator(parse_rate),
    PlainSerializer(format_rate),
    _text_schema(RATE_PATTERN, 31, "15845.50"),
]
"""Units of the quote currency for one unit of the base, written as a decimal string."""

Currency = CurrencyCode
"""An ISO 4217 code that has minor units."""

Flag = Annotated[bool, Field(strict=True)]
Bps = Annotated[int, Field(strict=True, ge=0, le=1000)]
"""Hundredths of a percent, at most ten percent."""
Points = Annotated[int, Field(strict=True, ge=0, le=100)]
"""A risk score or a part of one."""
Priority = Annotated[int, Field(strict=True, ge=0, le=1000)]
"""The higher one comes first."""
Minor = Annotated[int, Field(strict=True, ge=0, le=MAX_MINOR)]
"""An amount in minor units."""
Label = Annotated[str, StringConstraints(max_length=63, pattern=LABEL_PATTERN)]
"""A DNS label, RFC 1123: a to z, digits and dashes."""
Subdomain = Annotated[str, StringConstraints(max_length=253, pattern=SUBDOMAIN_PATTERN)]
"""A DNS subdomain, RFC 1123: labels joined by dots; what Kubernetes takes as an object's name."""
ChangeTicket = Annotated[
    str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/#-]*$")
]
"""The name of an approval, as the register of changes has it."""


class SecretKey(StrictModel):
    """One key of a Secret; its value never appears in a document, a status or a log."""

    name: Subdomain
    """Name of the Secret."""
    key: Annotated[str, StringConstraints(max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
    """Key within the Secret."""
