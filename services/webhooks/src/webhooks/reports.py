"""What the operator is told of each destination, for the status of its resource.

It asks every replica every few seconds: so the database is asked at most as often, and no longer
waited for than the operator waits.
"""

import asyncio
from contextlib import suppress

from kurs.config.reports import DeliveryReport, ResourceReport
from kurs.kernel.clock import monotonic, to_rfc3339
from kurs.kernel.errors import Problem
from webhooks.destinations import Destinations
from webhooks.domain.health import Standing
from webhooks.standings import DestinationStanding, Standings

_FRESH_SECONDS = 2.0
_TRUE_SECONDS = 20.0
"""For how long an answer is given while there is no newer one."""
_PATIENCE_SECONDS = 0.5
_LONGEST_ERROR = 500
_SILENT = "the database of webhooks has not told how it does"


class Reports:
    """The newest reports, made anew when they are asked for."""

    def __init__(self, destinations: Destinations, standings: Standings) -> None:
        self._destinations = destinations
        self._standings = standings
        self._told: dict[str, DestinationStanding] = {}
        self._told_monotonic = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def of_all(self) -> list[ResourceReport]:
        """Return a report of each destination in force."""
        if monotonic() - self._told_monotonic > _FRESH_SECONDS:
            await self._renew()
        is_true = monotonic() - self._told_monotonic < _TRUE_SECONDS
        told = self._told if is_true else {}
        return [_report(name, told.get(name)) for name in self._destinations.in_force]

    async def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _renew(self) -> None:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(), name="reports")
        await asyncio.wait({self._asking}, timeout=_PATIENCE_SECONDS)

    async def _ask(self) -> None:
        # Without the database there is nothing newer to tell.
        with suppress(Problem):
            self._told = dict(await self._standings.of(self._destinations.in_force))
            self._told_monotonic = monotonic()


def _report(name: str, told: DestinationStanding | None) -> ResourceReport:
    report = ResourceReport(kind="EventDestination", name=name)
    if told is None:
        return report.model_copy(update={"reason": "Silent", "error": _SILENT})
    unknown = told.reason == "Unknown"
    return report.model_copy(
        update={
            "healthy": None if unknown else told.ready,
            "reason": told.reason,
            "error": told.message,
            "delivery": _delivery(told.standing or Standing()),
        }
    )


def _delivery(standing: Standing) -> DeliveryReport:
    error = standing.last_error
    return DeliveryReport(
        delivered_sequence=standing.delivered_sequence,
        waiting=standing.waiting,
        oldest_waiting_at=_moment(standing.oldest_waiting_at),
        last_error=error and error[:_LONGEST_ERROR],
        last_error_at=_moment(standing.last_error_at),
    )


def _moment(micros: int | None) -> str | None:
    return None if micros is None else to_rfc3339(micros)
