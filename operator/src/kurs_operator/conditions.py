"""The status of a resource: what stands in it, as models; the CRDs' schema is made from them."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from kurs.config.resources import OnMissingData, OnStale, Scope, SourceType
from kurs.kernel.clock import from_rfc3339

MAX_LAGGING = 10
MAX_TICKETS = 20
MAX_APPROVED = 100
MAX_BLOCKED = 2000
MAX_QUOTES = 400
MAX_MESSAGE = 1024


def _checked(text: str) -> str:
    """Return a moment in RFC 3339; raises ValueError."""
    from_rfc3339(text)
    return text


State = Literal["True", "False", "Unknown"]
Text = Annotated[str, StringConstraints(max_length=MAX_MESSAGE)]
Short = Annotated[str, StringConstraints(max_length=253)]
Stamp = Annotated[
    str,
    AfterValidator(_checked),
    Field(json_schema_extra={"format": "date-time", "maxLength": 40}),
]
Count = Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})]


class ConditionType(StrEnum):
    """What a resource is judged by; `Reconciling` and `Stalled` stand only while they are true."""

    ACCEPTED = "Accepted"
    SOURCE_HEALTHY = "SourceHealthy"
    DELIVERING = "Delivering"
    PROPAGATED = "Propagated"
    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


class Progress(StrEnum):
    """Reasons of the conditions beside `Accepted`, whose are those of a ruling.

    Why a destination does not get its events says webhooks, in a word of its own.
    """

    PROPAGATED = "Propagated"
    PROPAGATING = "Propagating"
    TIMEOUT = "PropagationTimeout"
    REJECTED = "Rejected"
    DRIFTED = "Drifted"
    NO_PODS = "NoPods"
    NOT_ACCEPTED = "NotAccepted"
    HEALTHY = "Healthy"
    UNHEALTHY = "Unhealthy"
    PENDING = "Pending"
    NOT_ASKED = "NotAsked"
    SILENT = "Silent"
    IN_FORCE = "InForce"


class StatusModel(BaseModel):
    """A frozen part of a status, in camelCase outside."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


class Condition(StatusModel):
    """One condition, as every Kubernetes tool reads it."""

    type: Annotated[str, StringConstraints(max_length=316)]
    status: State
    observed_generation: Count
    last_transition_time: Stamp
    reason: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    message: Text


class LaggingPod(StatusModel):
    """A pod that does not run the newest configuration, and what it says of it."""

    pod: Short
    revision: Short | None = None
    error: Text | None = None


class Propagation(StatusModel):
    """How far the newest configuration has come.

    `editedAt` stands where the operator saw the edit late, as after a restart; else the edit is
    as old as `startedAt`.
    """

    generation: Count
    revision: Short
    desired: Count
    applied: Count
    rejected: Count
    summary: Short
    started_at: Stamp
    edited_at: Stamp | None = None
    completed_at: Stamp | None = None
    lagging: Annotated[tuple[LaggingPod, ...], Field(max_length=MAX_LAGGING)] = ()


class ShadowCounts(StatusModel):
    """What a threshold would have decided since the pods that count now began to."""

    approve: Count = 0
    review: Count = 0
    decline: Count = 0


class ApprovedLimit(StatusModel):
    """A limit by which a threshold declined or reviewed when it was approved.

    Minor units of `currency`, or a number of payments; of one payment, or within `window` seconds,
    or (`exposure`) of all that a merchant holds open. `onMissingData` stands where it needs a rate.
    """

    scope: Scope
    exposure: bool = False
    currency: Short | None = None
    window: Count | None = None
    bound: Count
    on_missing_data: OnMissingData | None = None
    until: Stamp | None = None


class ApprovedScore(StatusModel):
    """From which scores a threshold reviewed and declined, and what it added for young accounts.

    `youngerThan` (seconds) stands where it has a rule about them.
    """

    scope: Scope
    review: Count
    decline: Count
    younger_than: Count | None = None
    points: Count = 0
    until: Stamp | None = None


class ApprovedBlocklist(StatusModel):
    """Which accounts a threshold kept from paying and from being paid."""

    scope: Scope
    accounts: Annotated[tuple[Short, ...], Field(max_length=MAX_BLOCKED)]
    until: Stamp | None = None


class ApprovedAge(StatusModel):
    """How old a rate of one quote might be, in seconds."""

    quote: Short
    max_age: Count


class ApprovedTerms(StatusModel):
    """What held the rates of a source when it was approved.

    `dated` rates said when they were true, `checksBase` that answers about another base were
    refused. `pairs` are the currencies of the source, its base among them; `others` tells whether
    there were more. Ages are seconds; a deviation that is absent was any. All that counts from the
    last ticket; `serves` are the currencies when it was last in force, `*` any.
    """

    type: SourceType
    max_age: Count
    pairs: Annotated[tuple[ApprovedAge, ...], Field(max_length=MAX_QUOTES)] = ()
    others: bool = False
    serves: Annotated[tuple[Short, ...], Field(max_length=MAX_QUOTES)] = ()
    max_deviation_bps: Count | None = None
    max_deviation_from_next_bps: Count
    on_stale: OnStale
    allow_insecure: bool = False
    dated: bool = False
    checks_base: bool = False


class Approval(StatusModel):
    """What a resource may be loosened from: as it was at its last ticket, or at its first day.

    `tickets` were used, the newest last. `overrides` names the thresholds whose limits the last
    ticket of a threshold overrode, with a digest of these, or the sources that a source is asked
    before.
    """

    tickets: Annotated[tuple[Short, ...], Field(max_length=MAX_TICKETS)] = ()
    overrides: Annotated[tuple[Short, ...], Field(max_length=MAX_APPROVED)] = ()
    limits: Annotated[tuple[ApprovedLimit, ...], Field(max_length=MAX_APPROVED)] = ()
    reviews: Annotated[tuple[ApprovedLimit, ...], Field(max_length=MAX_APPROVED)] = ()
    scores: Annotated[tuple[ApprovedScore, ...], Field(max_length=MAX_APPROVED)] = ()
    blocklist: ApprovedBlocklist | None = None
    terms: ApprovedTerms | None = None


class ResourceStatus(StatusModel):
    """What all kinds tell."""

    observed_generation: Count
    revision: Short | None = None
    conditions: Annotated[tuple[Condition, ...], Field(max_length=8)] = ()
    propagation: Propagation | None = None

    def condition(self, kind: ConditionType) -> Condition | None:
        """Return one condition, or None while it does not stand."""
        return next((c for c in self.conditions if c.type == kind), None)


class ApprovedStatus(ResourceStatus):
    """What the kinds tell whose loosening needs an approval."""

    approved: Approval | None = None


class RateSourceStatus(ApprovedStatus):
    """The status of an FXRateSource. `lastRateAt` is the date of its oldest rate on any pod."""

    last_rate_at: Stamp | None = None


class ThresholdStatus(ApprovedStatus):
    """The status of a RiskThreshold. `shadow` stands while the mode is Shadow."""

    shadow: ShadowCounts | None = None


class DestinationStatus(ResourceStatus):
    """The status of an EventDestination: what webhooks says of it.

    `deliveredSequence` is the last event that it took, `waiting` how many it is still to get, the
    oldest since `oldestWaitingAt`. `lastError` says why it did not take one, at `lastErrorAt`.
    """

    delivered_sequence: Count | None = None
    waiting: Count | None = None
    oldest_waiting_at: Stamp | None = None
    last_error: Text | None = None
    last_error_at: Stamp | None = None
