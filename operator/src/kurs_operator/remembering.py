"""Keeps what the fleet of fx accepted last beside its document, for pods that begin later.

Written once a minute at the most, since rates change faster than pods begin; and under a field
manager of its own, so that neither write takes the other's back.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from pydantic import ValidationError

from kurs.config.accepted import MAX_ACCEPTED_BYTES, Accepted, AcceptedRate, AcceptedRates
from kurs.config.resources import Document, FxDocument
from kurs.kernel.clock import MICROS, Clock
from kurs.telemetry import Telemetry
from kurs_operator.cluster import ClusterFault
from kurs_operator.fleet import Ack

REMEMBER_SECONDS = 60
_MAX_FUTURE = 5 * 60 * MICROS


class AcceptedPort(Protocol):
    """The ConfigMap of fx, as far as it is about this; raises ClusterFault."""

    async def accepted(self) -> str | None:
        """Return the text that it holds."""
        ...

    async def keep_accepted(self, text: str) -> None:
        """Let it hold another text."""
        ...


class Remembering:
    """Holds what is known, which a restart reads from the ConfigMap."""

    def __init__(self, cluster: AcceptedPort, *, clock: Clock, telemetry: Telemetry) -> None:
        self._cluster = cluster
        self._clock = clock
        self._logger = telemetry.logger
        self._known: Accepted | None = None
        self._text: str | None = None
        self._due = 0

    async def keep(self, document: Document, acks: Iterable[Ack]) -> None:
        """Write what is new, if it is time to. What fails is told, and tried the next time."""
        now = self._clock.now()
        if now < self._due or not isinstance(document, FxDocument):
            return
        self._due = now + REMEMBER_SECONDS * MICROS
        try:
            if self._known is None:
                self._text = await self._cluster.accepted()
                self._known = _read(self._text)
            self._known = merge(self._known, document, acks, now)
            text = self._known.model_dump_json()
            if text != self._text and (self._known.sources or self._text is not None):
                await self._cluster.keep_accepted(text)
                self._text = text
        except ClusterFault as fault:
            self._logger.warning("accepted rates are not kept", error=str(fault))


def merge(known: Accepted, document: FxDocument, acks: Iterable[Ack], now: int) -> Accepted:
    """Return the newest accepted rate of each pair, of the sources in force, as many as have room.

    A moment that lies ahead is not believed: nothing newer would ever take its place.
    """
    told = [report for ack in acks for report in ack.answer.reports if report.accepted is not None]
    kept: dict[str, AcceptedRates] = {}
    room = MAX_ACCEPTED_BYTES
    for source in document.payload.rate_sources:
        if not source.spec.of_type.publishes or source.spec.max_deviation_bps is None:
            continue
        said = [known.sources.get(source.name)]
        said += [r.accepted for r in told if r.name == source.name]
        merged = _newest(source.spec.base_currency, said, now)
        room -= len(merged.model_dump_json()) + len(source.name)
        if merged.rates and room > 0:
            kept[source.name] = merged
    return Accepted(sources=kept)


def _newest(base: str, said: Iterable[AcceptedRates | None], now: int) -> AcceptedRates:
    rates = sorted(
        ((rate.as_of, quote, rate) for quote, rate in _of_base(base, said)), key=lambda r: r[:2]
    )
    newest = {quote: rate for at, quote, rate in rates if at <= now + _MAX_FUTURE}
    return AcceptedRates(base=base, rates=dict(sorted(newest.items())))


def _of_base(base: str, said: Iterable[AcceptedRates | None]) -> Iterator[tuple[str, AcceptedRate]]:
    for rates in said:
        if rates is not None and rates.base == base:
            yield from rates.rates.items()


def _read(text: str | None) -> Accepted:
    try:
        return Accepted() if text is None else Accepted.model_validate_json(text)
    except ValidationError:
        # Whatever stands there is written anew.
        return Accepted()
