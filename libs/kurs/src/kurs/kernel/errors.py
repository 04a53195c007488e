"""The one error shape of every route: RFC 9457 problem documents with a stable `code`.

    Problem
    ├── BadRequest 400            ├── PayloadTooLarge 413
    ├── Unauthorized 401          ├── UnsupportedMediaType 415
    ├── Forbidden 403             ├── Unprocessable 422
    ├── NotFound 404              ├── TooManyRequests 429
    ├── MethodNotAllowed 405      ├── Internal 500
    ├── RequestTimeout 408        ├── Unavailable 503
    └── Conflict 409              └── UpstreamTimeout 504

A service subclasses these in its own `errors.py` with its own `code` and `title`; a business
refusal of a payment is no problem document but the payment itself (see docs/api.md).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

PROBLEM_MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field, and what would be right."""

    field: str
    message: str
    hint: str = ""


class FieldErrorDocument(BaseModel):
    """One wrong field of the request."""

    field: str
    message: str
    hint: str


class ProblemDocument(BaseModel):
    """An RFC 9457 problem document."""

    model_config = ConfigDict(title="Problem")

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldErrorDocument] = []


class Problem(Exception):
    """A refusal that a caller can act on. Raise a subclass; the app renders it."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """Return the members of the problem document."""
        return {
            "type": f"urn:kurs:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "errors": [
                {"field": e.field, "message": e.message, "hint": e.hint} for e in self.errors
            ],
        }

    def body(self) -> bytes:
        """Render the document; ASCII only, since a detail may quote any text of the caller."""
        return json.dumps(self.document()).encode()


class BadRequest(Problem):
    """The request cannot be read."""

    status = 400
    code = "bad_request"
    title = "Bad request"


class IdempotencyKeyNotTaken(BadRequest):
    """An Idempotency-Key came to a route that would ignore it; nothing was done."""

    code = "idempotency_key_not_taken"
    title = "Idempotency-Key not taken"


class Unauthorized(Problem):
    """The caller did not say, or could not prove, who it is."""

    status = 401
    code = "unauthorized"
    title = "Not authenticated"


class Forbidden(Problem):
    """The caller is known and may not do this."""

    status = 403
    code = "forbidden"
    title = "Not allowed"


class NotFound(Problem):
    """There is no such thing, or it belongs to another merchant."""

    status = 404
    code = "not_found"
    title = "Not found"


class MethodNotAllowed(Problem):
    """The path exists, this method of it does not."""

    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"


class RequestTimeout(Problem):
    """The request did not arrive whole in time."""

    status = 408
    code = "request_timeout"
    title = "Request timed out"


class Conflict(Problem):
    """The request contradicts what is stored."""

    status = 409
    code = "conflict"
    title = "Conflict"


class PayloadTooLarge(Problem):
    """The body is larger than the limit."""

    status = 413
    code = "payload_too_large"
    title = "Body too large"


class UnsupportedMediaType(Problem):
    """The body is not JSON."""

    status = 415
    code = "unsupported_media_type"
    title = "Unsupported media type"


class MalformedJson(BadRequest):
    """The body is not JSON."""

    code = "malformed_json"
    title = "Malformed JSON"


class CursorInvalid(BadRequest):
    """The cursor did not come from a page before."""

    code = "cursor_invalid"
    title = "Cursor invalid"

    def __init__(self, field: str = "cursor") -> None:
        said = "the cursor is not one of ours"
        hint = f"use next_{field} of the page before, unchanged"
        super().__init__(said, errors=[FieldError(field, said, hint)])


class Unprocessable(Problem):
    """The request can be read, and a field of it is wrong."""

    status = 422
    code = "validation_failed"
    title = "Validation failed"


class TooManyRequests(Problem):
    """The caller exceeds its rate."""

    status = 429
    code = "rate_limited"
    title = "Too many requests"


class Internal(Problem):
    """A fault of ours; details are in the log only."""


class Unavailable(Problem):
    """The service cannot take the request now; nothing was done."""

    status = 503
    code = "unavailable"
    title = "Temporarily unavailable"


class Overloaded(Unavailable):
    """As much as is taken waits or is in flight already; nothing was done."""

    code = "overloaded"
    title = "Overloaded"


class UpstreamTimeout(Problem):
    """Another service did not answer in time; the outcome is unknown."""

    status = 504
    code = "upstream_timeout"
    title = "Upstream timed out"


_BY_STATUS: dict[int, type[Problem]] = {
    c.status: c
    for c in (
        BadRequest, Unauthorized, Forbidden, NotFound, MethodNotAllowed, RequestTimeout, Conflict,
        PayloadTooLarge, UnsupportedMediaType, Unprocessable, TooManyRequests, Unavailable,
        UpstreamTimeout,
    )
}  # fmt: skip


def problem_for_status(status: int, detail: str) -> Problem:
    """Return the plain problem of an HTTP status that a framework raised."""
    return _BY_STATUS.get(status, BadRequest if status < 500 else Internal)(detail)


def problem_responses(*classes: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """Return the `responses=` of a route that can raise these problems, by status."""
    codes: dict[int, list[str]] = {}
    for problem in classes:
        codes.setdefault(problem.status, []).append(problem.code)
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": f"{HTTPStatus(status).phrase}: {', '.join(names)}",
            "content": {PROBLEM_MEDIA_TYPE: {"schema": schema}},
        }
        for status, names in codes.items()
    }
