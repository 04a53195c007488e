"""Audit lines of refused authentications: ten a second, so that a flood cannot fill the log.

`kurs_gateway_refusals_total` counts all of them by code; a line says how many before it
went without one.
"""

from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

from api_gateway.errors import (
    AddressNotAllowed,
    KeyExpired,
    KeyInQuery,
    KeyInvalid,
    KeyRequired,
    RoleMissing,
)
from kurs.kernel.clock import monotonic
from kurs.kernel.errors import Problem
from kurs.telemetry.audit_log import audit

LINES_PER_SECOND = 10
_AUTHENTICATION = (
    AddressNotAllowed,
    KeyExpired,
    KeyInQuery,
    KeyInvalid,
    KeyRequired,
    RoleMissing,
)


class RefusalAudit:
    """Writes the lines."""

    def __init__(self, logger: FilteringBoundLogger, now: Callable[[], float] = monotonic) -> None:
        self._logger = logger
        self._now = now
        self._second = 0
        self._lines = 0
        self._left_out = 0

    def refused(
        self, problem: Problem, *, actor: str, address: str, method: str, route: str
    ) -> None:
        """Write a line about a refused authentication; other problems are none."""
        if not isinstance(problem, _AUTHENTICATION):
            return
        second = int(self._now())
        if second != self._second:
            self._second, self._lines = second, 0
        if self._lines >= LINES_PER_SECOND:
            self._left_out += 1
            return
        self._lines += 1
        left_out, self._left_out = self._left_out, 0
        audit(
            self._logger,
            "authenticate",
            actor=actor,
            outcome=problem.code,
            address=address,
            method=method,
            route=route,
            **({"left_out": left_out} if left_out else {}),
        )
