"""A resource as Kubernetes holds it: apiVersion, kind, metadata and spec."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from kurs.config.resources.event_destination import EventDestinationSpec
from kurs.config.resources.findings import explain
from kurs.config.resources.fx_rate_source import FXRateSourceSpec
from kurs.config.resources.risk_threshold import RiskThresholdSpec
from kurs.config.resources.scalars import Label, Moment, StrictModel, Subdomain
from kurs.kernel.errors import FieldError

API_VERSION = "kurs.dev/v1alpha1"
MAX_GENERATION = 2**63 - 1
"""What the API server can count to."""


class Metadata(BaseModel):
    """The part of an object's metadata that Kurs reads; the rest belongs to Kubernetes."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, alias_generator=to_camel, validate_by_name=False
    )

    name: Subdomain
    namespace: Label | None = None
    uid: Annotated[str, StringConstraints(max_length=64)] | None = None
    generation: Annotated[int, Field(strict=True, ge=0, le=MAX_GENERATION)] | None = None
    creation_timestamp: Moment | None = None


class FXRateSource(StrictModel):
    """Where exchange rates come from."""

    api_version: Literal["kurs.dev/v1alpha1"]
    kind: Literal["FXRateSource"]
    metadata: Metadata
    spec: FXRateSourceSpec
    status: Mapping[str, Any] | None = Field(default=None, repr=False)


class RiskThreshold(StrictModel):
    """From where on a payment is reviewed or declined."""

    api_version: Literal["kurs.dev/v1alpha1"]
    kind: Literal["RiskThreshold"]
    metadata: Metadata
    spec: RiskThresholdSpec
    status: Mapping[str, Any] | None = Field(default=None, repr=False)


class EventDestination(StrictModel):
    """Where a merchant's events go."""

    api_version: Literal["kurs.dev/v1alpha1"]
    kind: Literal["EventDestination"]
    metadata: Metadata
    spec: EventDestinationSpec
    status: Mapping[str, Any] | None = Field(default=None, repr=False)


Resource: TypeAlias = FXRateSource | RiskThreshold | EventDestination
Kind: TypeAlias = Literal["FXRateSource", "RiskThreshold", "EventDestination"]
KINDS: Mapping[str, type[FXRateSource] | type[RiskThreshold] | type[EventDestination]] = {
    "FXRateSource": FXRateSource,
    "RiskThreshold": RiskThreshold,
    "EventDestination": EventDestination,
}


class InvalidResource(ValueError):
    """A resource that breaks a rule; `errors` says which fields and what would be right.

    Its `__cause__` is what nobody foresaw, if that is why the resource cannot be read.
    """

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__("; ".join(describe(error) for error in errors))
        self.errors = errors


def describe(error: FieldError) -> str:
    """Write a finding as one line: field, what is wrong, what would be right."""
    return f"{error.field}: {error.message}" + (f" ({error.hint})" if error.hint else "")


@contextmanager
def reading() -> Iterator[None]:
    """Make of whatever goes wrong with one resource its own InvalidResource.

    Whoever reads many resources must not be stopped by the content of one.
    """
    try:
        yield
    except InvalidResource:
        raise
    except Exception as error:
        hint = "write it more plainly; the log has the whole error"
        finding = FieldError("(the whole)", f"cannot be read: {type(error).__name__}", hint)
        raise InvalidResource((finding,)) from error


@reading()
def parse_resource(content: object) -> Resource:
    """Read a resource from plain values (parsed YAML or JSON). Raises InvalidResource alone."""
    if not isinstance(content, Mapping):
        hint = "write a mapping with apiVersion, kind, metadata and spec"
        raise InvalidResource((FieldError("(the whole)", "is not a mapping", hint),))
    kind = content.get("kind")
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        message = "is missing" if kind is None else f"is not a kind of {API_VERSION}"
        raise InvalidResource((FieldError("kind", message, "use " + " or ".join(KINDS)),))
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise InvalidResource(explain(error, model)) from None
