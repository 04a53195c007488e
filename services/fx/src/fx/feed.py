"""One rate source at work: asks in the background, keeps the last good rates, knows its health."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from fx.domain.agreement import Doubt
from fx.domain.guard import Rejection, screen
from fx.domain.rates import Observation, SourceRates
from fx.metrics import FxMetrics
from fx.sources import RateSource, SourceError, SourceFault
from fx.sources.build import terms_of
from fx.sources.pace import pause_after
from kurs.calls.retry_after import wait_asked
from kurs.config.resources import ConfiguredSource
from kurs.kernel.clock import MICROS, Clock
from kurs.telemetry import Telemetry

_SHOWN_FINDINGS = 3


class Feed:
    """A configured source and what it stands for now.

    `changed` is called after each answer. `last` are the good rates of the same source under an
    earlier configuration, or that the fleet accepted before this process began: they stand until
    the new one answers, and jumps are measured from them. `not_before` is until when the provider
    has asked to be left alone, in microseconds.
    """

    def __init__(
        self,
        configured: ConfiguredSource,
        source: RateSource,
        *,
        clock: Clock,
        telemetry: Telemetry,
        metrics: FxMetrics,
        changed: Callable[[], None],
        last: Mapping[str, Observation],
        not_before: int = 0,
    ) -> None:
        self.configured = configured
        self.error: str | None = "has not answered yet"
        self.reason: str | None = None
        """The kind of error, of a fixed set: how the source failed, or why a rate was refused."""
        self._source = source
        self._terms = terms_of(configured.name, configured.spec)
        self._clock = clock
        self._logger = telemetry.logger
        self._metrics = metrics
        self._changed = changed
        self.not_before = not_before
        self._failures = 0
        self._failure: SourceError | None = None
        self._told: bool | None = None
        self._task: asyncio.Task[None] | None = None
        self.rates = SourceRates(self._terms, self._served(last))
        now = clock.now()
        at_once = source.read(now)
        if at_once is not None:
            self._take(at_once, now)

    @property
    def healthy(self) -> bool:
        """Whether the last answer gave every rate."""
        return self.error is None

    @property
    def asked(self) -> bool:
        """Whether the source has answered, or failed to, since it was configured."""
        return self._told is not None

    @property
    def as_of(self) -> int | None:
        """The date of the oldest rate, in microseconds; None without any."""
        return min((seen.as_of for seen in self.rates.observed.values()), default=None)

    def start(self) -> None:
        """Refresh in the background from now on."""
        self._task = asyncio.create_task(self._run(), name=f"rates of {self._terms.name}")

    def stop(self) -> asyncio.Task[None] | None:
        """Stop refreshing; returns what is left to wait for."""
        if self._task is not None:
            self._task.cancel()
        return self._task

    async def refresh(self) -> None:
        """Ask the source now, and take over what can be believed."""
        now = self._clock.now()
        try:
            fresh = await self._source.fetch(now)
        except SourceError as error:
            self._failure = error
            self.not_before = now + (wait_asked(error.retry_after, now) or 0)
            self._fail(error.fault, str(error))
        except Exception as error:
            self._failure = None
            # The text of an unforeseen error could hold what the source sent, so it stays unsaid.
            self._fail(SourceFault.UNEXPECTED, f"unexpected {type(error).__name__}")
        else:
            self.not_before = 0
            self._take(fresh, self._clock.now())
        self._changed()

    def delay(self) -> int:
        """Return how long the source is left alone from now on, in microseconds."""
        now = self._clock.now()
        regular = max(1, self._source.next_after(now) - now)
        pause = pause_after(self._failures, regular, self._failure)
        return max(pause, self.not_before - now)

    async def _run(self) -> None:
        if self._source.read(self._clock.now()) is None:
            await asyncio.sleep(max(0, self.not_before - self._clock.now()) / MICROS)
            await self.refresh()
        while True:
            await asyncio.sleep(self.delay() / MICROS)
            await self.refresh()

    def _take(self, fresh: Mapping[str, Observation], now: int) -> None:
        kept, rejections = screen(self._terms, self.rates.observed, fresh, now)
        self.rates = SourceRates(self._terms, kept)
        self._failures = 0
        for rejection in rejections:
            self._metrics.rejections.labels(self._terms.name, rejection.reason.value).inc()
        result = "partial" if rejections else "ok"
        self._metrics.refreshes.labels(self._terms.name, result).inc()
        self.reason = rejections[0].reason.value if rejections else None
        self._settle(summary(rejections))

    def _fail(self, fault: SourceFault, message: str) -> None:
        self._failures += 1
        self.reason = fault.value
        self._metrics.rejections.labels(self._terms.name, fault.value).inc()
        self._metrics.refreshes.labels(self._terms.name, "failed").inc()
        self._settle(message)

    def _settle(self, error: str | None) -> None:
        # Logged when health turns, not at each refresh: a feed can be ill for days.
        if self._told is not (error is None):
            self._told, name = error is None, self._terms.name
            if error is None:
                self._logger.info("rate source healthy", source=name)
            else:
                self._logger.warning("rate source unhealthy", source=name, error=error)
        self.error = error

    def _served(self, last: Mapping[str, Observation]) -> dict[str, Observation]:
        return {quote: seen for quote, seen in last.items() if self._terms.terms_for(quote)}


def summary(findings: Sequence[Rejection | Doubt]) -> str | None:
    """Return the first few findings as one line, None without any."""
    if not findings:
        return None
    shown = [str(finding) for finding in findings[:_SHOWN_FINDINGS]]
    left = len(findings) - len(shown)
    return "; ".join(shown) + (f"; and {left} more" if left else "")
