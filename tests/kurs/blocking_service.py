"""A service whose event loop stands still while `/block` waits for its pipe, and whose end never
ends if there is a pipe `ending` beside it: run by a test."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import FastAPI

from kurs.kernel.settings import ServiceSettings
from kurs.web.app import create_app
from kurs.web.server import main
from kurs_testing.telemetry import RecordingTelemetry


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Say at the end that it has begun, and wait for ever, if there is who listens."""
    yield
    ending = Path(os.environ["KURS_TEST_PIPE"]).with_name("ending")
    if ending.exists():
        ending.write_text("begun")
        try:
            await asyncio.Event().wait()
        finally:
            # As one that closes several things, each of which may hang.
            await asyncio.Event().wait()


def create(settings: ServiceSettings) -> FastAPI:
    """Return the app; KURS_TEST_PIPE names the pipe."""
    app = create_app(
        title="blocking",
        settings=settings,
        telemetry=RecordingTelemetry("blocking"),
        lifespan=lifespan,
        readiness=dict,
    )

    @app.get("/block")
    async def block() -> str:
        return Path(os.environ["KURS_TEST_PIPE"]).read_text()

    return app


if __name__ == "__main__":
    main(ServiceSettings, create)
