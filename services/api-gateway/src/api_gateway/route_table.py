"""Which public path goes to which service, and which role it needs: the look-up in that table.

A path that is not listed does not exist here, so batch and internal routes of the services cannot
be reached from outside. The look-up works on the raw path and forwards it as it came, so gateway
and service can never read two different paths out of one request.
"""

import re
from collections.abc import Mapping
from typing import Final

from api_gateway.errors import QueryTooLong, UnsafePath
from kurs.edges import PUBLIC_ROUTES, PublicRoute
from kurs.edges.table import FX, PAYMENTS, RISK, WALLET, WEBHOOKS

SERVICES: Final = (PAYMENTS, FX, WALLET, RISK, WEBHOOKS)
ROUTES: Final = PUBLIC_ROUTES
Route = PublicRoute

_PARAMETER = re.compile(r"\{[a-z_]+\}")
_PLAIN_SEGMENT = re.compile(rb"[A-Za-z0-9._~:@-]{1,256}")
_ESCAPED_DANGER = re.compile(rb"%(?![0-9A-Fa-f]{2})|%(?:[01][0-9A-Fa-f]|2[EFef]|5[Cc]|7[Ff])")
_DOT = ord(".")
_RAW_DANGER = re.compile(rb"[\x00-\x20\x7f-\xff\\]")

_MAX_QUERY_BYTES = 8192

Methods = Mapping[str, Route]


class RouteTable:
    """Finds the routes of a raw path in constant time."""

    def __init__(self, routes: tuple[Route, ...] = ROUTES) -> None:
        self._exact: dict[bytes, dict[str, Route]] = {}
        self._with_id: dict[tuple[bytes, bytes], dict[str, Route]] = {}
        for route in routes:
            self._add(route)

    def find(self, raw_path: bytes) -> Methods | None:
        """Return the routes of a path by method, or None when there is no such path.

        Raises UnsafePath for a path that two programs could read differently: encoded slashes,
        dots or control characters, dot segments, and bytes that no path may hold.
        """
        methods = self._exact.get(raw_path)
        if methods is not None:
            return methods
        head, _, rest = raw_path[1:].partition(b"/")
        identifier, slash, tail = rest.partition(b"/")
        methods = self._with_id.get((head, tail)) if tail or not slash else None
        if methods is not None and _PLAIN_SEGMENT.fullmatch(identifier) and identifier[0] != _DOT:
            return methods
        check_path(raw_path)
        return methods if identifier else None

    def _add(self, route: Route) -> None:
        parts = _PARAMETER.split(route.template)
        if len(parts) == 1:
            methods = self._exact.setdefault(route.template.encode(), {})
        else:
            before, after = parts
            key = (before.strip("/").encode(), after.removeprefix("/").encode())
            methods = self._with_id.setdefault(key, {})
        methods[route.method] = route


def check_path(raw_path: bytes) -> None:
    """Raise UnsafePath for a path that two programs could read differently."""
    if b"%" in raw_path and _ESCAPED_DANGER.search(raw_path):
        raise UnsafePath(
            "the path holds an encoded slash, backslash, dot or control character, or a broken "
            "escape; ids have letters, digits, '.', '_' and '-' only, written as they are"
        )
    if _RAW_DANGER.search(raw_path):
        raise UnsafePath("the path holds a space, a control character or a byte beyond ASCII")
    if b"/." in raw_path and any(s in (b".", b"..") for s in raw_path.split(b"/")):
        raise UnsafePath("the path holds a '.' or '..' segment; write the path it leads to")


def check_query(query: bytes) -> None:
    """Raise QueryTooLong beyond 8 KiB, UnsafePath for bytes that no query may hold."""
    if len(query) > _MAX_QUERY_BYTES:
        raise QueryTooLong(f"the query may have {_MAX_QUERY_BYTES} bytes")
    if _RAW_DANGER.search(query):
        raise UnsafePath("the query holds a space, a control character or a byte beyond ASCII")
