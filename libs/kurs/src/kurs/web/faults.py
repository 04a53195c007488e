"""Faults that a service is told to have, to show what the others, the limits and the alerts do.

They are set by `KURS_FAULT_*`, are off unless set, and the charts refuse them in production.
"""

import asyncio
import random

from fastapi import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from kurs.kernel.errors import PROBLEM_MEDIA_TYPE, Unavailable
from kurs.kernel.settings import ServiceSettings

_OPERATIONS = frozenset({"/healthz", "/metrics", "/openapi.json"})


class InjectedFault(Unavailable):
    """The service was told to refuse some requests; nothing was done."""

    code = "injected_fault"
    title = "Injected fault"


class FaultInjection:
    """ASGI middleware that delays requests, refuses a share of them, or says that it is not ready.

    A refused request never reached the service, so that refusing it again is always safe.
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self._app = app
        self._delay = settings.fault_delay_seconds
        self._ratio = settings.fault_error_ratio
        self._unready = settings.fault_unready

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do to one request what is set."""
        if scope["type"] != "http" or scope["path"] in _OPERATIONS:
            await self._app(scope, receive, send)
        elif scope["path"] == "/readyz":
            await (_refusal() if self._unready else self._app)(scope, receive, send)
        else:
            await asyncio.sleep(self._delay)
            refused = random.random() < self._ratio  # noqa: S311
            await (_refusal() if refused else self._app)(scope, receive, send)


def has_faults(settings: ServiceSettings) -> bool:
    """Return whether any fault is set."""
    return bool(
        settings.fault_delay_seconds or settings.fault_error_ratio or settings.fault_unready
    )


def _refusal() -> Response:
    problem = InjectedFault("this service was told to fail (KURS_FAULT_*)")
    return Response(problem.body(), problem.status, problem.headers, media_type=PROBLEM_MEDIA_TYPE)
