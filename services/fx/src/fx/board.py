"""The board: all sources at work, and the one rate table that requests read."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from fx.domain.agreement import Doubt, agreed
from fx.domain.open_quotes import Ceiling
from fx.domain.rates import Observation, SourceRates
from fx.domain.table import RateTable
from fx.feed import Feed, summary
from fx.memory import Remembered, remembered, told
from fx.metrics import FxMetrics, RateCollector
from fx.settings import FxSettings
from fx.sources.build import source_of
from kurs.config.reports import ResourceReport
from kurs.config.resources import ConfiguredSource, FxDocument, OpenQuotesLimit
from kurs.config.secrets import Secrets
from kurs.kernel.clock import Clock, to_rfc3339
from kurs.telemetry import Telemetry

FAR_FROM_NEXT = "far_from_next"


class RateBoard:
    """Holds `table`, which is replaced whole whenever a document or a rate changes.

    Not to be shared between event loops; nothing in it waits but `refresh` and `close`.
    """

    def __init__(
        self, settings: FxSettings, *, clock: Clock, telemetry: Telemetry, metrics: FxMetrics
    ) -> None:
        self.table = RateTable(())
        self.feeds: tuple[Feed, ...] = ()
        self._policy = settings.fetch_policy()
        self._secrets = Secrets(settings.secrets_dir)
        self._clock = clock
        self._telemetry = telemetry
        self._metrics = metrics
        self.document: FxDocument | None = None
        self.ceilings: tuple[Ceiling, ...] = ()
        """What the document says of quotes that one merchant may have open."""
        self._served = False
        self._folder = settings.config_dir
        self._remembered: Remembered | None = None
        self._doubts: Mapping[str, tuple[Doubt, ...]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        telemetry.registry.register(RateCollector(self._view, clock))

    def apply(self, document: FxDocument) -> None:
        """Put a document in force; sources that it leaves unchanged go on undisturbed."""
        if self._remembered is None:
            self._remembered = remembered(self._folder, self._clock.now(), self._telemetry)
        before = {_key(feed.configured): feed for feed in self.feeds}
        feeds = tuple(
            self._feed(configured, before.get(_key(configured)))
            for configured in document.payload.rate_sources
            if not configured.spec.suspend
        )
        # Of a source that comes later, what is remembered may be of an earlier one.
        self._remembered = {}
        old, self.feeds, self.document = self.feeds, feeds, document
        self.ceilings = tuple(map(_ceiling, document.payload.open_quotes or ()))
        self._swap()
        for feed in old:
            if feed not in feeds:
                self._leave(feed)
        for feed in feeds:
            if feed not in old:
                feed.start()

    def has_served(self) -> bool:
        """Tell whether a pair could be priced, now or before.

        Rates that have aged since are no reason to be unready: `stale_rate` is an answer, and a
        caller who finds no replica at all cannot know as much.
        """
        self._served = self._served or self.table.usable(self._clock.now())
        return self._served

    def reports(self) -> list[ResourceReport]:
        """Say of each source whether it gives its rates."""
        return [self._report(feed) for feed in self.feeds]

    async def refresh(self) -> None:
        """Ask every source now."""
        await asyncio.gather(*(feed.refresh() for feed in self.feeds))

    async def close(self) -> None:
        """Stop asking; the table stays readable."""
        for feed in self.feeds:
            self._leave(feed)
        for task in list(self._leaving):
            with suppress(asyncio.CancelledError):
                await task

    def _feed(self, configured: ConfiguredSource, before: Feed | None) -> Feed:
        if before is not None and before.configured == configured:
            return before
        return Feed(
            configured,
            source_of(configured.spec, self._policy, self._secrets),
            clock=self._clock,
            telemetry=self._telemetry,
            metrics=self._metrics,
            changed=self._swap,
            last=self._last(configured, before),
            not_before=before.not_before if before is not None and _asks(before, configured) else 0,
        )

    def _last(self, configured: ConfiguredSource, before: Feed | None) -> Mapping[str, Observation]:
        if before is not None:
            return before.rates.observed if _akin(before, configured) else {}
        if not configured.spec.of_type.publishes or self._remembered is None:
            return {}
        return self._remembered.get((configured.name, configured.spec.base_currency), {})

    def _leave(self, feed: Feed) -> None:
        task = feed.stop()
        if task is not None:
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    def _swap(self) -> None:
        revision = self.document.revision if self.document else ""
        kept, doubts = agreed([feed.rates for feed in self.feeds], self._clock.now())
        self.table = RateTable(kept, revision)
        self._tell(doubts)

    def _tell(self, doubts: Mapping[str, tuple[Doubt, ...]]) -> None:
        """Count and log what is newly not sold."""
        for name, found in doubts.items():
            known = {doubt.currency for doubt in self._doubts.get(name, ())}
            new = [doubt for doubt in found if doubt.currency not in known]
            if new:
                self._metrics.rejections.labels(name, FAR_FROM_NEXT).inc(len(new))
                self._telemetry.logger.warning(
                    "rates far from the next source's", source=name, error=summary(new)
                )
        self._doubts = doubts

    def state(self, feed: Feed) -> tuple[bool, str | None, str | None]:
        """Say whether a source gives every rate that it should; the kind of error, and the error.

        A source that is well by itself is ill when it is far from the next one.
        """
        doubts = self._doubts.get(feed.configured.name, ())
        if feed.healthy and doubts:
            return False, FAR_FROM_NEXT, summary(doubts)
        return feed.healthy, feed.reason, feed.error

    def _view(self) -> list[tuple[SourceRates, bool]]:
        return [(feed.rates, self.state(feed)[0]) for feed in self.feeds]

    def _report(self, feed: Feed) -> ResourceReport:
        healthy, reason, error = self.state(feed)
        return ResourceReport(
            kind="FXRateSource",
            name=feed.configured.name,
            healthy=healthy if feed.asked else None,
            reason=reason,
            error=error,
            observed_at=None if feed.as_of is None else to_rfc3339(feed.as_of),
            accepted=told(feed.rates),
        )


def _ceiling(limit: OpenQuotesLimit) -> Ceiling:
    corridors = ((way.source, way.destination) for way in limit.scope.corridors)
    return Ceiling(
        limit.name,
        limit.exposure.currency,
        limit.exposure.max_minor,
        frozenset(limit.scope.currencies),
        frozenset(corridors),
        limit.effective_from,
        limit.effective_until,
        limit.on_missing_data == "Decline",
    )


def _akin(before: Feed, configured: ConfiguredSource) -> bool:
    """Whether rates of the earlier source may stand for the later one of the same name.

    A resource can be deleted and made anew as something else, between two documents.
    """
    old, new = before.configured.spec, configured.spec
    return (old.type, old.base_currency) == (new.type, new.base_currency)


def _asks(before: Feed, configured: ConfiguredSource) -> bool:
    """Whether the earlier source asks the same provider, so that its `Retry-After` stands."""
    old, new = before.configured.spec.of_type.provider, configured.spec.of_type.provider
    return old is not None and old == new


def _key(configured: ConfiguredSource) -> tuple[str | None, str]:
    return (configured.namespace, configured.name)
