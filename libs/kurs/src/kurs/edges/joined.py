"""The edges of one service: its keys, what signs its calls, and the guard before its routes."""

from starlette.types import ASGIApp

from kurs.edges.guard import EdgeGuard, EdgeRefusals
from kurs.edges.keys import EdgeKeys, Keys
from kurs.edges.mac import Signer, Verifier
from kurs.edges.table import EDGES, Permissions, edges_of
from kurs.kernel.clock import Clock
from kurs.kernel.settings import ServiceSettings
from kurs.telemetry.service import Telemetry


class Edges:
    """What a service needs to call its callees and to be called."""

    def __init__(
        self, service: str, settings: ServiceSettings, *, clock: Clock, telemetry: Telemetry
    ) -> None:
        """Read the keys of `service`, a name of the table; raises CannotRun without them."""
        self._service = service
        self._clock = clock
        self._telemetry = telemetry
        self._limit = settings.max_body_bytes
        self._keys = EdgeKeys(settings.edge_keys_dir, edges_of(service), telemetry)

    def signer(self, callee: str) -> Signer:
        """Return what signs the requests to `callee`."""
        edge = (self._service, callee)
        assert edge in EDGES, f"{self._service} does not call {callee}"

        def keys() -> Keys:
            return self._keys.of(edge) or ()

        return Signer(self._service, callee, keys, self._clock)

    def guard(self, app: ASGIApp) -> EdgeGuard:
        """Return the layer that holds `app` to the edges of the service."""
        service = self._service
        return EdgeGuard(
            app,
            verifier=Verifier(service, lambda c: self._keys.of((c, service)), self._clock),
            permissions={c: Permissions(r) for (c, to), r in EDGES.items() if to == service},
            refusals=EdgeRefusals(self._telemetry),
            limit=self._limit,
        )
