"""The status of a resource: what stands in it, as models; the CRDs' schema is made from them."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from kurs.config.resources import OnMissingData, Scope
from kurs.kernel.clock import from_rfc3339

MAX_LAGGING = 10
MAX_TICKETS = 20
MAX_APPROVED = 100
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
    PROPAGATED = "Propagated"
    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


class Progress(StrEnum):
    """Reasons of the conditions `Propagated`, `SourceHealthy` and `Ready`, beside the ruling's."""

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


class ResourceStatus(StatusModel):
    """What both kinds tell."""

    observed_generation: Count
    revision: Short | None = None
    conditions: Annotated[tuple[Condition, ...], Field(max_length=8)] = ()
    propagation: Propagation | None = None

    def condition(self, kind: ConditionType) -> Condition | None:
        """Return one condition, or None while it does not stand."""
        return next((c for c in self.conditions if c.type == kind), None)


class RateSourceStatus(ResourceStatus):
    """The status of an FXRateSource. `lastRateAt` is the date of its oldest rate on any pod."""

    last_rate_at: Stamp | None = None


class ApprovedLimit(StatusModel):
    """A limit by which a threshold declined when it was approved.

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


class Approval(StatusModel):
    """What a threshold may be loosened from: its limits at its last ticket, or at its first day.

    `tickets` were used, the newest last; `overrides` names the thresholds whose limits the last
    one of them overrode.
    """

    tickets: Annotated[tuple[Short, ...], Field(max_length=MAX_TICKETS)] = ()
    overrides: Annotated[tuple[Short, ...], Field(max_length=MAX_APPROVED)] = ()
    limits: Annotated[tuple[ApprovedLimit, ...], Field(max_length=MAX_APPROVED)] = ()


class ThresholdStatus(ResourceStatus):
    """The status of a RiskThreshold. `shadow` stands while the mode is Shadow."""

    shadow: ShadowCounts | None = None
    approved: Approval | None = None
