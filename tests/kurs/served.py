"""A service whose answers a test chooses by their path: run as a process."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator

from fastapi import FastAPI, Request, Response
from starlette.responses import StreamingResponse

from kurs.kernel.settings import CannotRun, ServiceSettings
from kurs.web.app import create_app
from kurs.web.server import main
from kurs_testing.telemetry import RecordingTelemetry

KIBIBYTE = bytes(1024)


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Take the time that a test asks for, or say why it cannot run."""
    if why := os.environ.get("KURS_TEST_CANNOT_RUN"):
        raise CannotRun(why)
    time.sleep(float(os.environ.get("KURS_TEST_START_SECONDS", "0")))  # noqa: ASYNC251
    yield


def create(settings: ServiceSettings) -> FastAPI:
    """Return the app."""
    app = create_app(
        title="served",
        settings=settings,
        telemetry=RecordingTelemetry("served"),
        lifespan=lifespan,
        readiness=dict,
    )

    @app.post("/echo")
    async def echo(request: Request) -> Response:
        body = await request.body()
        names = " ".join(name for name, _ in request.headers.items())
        return Response(body, headers={"fields": names})

    @app.get("/sleep")
    async def sleep(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "slept"

    @app.get("/fault")
    async def fault() -> str:
        raise ZeroDivisionError

    @app.get("/large")
    async def large(kibibytes: int) -> Response:
        return Response(KIBIBYTE * kibibytes)

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            while True:
                yield KIBIBYTE
                await asyncio.sleep(0)

        return StreamingResponse(pieces())

    @app.get("/stand")
    async def stand(how: str) -> str:
        secret = "hidden-value"
        if how == "waits":
            time.sleep(600)  # noqa: ASYNC251
        elif how == "computes":
            while True:
                secret = secret[1:] + secret[:1]
        return str(10**999_999_999)

    return app


if __name__ == "__main__":
    main(ServiceSettings, create)
