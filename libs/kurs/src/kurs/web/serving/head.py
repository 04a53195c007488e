"""What the head of a request must be before anybody acts on it (RFC 9112, 3.2; RFC 9110, 7.2)."""

import re
from functools import lru_cache

from kurs.web.serving.refusals import (
    MAX_FIELDS,
    MAX_HEAD_BYTES,
    MAX_TARGET_BYTES,
    HeadTooLarge,
    MalformedRequest,
    TargetTooLong,
)

Fields = list[tuple[bytes, bytes]]

_FRAMING = 4
"""Of a field: colon, space, and the end of its line."""
# A name or IPv4 address, or an IPv6 address in brackets; and a port.
_HOST = re.compile(rb"(?:[A-Za-z0-9._~-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def check_head(version: str, target: bytes, fields: Fields) -> None:
    """Raise the Problem of a head that is refused."""
    if len(fields) > MAX_FIELDS:
        raise HeadTooLarge
    if len(target) > MAX_TARGET_BYTES:
        raise TargetTooLong
    if not target.startswith(b"/") and target != b"*":
        raise MalformedRequest("the request target begins with a slash")
    hosts = [value for name, value in fields if name == b"host"]
    if version == "1.1":
        if len(hosts) != 1:
            raise MalformedRequest("send one Host header")
    elif version != "1.0" or len(hosts) > 1 or any(n == b"transfer-encoding" for n, _ in fields):
        # HTTP/1.0 knows no chunks: whoever stands before this process may read another body.
        raise MalformedRequest("this is HTTP/1.1")
    if hosts and not _is_host(hosts[0]):
        raise MalformedRequest("the Host header names a host, and a port if you like")


@lru_cache(maxsize=1024)
def _is_host(value: bytes) -> bool:
    return _HOST.fullmatch(value) is not None


def check_size(target: bytes, fields: Fields) -> None:
    """Raise HeadTooLarge; called only when so much came that it is possible."""
    size = len(target) + sum(len(name) + len(value) + _FRAMING for name, value in fields)
    if size > MAX_HEAD_BYTES:
        raise HeadTooLarge


def has_body(fields: Fields) -> bool:
    """Return whether a body is announced."""
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in fields)
