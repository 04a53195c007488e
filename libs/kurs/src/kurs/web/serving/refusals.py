"""What a connection is refused for, before any route or layer sees a request of it."""

from kurs.kernel.errors import BadRequest, Problem, TooManyRequests, Unavailable

MAX_HEAD_BYTES = 32 * 1024
MAX_FIELDS = 100
MAX_TARGET_BYTES = 8 * 1024
MAX_PIPELINED = 16
"""Requests that wait behind the one that is being answered."""


class MalformedRequest(BadRequest):
    """The bytes are no HTTP/1.1 request, or one that two programs could read as two."""

    code = "malformed_request"
    title = "Malformed request"


class TargetTooLong(Problem):
    """The request target is longer than any that a route understands."""

    status = 414
    code = "target_too_long"
    title = "Request target too long"

    def __init__(self) -> None:
        super().__init__(f"path and query may have {MAX_TARGET_BYTES} bytes")


class HeadTooLarge(Problem):
    """The request's head has too many bytes or too many fields."""

    status = 431
    code = "head_too_large"
    title = "Request head too large"

    def __init__(self) -> None:
        super().__init__(f"a head may have {MAX_HEAD_BYTES} bytes and {MAX_FIELDS} fields")


class FramingTooLarge(BadRequest):
    """Chunk extensions or trailers, which nobody here reads, have too many bytes."""

    code = "framing_too_large"
    title = "Chunk extensions or trailers too large"

    def __init__(self) -> None:
        super().__init__(f"what frames a body may have {MAX_HEAD_BYTES} bytes at a time")


class TooManyPipelined(TooManyRequests):
    """More requests wait for their answers on one connection than are kept."""

    code = "too_many_pipelined"
    title = "Too many pipelined requests"

    def __init__(self) -> None:
        super().__init__(f"{MAX_PIPELINED} requests may wait on one connection; it ends here")


class TooManyConnections(Unavailable):
    """The process, or the address that connects, has as many connections as it may."""

    code = "too_many_connections"
    title = "Too many connections"

    def __init__(self) -> None:
        super().__init__(
            "close connections, or use those that are open", headers={"Retry-After": "1"}
        )
