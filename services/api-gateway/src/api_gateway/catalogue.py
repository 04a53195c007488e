"""Keeps the document of the whole API up to date in the background, and renders it once."""

import asyncio
import hashlib
import json
from importlib.metadata import version

from structlog.typing import FilteringBoundLogger

from api_gateway.api_document import merge
from api_gateway.api_page import render_page
from api_gateway.api_schemas import Document
from api_gateway.route_table import SERVICES
from api_gateway.upstreams import Upstreams
from kurs.kernel.clock import monotonic
from kurs.kernel.errors import Problem

_FIRST_SECONDS = 2.0
"""Between attempts while a service has not shown its document yet."""


class Rendered:
    """One version of the document in the forms in which it is served."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.json = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        self.html = render_page(document).encode()
        self.etag = f'"{hashlib.sha256(self.json).hexdigest()[:16]}"'


class Catalogue:
    """The present document. A service that is down keeps the part that it showed last."""

    def __init__(
        self,
        own: Document,
        upstreams: Upstreams,
        logger: FilteringBoundLogger,
        *,
        refresh_seconds: float,
    ) -> None:
        self._own = own
        self._upstreams = upstreams
        self._logger = logger
        self._refresh_seconds = refresh_seconds
        self._bodies: dict[str, bytes] = {}
        self._documents: dict[str, Document] = {}
        self.current = self._render()

    async def run(self) -> None:
        """Refresh for ever, and until then look for what has not shown itself yet."""
        while True:
            await self.refresh()
            until = monotonic() + self._refresh_seconds
            while (left := until - monotonic()) > 0:
                missing = [name for name in SERVICES if name not in self._documents]
                await asyncio.sleep(min(left, _FIRST_SECONDS) if missing else left)
                if missing:
                    await self.refresh(*missing)

    async def refresh(self, *services: str) -> None:
        """Ask services (all of them without) for their documents; render when one changed."""
        changed = await asyncio.gather(*(self._fetch(name) for name in services or SERVICES))
        if any(changed):
            # Some 10 ms of work, which no request shall wait for.
            self.current = await asyncio.to_thread(self._render)

    async def _fetch(self, service: str) -> bool:
        try:
            answer = await self._upstreams.send(service, "GET", "/openapi.json", None, {})
            if answer.status != 200 or answer.body == self._bodies.get(service):
                return False
            document = json.loads(answer.body)
            if not isinstance(document, dict):
                raise ValueError("not an object")
        except Problem:
            return False
        except ValueError as error:
            self._logger.warning("unreadable API document", target=service, error=str(error))
            return False
        self._bodies[service] = answer.body
        self._documents[service] = document
        return True

    def _render(self) -> Rendered:
        return Rendered(merge(self._own, self._documents, version("kurs-api-gateway")))
