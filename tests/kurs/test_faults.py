"""A service that was told to fail does so, and nothing else does."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI

from kurs.calls import Request, Response
from kurs.kernel.settings import ServiceSettings
from kurs.web.app import create_app
from kurs_testing.asgi import AsgiTransport
from kurs_testing.telemetry import RecordingTelemetry

URL = "http://service.test"


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield


def readiness() -> Mapping[str, bool]:
    return {}


async def ask(path: str, **faults: Any) -> Response:
    """Return the answer of a service that has these faults."""
    app = create_app(
        title="service",
        settings=ServiceSettings(**faults),
        telemetry=RecordingTelemetry("service"),
        lifespan=lifespan,
        readiness=readiness,
    )

    @app.get("/work")
    async def work() -> dict[str, str]:
        return {"done": "yes"}

    transport = AsgiTransport()
    transport.mount(URL, app)
    async with transport:
        return await transport.send(Request("GET", URL + path))


async def test_a_refused_request_is_an_injected_fault_that_did_nothing() -> None:
    answer = await ask("/work", fault_error_ratio=1)

    assert (answer.status, answer.json()["code"]) == (503, "injected_fault")


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/readyz"])
async def test_probes_and_metrics_are_not_refused(path: str) -> None:
    assert (await ask(path, fault_error_ratio=1)).status == 200


async def test_an_unready_service_says_so_and_works() -> None:
    assert (await ask("/readyz", fault_unready=True)).status == 503
    assert (await ask("/healthz", fault_unready=True)).status == 200
    assert (await ask("/work", fault_unready=True)).json() == {"done": "yes"}


async def test_a_delayed_request_is_answered_after_the_delay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("kurs.web.faults.asyncio.sleep", sleep)

    answer = await ask("/work", fault_delay_seconds=0.3)

    assert answer.json() == {"done": "yes"}
    assert 0.3 in slept
