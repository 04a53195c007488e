"""Keys of every edge for tests, and requests signed as whoever may send them.

A test that calls a service directly stands where another service would: its request is signed on
the edge that may use the route, the gateway's where there is none.
"""

from collections.abc import Callable, MutableMapping
from pathlib import Path
from urllib.parse import unquote

from kurs.edges import EDGES, Signer
from kurs.edges.keys import Keys, file_name
from kurs.edges.table import GATEWAY, Edge, Permissions
from kurs.kernel.clock import Clock, SystemClock

_PERMISSIONS = {edge: Permissions(routes) for edge, routes in EDGES.items()}


def key_of(edge: Edge) -> Keys:
    """Return the one key that an edge has in tests within a process."""
    return (f"a-key-of-the-edge-{file_name(edge)}-for-tests".encode(),)


def write_keys(folder: Path) -> Path:
    """Write these keys as services read them, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for edge in EDGES:
        (folder / file_name(edge)).write_bytes(key_of(edge)[0])
    return folder


def caller_for(service: str, method: str, target: str) -> str:
    """Return who may send this request to `service`; the gateway when nobody may."""
    path = unquote(target.partition("?")[0])
    for (caller, callee), permissions in _PERMISSIONS.items():
        if callee == service and permissions.find(method, path):
            return caller
    return GATEWAY


class EdgeSigning:
    """Signs requests to any service; `keys` are those in force, `clock` is the service's."""

    def __init__(self, clock: Clock | None = None, keys: Callable[[Edge], Keys] = key_of) -> None:
        self._clock = clock or SystemClock()
        self._keys = keys

    def sign(
        self,
        service: str,
        method: str,
        target: str,
        headers: MutableMapping[str, str],
        body: bytes | None,
        *,
        caller: str = "",
    ) -> None:
        """Set `X-Kurs-Edge` in `headers`, which ignore case; `target` is path and query."""
        caller = caller or caller_for(service, method, target)
        signer = Signer(caller, service, lambda: self._keys((caller, service)), self._clock)
        signer.sign(method, target, headers, body)
