"""The one composition of every service: parts, their starts and ends, heartbeats, readiness.

`app.py` of a service names its parts here and nothing else:

    service = Service("wallet", settings, **joined)
    database = keep_database(service, VERSIONS)
    ledger = service.add(Ledger(database, ...))
    service.at_end(ledger.close)
    service.beat("audit", audit.run, seconds=settings.audit_seconds)
    return service.app(merchant_routes, service_routes)

What was added later starts later and ends sooner, so that each part outlives those that rest on it.
Heartbeats begin when all have started and are the first to end.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Generic, TypedDict, TypeVar

from fastapi import APIRouter, FastAPI

from kurs.calls import AiohttpTransport, ServiceClient, Transport
from kurs.edges import Edges
from kurs.kernel.clock import Clock, SystemClock
from kurs.kernel.settings import ServiceSettings
from kurs.telemetry import Telemetry
from kurs.web.app import create_app
from kurs.web.heartbeat import Background, Heartbeat
from kurs.web.parts import Part, Parts, Replacements

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
Life = Callable[[], AbstractAsyncContextManager[object]]


class Joined(TypedDict, total=False):
    """What stands in for the machine's own where services are joined in one process."""

    clock: Clock | None
    transport: Transport | None
    telemetry: Telemetry | None
    replacements: Replacements | None


class Service(Generic[SettingsT]):
    """One service while it is put together."""

    def __init__(
        self,
        name: str,
        settings: SettingsT,
        *,
        connections_max: int = 256,
        clock: Clock | None = None,
        transport: Transport | None = None,
        telemetry: Telemetry | None = None,
        replacements: Replacements | None = None,
    ) -> None:
        """Take what every part rests on; raises CannotRun without the keys of the edges.

        `connections_max` bounds the connections to other services.
        """
        self.name = name
        self.settings = settings
        self.clock = clock or SystemClock()
        self.telemetry = telemetry or Telemetry.of(settings)
        self.transport = transport or AiohttpTransport(limit=connections_max)
        self.edges = Edges(name, settings, clock=self.clock, telemetry=self.telemetry)
        self.parts = Parts(replacements)
        self._lives: list[Life] = []
        self._background: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._kept = Background(self.telemetry)
        self._beats: list[Heartbeat] = []
        self._checks: dict[str, Callable[[], bool]] = {"background": self._works}
        self._draining: Callable[[], bool] = lambda: False
        self.at_end(self.transport.close)

    def draining(self) -> bool:
        """Tell whether the process has been told to end."""
        return self._draining()

    def add(
        self,
        part: Part,
        name: str = "",
        *,
        kind: type[Part] | None = None,
    ) -> Part:
        """Take a part in, and return it or what a test put in its place.

        It is found again by its type, or as a `kind`.
        """
        return self.parts.add(part, name, kind)

    def client(
        self,
        callee: str,
        url: str,
        *,
        name: str | None = None,
        timeout_seconds: float = 5.0,
        retries: int = 2,
    ) -> ServiceClient:
        """Return a client of another service, which proves whose it is.

        `name` tells clients of one service apart.
        """
        client = ServiceClient(
            name or callee,
            url,
            self.transport,
            telemetry=self.telemetry,
            signer=self.edges.signer(callee),
            timeout=timeout_seconds,
            retries=retries,
        )
        return self.add(client, name or callee)

    def during(self, life: Life) -> None:
        """Let the service start and end with what `life` enters and leaves."""
        self._lives.append(life)

    def background(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Let `work`, which never returns, run beside the requests, as heartbeats do."""
        self._background.append(work)

    def at_start(self, start: Callable[[], Awaitable[object]]) -> None:
        """Wait for `start` at the service's start."""

        @asynccontextmanager
        async def life() -> AsyncIterator[None]:
            await start()
            yield

        self.during(life)

    def at_end(self, close: Callable[[], Awaitable[object]]) -> None:
        """Wait for `close` at the service's end."""

        @asynccontextmanager
        async def life() -> AsyncIterator[None]:
            try:
                yield
            finally:
                await close()

        self.during(life)

    def beat(
        self, name: str, work: Callable[[], Awaitable[object]], *, seconds: float, **options: Any
    ) -> Heartbeat:
        """Repeat `work` every `seconds` while the service runs; `options` are Heartbeat's."""
        heartbeat = Heartbeat(name, work, seconds=seconds, telemetry=self.telemetry, **options)
        self.background(heartbeat.run)
        self._beats.append(heartbeat)
        return heartbeat

    def _works(self) -> bool:
        """Tell whether nothing that runs beside the requests has ended, or hangs."""
        return self._kept.alive and not any(beat.hangs for beat in self._beats)

    def needs(self, name: str, check: Callable[[], bool]) -> None:
        """Be ready only while `check` says that `name` is there."""
        self._checks[name] = check

    def app(self, *routers: APIRouter, **options: Any) -> FastAPI:
        """Return the app that serves `routers`; `options` are those of `kurs.web.app`."""
        app = create_app(
            title=f"Kurs {self.name}",
            settings=self.settings,
            telemetry=self.telemetry,
            lifespan=self._lifespan,
            readiness=lambda: {name: check() for name, check in self._checks.items()},
            **{"guard": self.edges.guard, **options},
        )
        app.state.parts = self.parts
        self._draining = lambda: bool(app.state.draining)
        for router in routers:
            app.include_router(router)
        return app

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.callback(self.telemetry.shutdown)
            for life in self._lives:
                await stack.enter_async_context(life())
            await stack.enter_async_context(self._kept.running(*self._background))
            yield
