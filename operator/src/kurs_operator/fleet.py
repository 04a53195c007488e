"""Pods and what they say they run. Pure: how they are found and asked is the business of others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from kurs.config.reports import DeliveryReport, ResourceReport
from kurs.config.resources import SourceRef
from kurs_operator.conditions import Count, Stamp, Text
from kurs_operator.ruling import Identity

COMPONENT = "app.kubernetes.io/component"
PART_OF = "app.kubernetes.io/part-of"
POKE = "kurs.dev/config-digest"
"""The annotation of a pod whose change makes the kubelet refresh its mounts at once."""
PORT_NAME = "http"
GATEWAY = "api-gateway"
"""The component that has the API keys and no document."""


# What a pod says stands in statuses, which are bounded: a pod that says more has not answered.
_Word = Annotated[str, StringConstraints(max_length=64)]


class Delivery(DeliveryReport):
    """What a pod says of the events of a destination."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    delivered_sequence: Count | None = None
    waiting: Count = 0
    oldest_waiting_at: Stamp | None = None
    last_error: Text | None = None
    last_error_at: Stamp | None = None


class Report(ResourceReport):
    """What a pod says of one resource, as much of it as this operator knows."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    reason: _Word | None = None
    observed_at: Stamp | None = None
    decisions: dict[str, Count] = Field(default_factory=dict)
    delivery: Delivery | None = None


class Answer(BaseModel):
    """The body of `GET /internal/config`, as much of it as counts here."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    revision: _Word | None = None
    digest: _Word | None = None
    error: str | None = None
    sources: tuple[SourceRef, ...] = ()
    reports: tuple[Report, ...] = ()


NO_ANSWER = Answer()


@dataclass(frozen=True, slots=True)
class Ack:
    """A pod's answer. `asked_at` (microseconds) is when the question was put, not answered.

    `silence` says why there was no newer answer, when the last question had none; a pod that never
    answered has an `asked_at` of 0.
    """

    asked_at: int
    answer: Answer = NO_ANSWER
    silence: str | None = None
    runs: Mapping[tuple[str, str], SourceRef] = field(default_factory=dict)
    reports: Mapping[tuple[str, str], Report] = field(default_factory=dict)

    @classmethod
    def of(cls, answer: Answer, asked_at: int) -> "Ack":
        """Return the acknowledgement in an answer."""
        runs: dict[tuple[str, str], SourceRef] = {(s.kind, s.name): s for s in answer.sources}
        reports = {(report.kind, report.name): report for report in answer.reports}
        return cls(asked_at, answer, None, runs, reports)

    @property
    def error(self) -> str | None:
        """What is wrong with the pod's newer configuration, or with asking it."""
        return self.answer.error or self.silence


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of a service. Only a ready one that is not ending counts."""

    uid: str
    name: str
    service: str
    address: str
    ready: bool
    poked: str
    """The digest that stands in its annotation."""

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Pod":
        """Read a pod as the API server gives it."""
        metadata, status = body["metadata"], body.get("status", {})
        conditions = status.get("conditions") or ()
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
        ending = "deletionTimestamp" in metadata
        address = status.get("podIP") or ""
        return cls(
            metadata["uid"],
            metadata["name"],
            (metadata.get("labels") or {}).get(COMPONENT, ""),
            _place(address, _port(body)) if address else "",
            ready and not ending and bool(address),
            (metadata.get("annotations") or {}).get(POKE, ""),
        )


def _place(address: str, port: int) -> str:
    """Return an address and a port as a URL has them: one of IPv6 in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Stand(Enum):
    """How a pod stands to one generation of a resource."""

    APPLIED = "applied"
    CONTRADICTS = "contradicts"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Fleet:
    """The ready pods of a service with their acknowledgements.

    `since` (microseconds) is when the service's document was last written or first found.
    """

    pods: tuple[Pod, ...]
    acks: Mapping[str, Ack]
    since: int = 0

    def stand(self, pod: Pod, identity: Identity, *, in_document: bool) -> Stand:
        """Say whether `pod` runs this generation of a resource, or knows that it is out of force.

        A pod that names the generation runs its content, whatever else changes meanwhile. That a
        resource is absent counts only when it was asked for after the document was written: an
        older answer may lack what has come and gone since.
        """
        ack = self.acks.get(pod.uid)
        if ack is None or ack.asked_at == 0:
            return Stand.UNKNOWN
        runs = ack.runs.get((identity.kind, identity.name))
        if in_document:
            same = runs is not None and (runs.uid, runs.generation) == (
                identity.uid,
                identity.generation,
            )
            return Stand.APPLIED if same else Stand.CONTRADICTS
        if runs is not None:
            return Stand.CONTRADICTS
        return Stand.APPLIED if ack.asked_at >= self.since else Stand.UNKNOWN

    def reports(self, identity: Identity) -> list[tuple[Pod, Report]]:
        """Return what each pod says of a resource."""
        key = (identity.kind, identity.name)
        known = [(pod, self.acks[pod.uid]) for pod in self.pods if pod.uid in self.acks]
        return [(pod, ack.reports[key]) for pod, ack in known if key in ack.reports]

    def newest_report(self, identity: Identity, since: int) -> Report | None:
        """Return what was said last of a resource, of pods that know and were asked since then.

        `since` is in microseconds. Of those that do not know it is the newest, too.
        """
        told = [
            (report.healthy is not None, self.acks[pod.uid].asked_at, pod.name, report)
            for pod, report in self.reports(identity)
            if self.acks[pod.uid].asked_at >= since
        ]
        return max(told, key=lambda t: t[:3])[3] if told else None


def fleet(service: str, pods: Iterable[Pod], acks: Mapping[str, Ack], since: int) -> Fleet:
    """Return the fleet of a service: its ready pods, by name."""
    counted = [pod for pod in pods if pod.service == service and pod.ready]
    return Fleet(tuple(sorted(counted, key=lambda pod: pod.name)), acks, since)


def _port(body: Mapping[str, Any]) -> int:
    for container in body["spec"].get("containers", ()):
        for port in container.get("ports") or ():
            if port.get("name") == PORT_NAME:
                return int(port["containerPort"])
    return 8080
