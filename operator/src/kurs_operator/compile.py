"""The pure heart of the operator: all resources in; a document per service and a ruling each out.

The result depends on the set of resources and on `now`, never on their order or on a clock. Both
the operator and the local mode call it, so what a laptop does is what a cluster does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from kurs.config.resources import (
    KINDS,
    ConfiguredDestination,
    Document,
    FxDocument,
    FxPayload,
    OpenQuotesLimit,
    RiskDocument,
    RiskPayload,
    WebhooksDocument,
    WebhooksPayload,
)
from kurs_operator.admission import admit, changes, first_of_each_name
from kurs_operator.conflicts import RateClaim, shared_pair
from kurs_operator.entries import Entry, read_entry
from kurs_operator.fitting import within_size, within_windows
from kurs_operator.open_quotes import open_quotes
from kurs_operator.ruling import Reason, Ruling

_SHOWN = 3
"""How many names of other resources a message holds."""


@dataclass(frozen=True, slots=True)
class Compilation:
    """The documents, one ruling per resource, and when to compile again.

    `next_change` is the next moment at which a resource comes into force or expires, in
    microseconds since the epoch.
    """

    fx: FxDocument
    risk: RiskDocument
    webhooks: WebhooksDocument
    rulings: tuple[Ruling, ...]
    next_change: int | None

    @property
    def documents(self) -> dict[str, Document]:
        """The documents by service."""
        return {"fx": self.fx, "risk": self.risk, "webhooks": self.webhooks}

    def with_destinations(self, other: "Compilation") -> "Compilation":
        """Return this compilation with the destinations of another, and the rulings on them."""
        rulings = (*self.rulings, *other.rulings)
        return replace(self, webhooks=other.webhooks, rulings=rulings)

    @property
    def refused(self) -> tuple[Ruling, ...]:
        """The rulings on resources that are not accepted."""
        return tuple(ruling for ruling in self.rulings if not ruling.accepted)


def compile_resources(resources: Iterable[object], *, now: int) -> Compilation:
    """Compile all resources of a namespace, given as plain values; raises nothing.

    `now` is microseconds since the epoch. A resource whose window is over is left out; one whose
    window is still to come stands in the document, with it, and the service waits for it. What
    cannot be read, or does not fit, is refused alone.
    """
    rulings: list[Ruling] = []
    entries: dict[str, list[Entry]] = {kind: [] for kind in KINDS}
    for content in resources:
        read = read_entry(content)
        if isinstance(read, Ruling):
            rulings.append(read)
        else:
            entries[read.identity.kind].append(read)
    rates, limits, destinations = entries.values()
    next_change = min(changes([*rates, *limits], now), default=None)
    admitted = within_windows(admit(limits, now, rulings), rulings)
    risk, judging = within_size(admitted, _risk_document, rulings)
    rulings += [entry.ruling or _in_force(entry) for entry in judging]
    build = partial(_fx_document, tuple(open_quotes(judging)) or None)
    fx, asked = within_size(admit(rates, now, rulings), build, rulings)
    rulings += [entry.ruling or _asked_after(entry, asked) for entry in asked]
    named = list(first_of_each_name(sorted(destinations, key=lambda e: e.rank), rulings))
    webhooks, sent = within_size(named, _webhooks_document, rulings)
    rulings += map(_in_force, sent)
    ordered = sorted(rulings, key=lambda v: (v.identity, v.reason, v.message))
    return Compilation(fx, risk, webhooks, tuple(ordered), next_change)


def _fx_document(
    limits: tuple[OpenQuotesLimit, ...] | None, entries: Sequence[Entry]
) -> FxDocument:
    placed = sorted(entries, key=lambda e: e.place)
    payload = FxPayload(rateSources=tuple(entry.part for entry in placed), openQuotes=limits)
    return FxDocument.build(payload, [entry.reference for entry in placed])


def _risk_document(entries: Sequence[Entry]) -> RiskDocument:
    placed = sorted(entries, key=lambda e: e.place)
    payload = RiskPayload(thresholds=tuple(entry.part for entry in placed))
    return RiskDocument.build(payload, [entry.reference for entry in placed])


def _webhooks_document(entries: Sequence[Entry]) -> WebhooksDocument:
    placed = sorted(entries, key=lambda e: e.place)
    parts = tuple(entry.part for entry in placed if isinstance(entry.part, ConfiguredDestination))
    payload = WebhooksPayload(destinations=parts)
    return WebhooksDocument.build(payload, [entry.reference for entry in placed])


def _in_force(entry: Entry) -> Ruling:
    return Ruling(entry.identity, Reason.ACCEPTED, "in force")


def _asked_after(entry: Entry, others: Iterable[Entry]) -> Ruling:
    """Return the ruling on a source in force, with the word on those that are asked before it."""
    mine = entry.claim
    first = (
        other.identity.name
        for other in others
        if other.ruling is None
        and isinstance(mine, RateClaim)
        and isinstance(other.claim, RateClaim)
        and other.claim.priority > mine.priority
        and shared_pair(other.claim, mine)
    )
    names = ", ".join(islice(first, _SHOWN))
    if not names:
        return _in_force(entry)
    message = f"in force, asked after {names} where they quote the same pair"
    return Ruling(entry.identity, Reason.ACCEPTED, message)
