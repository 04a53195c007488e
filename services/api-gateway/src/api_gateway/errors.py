"""What the gateway itself refuses; answers of the services are relayed and never rewritten."""

from kurs.kernel.errors import (
    BadRequest,
    Forbidden,
    MethodNotAllowed,
    PayloadTooLarge,
    RequestTimeout,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
    UpstreamTimeout,
)


class UnsafePath(BadRequest):
    """The path could be read as two different ones."""

    code = "unsafe_path"
    title = "Unsafe path"


class QueryTooLong(BadRequest):
    """The query string is longer than any that a route understands."""

    code = "query_too_long"
    title = "Query too long"


class UnexpectedBody(BadRequest):
    """A body where there is none to take."""

    code = "unexpected_body"
    title = "Unexpected body"


class DuplicateHeader(BadRequest):
    """A header that decides something occurs twice."""

    code = "duplicate_header"
    title = "Header sent twice"


class KeyInQuery(BadRequest):
    """An API key stands in the URL, where logs and histories keep it."""

    code = "key_in_query"
    title = "API key in the URL"


class KeyRequired(Unauthorized):
    """No `Authorization: Bearer` header."""

    code = "key_required"
    title = "API key required"


class KeyInvalid(Unauthorized):
    """The key is malformed, unknown or revoked."""

    code = "key_invalid"
    title = "API key not accepted"


class KeyExpired(Unauthorized):
    """The key was good until its end, which is past."""

    code = "key_expired"
    title = "API key expired"


class AddressNotAllowed(Forbidden):
    """The key is good and may not be used from where the request came."""

    code = "address_not_allowed"
    title = "Not from this address"


class RoleMissing(Forbidden):
    """The key is good and lacks the role that the route needs."""

    code = "role_missing"
    title = "Role missing"


class MethodNotOffered(MethodNotAllowed):
    """The path exists, this method of it does not."""


class BodyTooSlow(RequestTimeout):
    """The body did not arrive whole in time."""

    code = "body_too_slow"
    title = "Body arrived too slowly"


class BodyTooLarge(PayloadTooLarge):
    """The body exceeds the limit, whatever its Content-Length said."""


class NotJson(UnsupportedMediaType):
    """The body is announced as something other than JSON."""


class Encoded(UnsupportedMediaType):
    """The body is compressed: what it would unpack into has no bound (RFC 9110, 15.5.16)."""


class RateLimited(TooManyRequests):
    """The key used up its requests for this window."""


class ShareUsed(TooManyRequests):
    """The merchant has its share in flight, others have the rest; this one was not started."""

    code = "share_used"
    title = "Too many requests of one merchant in flight"


class KeysUnavailable(Unavailable):
    """No keys file could be read yet, so nobody can be recognised."""

    code = "keys_unavailable"
    title = "No keys loaded"


class UpstreamUnavailable(Unavailable):
    """The service behind the route cannot be reached; the request was not carried out."""

    code = "upstream_unavailable"
    title = "Service unavailable"


class UpstreamTimedOut(UpstreamTimeout):
    """The service did not answer in time; it may or may not have done the request."""


class UpstreamConnectionLost(UpstreamTimeout):
    """The connection broke before the answer; the service may or may not have done the request."""

    code = "upstream_connection_lost"
    title = "Connection to the service lost"
