"""The pure heart of the operator: all resources in; a document per service and a verdict each out.

The result depends on the set of resources and on `now`, never on their order or on a clock. Both
the operator and the local mode call it, so what a laptop does is what a cluster does.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Generic, Literal, TypeVar

from kurs.clock import to_rfc3339
from kurs.resources import (
    MAX_WINDOWS,
    Document,
    FxDocument,
    FxPayload,
    FXRateSource,
    FXRateSourceSpec,
    InvalidResource,
    Metadata,
    RateSource,
    RiskDocument,
    RiskPayload,
    RiskThresholdSpec,
    SourceRef,
    Threshold,
    parse_resource,
)
from kurs_operator.conflicts import rate_source_conflict, shared_pair, threshold_conflict
from kurs_operator.edits import Edit, last_edit
from kurs_operator.verdict import Identity, Reason, Verdict, invalid

MAX_DOCUMENT_BYTES = 1_000_000
"""A ConfigMap holds 1 MiB; the rest is room for its metadata."""
_SHOWN = 3
"""How many names of other resources a message holds."""

SpecT = TypeVar("SpecT", FXRateSourceSpec, RiskThresholdSpec)
DocumentT = TypeVar("DocumentT", bound=Document)
Conflict = Callable[[SpecT, SpecT], str | None]


@dataclass(frozen=True, slots=True)
class Compilation:
    """The documents, one verdict per resource, and when to compile again.

    A document is None when it would be larger than a ConfigMap: the one in force stays, since a
    document without some of its limits would be worse. `next_change` is the next moment at which
    a resource comes into force or expires, in microseconds since the epoch.
    """

    fx: FxDocument | None
    risk: RiskDocument | None
    verdicts: tuple[Verdict, ...]
    next_change: int | None

    @property
    def documents(self) -> dict[str, Document]:
        """The documents by service."""
        both = {"fx": self.fx, "risk": self.risk}
        return {service: document for service, document in both.items() if document is not None}

    @property
    def refused(self) -> tuple[Verdict, ...]:
        """The verdicts on resources that are not accepted."""
        return tuple(verdict for verdict in self.verdicts if not verdict.accepted)


@dataclass(frozen=True, slots=True)
class _Entry(Generic[SpecT]):
    """A resource whose spec is right."""

    identity: Identity
    metadata: Metadata
    spec: SpecT
    edit: Edit | None
    verdict: Verdict | None = None
    """What to say of it when it stands in the document, if not that it is in force."""

    @property
    def rank(self) -> tuple[int, float, tuple[str, str, str], int, str, str]:
        """Who comes first: the higher priority, then the older, then the name.

        The rest orders two that claim one name, which only files can do.
        """
        created = self.metadata.creation_timestamp
        age = float("inf") if created is None else created
        content = json.dumps(self.spec.model_dump(mode="json"), sort_keys=True)
        identity = self.identity
        return (
            -self.spec.priority,
            age,
            identity.key,
            -identity.generation,
            content,
            identity.uid,
        )

    @property
    def place(self) -> tuple[int, str, str]:
        """The place in the document: by content alone, so that age does not change the revision."""
        return (-self.spec.priority, self.identity.namespace, self.identity.name)


def compile_resources(resources: Iterable[Mapping[str, Any]], *, now: int) -> Compilation:
    """Compile all resources of a namespace, given as plain values; raises nothing.

    `now` is microseconds since the epoch. A resource whose window is over is left out; one whose
    window is still to come stands in the document, with it, and the service waits for it.
    """
    verdicts: list[Verdict] = []
    rates: list[_Entry[FXRateSourceSpec]] = []
    limits: list[_Entry[RiskThresholdSpec]] = []
    for content in resources:
        identity = Identity.of(content)
        try:
            resource = parse_resource(content)
        except InvalidResource as error:
            verdicts.append(invalid(identity, error.errors))
            continue
        edit = last_edit(content)
        if isinstance(resource, FXRateSource):
            rates.append(_Entry(identity, resource.metadata, resource.spec, edit))
        else:
            limits.append(_Entry(identity, resource.metadata, resource.spec, edit))
    next_change = min([*_changes(rates, now), *_changes(limits, now)], default=None)
    fx = _fx_document(_admit(rates, rate_source_conflict, now, verdicts), verdicts)
    admitted = _admit(limits, threshold_conflict, now, verdicts)
    risk = _risk_document(_within_windows(admitted, verdicts), verdicts)
    ordered = sorted(verdicts, key=lambda v: (v.identity, v.reason, v.message))
    return Compilation(fx, risk, tuple(ordered), next_change)


def _changes(entries: Sequence[_Entry[SpecT]], now: int) -> list[int]:
    moments = [
        moment
        for entry in entries
        if not entry.spec.suspend
        for moment in (entry.spec.effective_from, entry.spec.effective_until)
    ]
    return [moment for moment in moments if moment is not None and moment > now]


def _admit(
    entries: Sequence[_Entry[SpecT]], conflict: Conflict[SpecT], now: int, verdicts: list[Verdict]
) -> list[_Entry[SpecT]]:
    """Return the entries that belong in the document; append the verdicts on the others.

    A loser does not make losers itself: each entry is held against those already admitted. One
    that is not yet effective is admitted, since services open and close windows to the second and
    without us, but it drives nobody out before its time.
    """
    admitted: list[_Entry[SpecT]] = []
    coming: list[_Entry[SpecT]] = []
    for entry in _first_of_each_name(sorted(entries, key=lambda e: e.rank), verdicts):
        spec = entry.spec
        if spec.suspend:
            verdicts.append(Verdict(entry.identity, Reason.SUSPENDED, "spec.suspend is true"))
        elif spec.effective_until is not None and now >= spec.effective_until:
            message = f"was in force until {to_rfc3339(spec.effective_until)}"
            verdicts.append(Verdict(entry.identity, Reason.EXPIRED, message))
        elif spec.effective_from is not None and now < spec.effective_from:
            coming.append(entry)
        elif lost := _lost(entry, admitted, conflict):
            verdicts.append(lost)
        else:
            admitted.append(entry)
    both = admitted + coming
    announced = [replace(entry, verdict=_announced(entry, both, conflict)) for entry in coming]
    return sorted(admitted + announced, key=lambda e: e.place)


def _first_of_each_name(
    ranked: Iterable[_Entry[SpecT]], verdicts: list[Verdict]
) -> Iterator[_Entry[SpecT]]:
    named: set[tuple[str, str, str]] = set()
    for entry in ranked:
        if entry.identity.key in named:
            name = str(entry.identity)
            message = f"{name} is defined more than once; give this one another metadata.name"
            verdicts.append(Verdict(entry.identity, Reason.CONFLICTED, message, winner=name))
        else:
            named.add(entry.identity.key)
            yield entry


def _lost(
    entry: _Entry[SpecT], earlier: Iterable[_Entry[SpecT]], conflict: Conflict[SpecT]
) -> Verdict | None:
    """Return the verdict on an entry that contradicts one before it, or None."""
    for winner in earlier:
        found = conflict(winner.spec, entry.spec)
        if found is not None:
            name = str(winner.identity)
            message = f"{name} wins because {_precedence(winner, entry)}: {found}"
            return Verdict(entry.identity, Reason.CONFLICTED, message, winner=name)
    return None


def _announced(
    entry: _Entry[SpecT], others: Iterable[_Entry[SpecT]], conflict: Conflict[SpecT]
) -> Verdict:
    """Return the verdict on an entry that is not yet effective, with the conflict it will meet."""
    start = entry.spec.effective_from
    assert start is not None
    then = [
        other
        for other in others
        if other.rank < entry.rank
        and (other.spec.effective_from or 0) <= start
        and (other.spec.effective_until is None or other.spec.effective_until > start)
    ]
    lost = _lost(entry, then, conflict)
    message = f"comes into force at {to_rfc3339(start)}"
    if lost is not None:
        message += f", but then {lost.message}"
    return Verdict(entry.identity, Reason.NOT_YET_EFFECTIVE, message)


def _precedence(winner: _Entry[SpecT], loser: _Entry[SpecT]) -> str:
    if winner.spec.priority != loser.spec.priority:
        return "its priority is higher"
    if winner.rank[1] != loser.rank[1]:
        return "it is older"
    return "its name comes first"


def _fx_document(
    entries: Sequence[_Entry[FXRateSourceSpec]], verdicts: list[Verdict]
) -> FxDocument | None:
    sources = tuple(
        RateSource(name=e.metadata.name, namespace=e.metadata.namespace, spec=e.spec)
        for e in entries
    )
    document = FxDocument.build(
        FxPayload(rateSources=sources), _references("FXRateSource", entries)
    )
    return _bounded(document, [_ranked(entry, entries) for entry in entries], verdicts)


def _ranked(
    entry: _Entry[FXRateSourceSpec], others: Iterable[_Entry[FXRateSourceSpec]]
) -> _Entry[FXRateSourceSpec]:
    """Return a source in force with the word on those that are asked before it."""
    first = (
        other.identity.name
        for other in others
        if other.verdict is None
        and other.spec.priority > entry.spec.priority
        and shared_pair(other.spec, entry.spec)
    )
    names = ", ".join(islice(first, _SHOWN)) if entry.verdict is None else ""
    if not names:
        return entry
    message = f"in force, asked after {names} where they quote the same pair"
    return replace(entry, verdict=Verdict(entry.identity, Reason.ACCEPTED, message))


def _within_windows(
    entries: Sequence[_Entry[RiskThresholdSpec]], verdicts: list[Verdict]
) -> list[_Entry[RiskThresholdSpec]]:
    """Leave out the last thresholds that want more lengths of windows than risk reads.

    Otherwise risk would refuse the whole document, and no later edit would come into force.
    """
    known: set[int] = set()
    refused: set[Identity] = set()
    for entry in sorted(entries, key=lambda e: e.rank):
        wanted = known | {rule.window for rule in entry.spec.velocity}
        if len(wanted) <= MAX_WINDOWS:
            known = wanted
            continue
        refused.add(entry.identity)
        message = (
            f"with those before it, its velocity rules have windows of {len(wanted)} lengths, more "
            f"than {MAX_WINDOWS}; use lengths that other thresholds use"
        )
        verdicts.append(Verdict(entry.identity, Reason.TOO_LARGE, message))
    return [entry for entry in entries if entry.identity not in refused]


def _risk_document(
    entries: Sequence[_Entry[RiskThresholdSpec]], verdicts: list[Verdict]
) -> RiskDocument | None:
    thresholds = tuple(
        Threshold(name=e.metadata.name, namespace=e.metadata.namespace, spec=e.spec)
        for e in entries
    )
    references = _references("RiskThreshold", entries)
    document = RiskDocument.build(RiskPayload(thresholds=thresholds), references)
    return _bounded(document, entries, verdicts)


def _references(
    kind: Literal["FXRateSource", "RiskThreshold"], entries: Sequence[_Entry[SpecT]]
) -> list[SourceRef]:
    return [
        SourceRef(
            kind=kind,
            name=entry.metadata.name,
            uid=entry.identity.uid,
            generation=entry.identity.generation,
            editedBy=entry.edit and entry.edit.by,
            editedAt=entry.edit and to_rfc3339(entry.edit.at),
        )
        for entry in entries
    ]


def _bounded(
    document: DocumentT, entries: Sequence[_Entry[SpecT]], verdicts: list[Verdict]
) -> DocumentT | None:
    """Append the verdicts on what stands in the document; return it unless it is too large."""
    size = len(document.to_json().encode())
    if size <= MAX_DOCUMENT_BYTES:
        verdicts.extend(
            entry.verdict or Verdict(entry.identity, Reason.ACCEPTED, "in force")
            for entry in entries
        )
        return document
    message = (
        f"together the resources make {size} bytes, more than {MAX_DOCUMENT_BYTES}; "
        "the last document stays in force; shorten their lists"
    )
    verdicts.extend(Verdict(entry.identity, Reason.TOO_LARGE, message) for entry in entries)
    return None
