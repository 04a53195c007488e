"""What the gateway reads of a request's head, in one pass, and what of it goes on to a service.

Only listed headers go on. A client can therefore send no `X-Kurs-*`, `Forwarded`, `X-Forwarded-*`,
`X-Request-Deadline`, cookie or hop-by-hop header that a service would see, whatever its spelling.
"""

from api_gateway.errors import DuplicateHeader

_PASSED_ON = {
    b"content-type": "Content-Type",
    b"accept": "Accept",
    b"accept-language": "Accept-Language",
    b"idempotency-key": "Idempotency-Key",
    b"if-none-match": "If-None-Match",
    b"last-event-id": "Last-Event-ID",
    b"user-agent": "User-Agent",
}
_KEY_FIELD = _PASSED_ON[b"idempotency-key"]
_LISTS = frozenset({b"accept", b"accept-language", b"if-none-match"})


class RequestHead:
    """The headers that decide something, and `passed_on`: those that a service gets."""

    __slots__ = (
        "authorization",
        "chunked",
        "content_encoding",
        "content_length",
        "content_type",
        "passed_on",
    )

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Read ASGI headers; raises DuplicateHeader when one that decides something is there twice.

        Two programs in a row may each believe another of two values, so neither is believed.
        """
        self.authorization: bytes | None = None
        self.content_type = b""
        self.content_encoding = b""
        self.content_length = 0
        self.chunked = False
        self.passed_on: dict[str, str] = {}
        for name, value in headers:
            if name in _PASSED_ON:
                self._pass_on(name, value)
            elif name == b"authorization":
                if self.authorization is not None:
                    raise DuplicateHeader("send one Authorization header")
                self.authorization = value
            elif name == b"content-length":
                self.content_length = int(value) if value.isdigit() and len(value) < 20 else 0
            elif name == b"content-encoding":
                self.content_encoding += value
            elif name == b"transfer-encoding":
                self.chunked = True

    @property
    def has_body(self) -> bool:
        """Whether a body is announced."""
        return self.chunked or self.content_length > 0

    @property
    def idempotency_key(self) -> bool:
        """Whether an Idempotency-Key came."""
        return _KEY_FIELD in self.passed_on

    def _pass_on(self, name: bytes, value: bytes) -> None:
        field = _PASSED_ON[name]
        text = value.decode("latin-1")
        if field in self.passed_on:
            if name not in _LISTS:
                raise DuplicateHeader(f"send one {field} header")
            text = f"{self.passed_on[field]}, {text}"
        if name == b"content-type":
            self.content_type = value
        self.passed_on[field] = text
