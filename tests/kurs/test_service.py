"""kurs.service: parts start in their order and end in the other one, and tests may replace them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI

from kurs.calls import Request
from kurs.data.database import Database
from kurs.data.failures import DatabaseUnavailable
from kurs.data.limits import DatabaseSettings
from kurs.kernel import progress
from kurs.service import Service
from kurs.service.database import keep_database
from kurs.web.parts import from_app
from kurs_testing.asgi import AsgiTransport
from kurs_testing.clock import ManualClock
from kurs_testing.edges import write_keys
from kurs_testing.parts import part
from kurs_testing.telemetry import RecordingTelemetry
from kurs_testing.waiting import eventually

VERSIONS = Path(__file__).parents[2] / "services/risk/src/risk/migrations/versions"


class Greeter:
    def __init__(self, word: str, told: list[str] | None = None) -> None:
        self.word = word
        self.told = told if told is not None else []

    async def close(self) -> None:
        self.told.append(f"{self.word} ends")


class Unplugged:
    """A database whose plug can be pulled."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.plugged = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def ping(self) -> None:
        if not self.plugged:
            raise DatabaseUnavailable("the database does not answer")
        await self._database.ping()


GreeterDep = Annotated[Greeter, from_app(Greeter)]
routes = APIRouter()


@routes.get("/greeting")
async def greeting(greeter: GreeterDep) -> str:
    return greeter.word


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Service[DatabaseSettings]]:
    keys = write_keys(tmp_path / "keys")

    def service(**joined: object) -> Service[DatabaseSettings]:
        settings = DatabaseSettings(
            service="risk", edge_keys_dir=keys, database_url=f"sqlite:///{tmp_path / 'risk.db'}"
        )
        return Service(
            "risk", settings, clock=ManualClock(), telemetry=RecordingTelemetry("risk"), **joined
        )

    return service


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[AsgiTransport]:
    async with AsgiTransport({"http://risk": app}) as transport:
        yield transport


async def asked(transport: AsgiTransport, path: str) -> tuple[int, bytes]:
    answer = await transport.send(Request("GET", f"http://risk{path}"))
    return answer.status, answer.body


def lasting(name: str, told: list[str]) -> Callable[[], object]:
    @asynccontextmanager
    async def life() -> AsyncIterator[None]:
        told.append(f"{name} starts")
        yield
        told.append(f"{name} ends")

    return life


async def test_each_part_outlives_those_that_rest_on_it(make: Callable[..., Service]) -> None:
    service, told = make(), []
    service.during(lasting("database", told))
    writer = service.add(Greeter("writer", told))
    service.at_end(writer.close)

    async def beat() -> None:
        told.append("beat")

    service.beat("look", beat, seconds=60)
    service.during(lasting("feed", told))
    async with running(service.app()):
        assert told[:2] == ["database starts", "feed starts"]
        await eventually(lambda: "beat" in told)
    assert told == [
        "database starts", "feed starts", "beat", "feed ends", "writer ends", "database ends",
    ]  # fmt: skip


async def test_what_had_started_ends_when_a_later_part_cannot_start(
    make: Callable[..., Service],
) -> None:
    service, told = make(), []
    service.during(lasting("database", told))

    async def fail() -> None:
        raise RuntimeError("no feed")

    service.at_end(Greeter("writer", told).close)
    service.at_start(fail)
    app = service.app()
    with pytest.raises(RuntimeError, match="no feed"):
        async with app.router.lifespan_context(app):
            pass
    assert told == ["database starts", "writer ends"]


async def test_a_part_is_found_by_handlers_and_may_be_replaced(
    make: Callable[..., Service],
) -> None:
    for replacements, word in (
        ({}, b'"hello"'),
        ({Greeter: lambda _: Greeter("servus")}, b'"servus"'),
    ):
        service = make(replacements=replacements)
        chosen = service.add(Greeter("hello"))
        app = service.app(routes, guard=None)
        assert part(app, Greeter) is chosen
        async with running(app) as transport:
            assert await asked(transport, "/greeting") == (200, word)


async def test_background_work_ends_with_the_service(make: Callable[..., Service]) -> None:
    service, began, ended = make(), asyncio.Event(), []

    async def work() -> None:
        began.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(True)

    service.background(work)
    async with running(service.app()):
        await began.wait()
    assert ended


async def test_it_is_ready_while_everything_that_it_needs_is_there(
    make: Callable[..., Service],
) -> None:
    service, there = make(), {"rates": False}
    service.needs("rates", lambda: there["rates"])
    async with running(service.app()) as transport:
        status, body = await asked(transport, "/readyz")
        assert (status, b'"rates":false' in body) == (503, True)
        there["rates"] = True
        assert (await asked(transport, "/readyz"))[0] == 200


async def test_a_database_that_answers_no_more_makes_it_unready(
    make: Callable[..., Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kurs.service.database._LOOK_SECONDS", 0.01)
    monkeypatch.setattr("kurs.service.database._RETRY_SECONDS", 0.01)
    service = make(replacements={Database: Unplugged})
    database = keep_database(service, VERSIONS)
    async with running(service.app()) as transport:
        assert (await asked(transport, "/readyz"))[0] == 200
        database.plugged = False

        async def unready() -> bool:
            return (await asked(transport, "/readyz"))[0] == 503

        await eventually(unready)


async def test_the_database_is_closed_at_the_end(
    make: Callable[..., Service], tmp_path: Path
) -> None:
    service = make()
    database = keep_database(service, VERSIONS)
    async with running(service.app()):
        await database.ping()
    with pytest.raises(RuntimeError, match="shutdown"):
        await database.ping()


async def test_a_heartbeat_that_hangs_makes_it_unready(make: Any) -> None:
    service, go_on = make(), asyncio.Event()
    service.beat("stuck", go_on.wait, seconds=0.01, silent_seconds=0.05)
    async with running(service.app()) as transport:

        async def works(expected: bytes) -> bool:
            return b'"background":' + expected in (await asked(transport, "/readyz"))[1]

        await eventually(lambda: works(b"false"))
        go_on.set()
        await eventually(lambda: works(b"true"))


async def test_what_it_waits_for_are_steps_of_its_background_work(make: Any) -> None:
    steps: list[str] = []
    database = keep_database(make(), VERSIONS)
    with progress.watched(lambda: steps.append("a step")):
        await database.read(lambda _: None)
        await database.write(lambda _: None)
    await database.close()
    assert len(steps) == 2
