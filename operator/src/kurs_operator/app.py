"""The composition root of the operator: queue, watches and questions behind three probes."""

import asyncio
import re
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import aiohttp
from fastapi import APIRouter, FastAPI, Response

from kurs.kernel.clock import Clock, SystemClock
from kurs.service import Service
from kurs.telemetry import Telemetry
from kurs_operator.asking import Acknowledgements, Asker, Question
from kurs_operator.cluster import Cluster, ClusterPort, wait_until_served
from kurs_operator.connection import connect
from kurs_operator.documents import SERVICES
from kurs_operator.handlers import registry
from kurs_operator.keeping import KEEP_SECONDS, HeadKeeper
from kurs_operator.key_changes import LOOK_SECONDS, KeyChanges
from kurs_operator.metrics import OperatorMetrics
from kurs_operator.reconcile import Reconciler
from kurs_operator.settings import CHANGE_TICKET, OperatorSettings
from kurs_operator.wakeups import Wakeups
from kurs_operator.watching import Watching, across


@dataclass(slots=True)
class Engine:
    """The parts at work, once they are."""

    reconciler: Reconciler
    wakeups: Wakeups
    watching: Watching | None = None
    task: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        """Whether changes are seen and worked off."""
        running = self.task is not None and not self.task.done()
        watching = self.watching is None or self.watching.alive
        return running and watching and not self.wakeups.stuck()


def create_app(settings: OperatorSettings, *, telemetry: Telemetry | None = None) -> FastAPI:
    """Return the app; raises CannotRun without the keys of its edges, or a namespace to serve."""
    service = Service("operator", settings, telemetry=telemetry)
    namespace = settings.served_namespace()
    signers = {name: service.edges.signer(name) for name in SERVICES}
    metrics = OperatorMetrics(service.telemetry)
    wallet = service.client("wallet", settings.wallet_url)
    engines: list[Engine] = []

    @asynccontextmanager
    async def work() -> AsyncIterator[None]:
        client = connect(namespace)
        cluster = Cluster(client, namespace, settings.instance_name())
        heads = HeadKeeper(
            wallet, cluster, clock=SystemClock(), metrics=metrics, telemetry=service.telemetry
        )
        # They begin when all has started, and end before the connection to the cluster does.
        _beat(service, cluster, heads)
        try:
            async with aiohttp.ClientSession() as session:
                asker = Asker(session, signers)
                run = _run(
                    cluster,
                    namespace,
                    asker,
                    engines,
                    metrics,
                    service.telemetry,
                    settings.change_ticket_pattern,
                )
                task = asyncio.create_task(run, name="operator")
                yield
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        finally:
            await client.close()

    service.during(work)
    service.needs("reconciled", lambda: any(engine.reconciler.settled for engine in engines))
    app = service.app(guard=None)
    app.state.operations.include_router(liveness_router(engines))
    return app


def _beat(service: Service[OperatorSettings], cluster: Cluster, heads: HeadKeeper) -> None:
    """Do beside the queue what is done again and again."""
    settings = service.settings
    service.beat("ledger heads", heads.keep, seconds=KEEP_SECONDS)
    if settings.api_keys_file is not None:
        keys = KeyChanges(
            cluster,
            settings.api_keys_file,
            settings.instance_name(),
            clock=SystemClock(),
            telemetry=service.telemetry,
        )
        service.beat("API keys", keys.look, seconds=LOOK_SECONDS)


async def _run(
    cluster: ClusterPort,
    namespace: str,
    asker: Asker,
    engines: list[Engine],
    metrics: OperatorMetrics,
    telemetry: Telemetry,
    ticket: str,
) -> None:
    """Work until cancelled."""
    await wait_until_served(cluster, telemetry.logger.warning)
    engine, acks = assemble(cluster, asker, metrics, telemetry, ticket=ticket)
    wake = across(asyncio.get_running_loop(), engine.wakeups.wake)
    engine.watching = Watching(registry(wake), namespace)
    engine.task = asyncio.create_task(engine.wakeups.run(), name="queue")
    engines.append(engine)
    engine.watching.start()
    engine.wakeups.wake("start")
    try:
        await engine.task
    finally:
        engine.task.cancel()
        await acks.close()
        await engine.watching.stop()


def assemble(
    cluster: ClusterPort,
    ask: Question,
    metrics: OperatorMetrics,
    telemetry: Telemetry,
    clock: Clock | None = None,
    ticket: str = CHANGE_TICKET,
) -> tuple[Engine, Acknowledgements]:
    """Join the queue, the step and the questions."""
    parts: list[Engine] = []

    def wake(what: Hashable) -> None:
        parts[0].wakeups.wake(what)
        metrics.depth.set(parts[0].wakeups.depth)

    def on_fault(error: Exception) -> None:
        metrics.faults.inc()
        telemetry.logger.error("step failed, tried again", error=str(error))

    async def step(woken: frozenset[Hashable]) -> float | None:
        metrics.depth.set(parts[0].wakeups.depth)
        return await reconciler.step(woken)

    acks = Acknowledgements(ask, wake=wake, clock=clock)
    reconciler = Reconciler(
        cluster,
        acks,
        metrics=metrics,
        telemetry=telemetry,
        clock=clock or SystemClock(),
        ticket=re.compile(ticket),
    )
    engine = Engine(reconciler, Wakeups(step, on_fault=on_fault))
    parts.append(engine)
    return engine, acks


def liveness_router(engines: list[Engine]) -> APIRouter:
    """Return the route of the liveness probe."""
    routes = APIRouter(tags=["operations"])

    @routes.get("/livez", summary="Are changes seen and worked off?", responses={503: {}})
    async def livez(response: Response) -> dict[str, str]:
        # Before the kinds are served there is nothing to be stuck on.
        alive = all(engine.alive for engine in engines)
        response.status_code = 200 if alive else 503
        return {"status": "ok" if alive else "stuck"}

    return routes
