"""A cluster of dictionaries: resources, ConfigMaps, and pods that apply a document when poked."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from structlog.testing import CapturingLogger

from kurs.config.resources import KINDS, digest_of
from kurs.kernel.clock import MICROS, to_rfc3339
from kurs_operator.asking import Acknowledgements, NoAnswer
from kurs_operator.cache import Change
from kurs_operator.cluster import ClusterFault, Gone
from kurs_operator.documents import SERVICES
from kurs_operator.fleet import COMPONENT, Answer, Pod
from kurs_operator.metrics import OperatorMetrics
from kurs_operator.reconcile import Reconciler
from kurs_operator.ruling import Identity
from kurs_operator.status import Note
from kurs_testing.clock import ManualClock
from kurs_testing.telemetry import RecordingTelemetry


@dataclass
class SmallPod:
    """A pod; `obeys` tells whether it applies what its ConfigMap holds when it is poked."""

    name: str
    service: str
    ready: bool = True
    obeys: bool = True
    text: str = ""
    error: str | None = None
    silence: str | None = None
    poked: str = ""
    reports: list[dict[str, Any]] = field(default_factory=list)

    def body(self) -> dict[str, Any]:
        return {
            "metadata": {
                "name": self.name,
                "uid": f"uid-{self.name}",
                "labels": {COMPONENT: self.service},
                "annotations": {"kurs.dev/config-digest": self.poked} if self.poked else {},
            },
            "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 8082}]}]},
            "status": {
                "podIP": "10.0.0.1",
                "conditions": [{"type": "Ready", "status": str(self.ready)}],
            },
        }

    def answer(self) -> Answer:
        document = json.loads(self.text) if self.text else {}
        return Answer.model_validate(
            {
                "revision": document.get("revision"),
                "digest": digest_of(self.text.encode()) if self.text else None,
                "sources": document.get("sources", []),
                "error": self.error,
                "reports": self.reports,
            }
        )


class SmallCluster:
    """Holds what the operator reads and writes. `down` makes every call fail."""

    def __init__(self, pods: Iterable[SmallPod] = ()) -> None:
        self.bodies: dict[str, dict[str, Any]] = {}
        self.texts: dict[str, str] = {}
        self.members = {pod.name: pod for pod in pods}
        self.events: list[tuple[str, Note]] = []
        self.writes: list[str] = []
        self.down = False
        self.remembered: str | None = None

    def apply(self, content: Mapping[str, Any]) -> None:
        """Store a resource as `kubectl apply` does: a changed spec is a new generation."""
        name, kind = content["metadata"]["name"], content["kind"]
        key = f"{kind}/{name}"
        old = self.bodies.get(key)
        generation = 1
        if old is not None:
            changed = old["spec"] != content["spec"]
            generation = old["metadata"]["generation"] + changed
        metadata = {
            "uid": f"uid-{key}",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            **content["metadata"],
            "generation": generation,
        }
        status = {} if old is None else {"status": old["status"]} if "status" in old else {}
        self.bodies[key] = {**content, "metadata": metadata, **status}

    def delete(self, key: str) -> None:
        del self.bodies[key]

    def status(self, key: str) -> dict[str, Any]:
        return self.bodies[key].get("status", {})

    def condition(self, key: str, kind: str) -> tuple[str, str]:
        found = {c["type"]: (c["status"], c["reason"]) for c in self.status(key)["conditions"]}
        return found.get(kind, ("absent", ""))

    async def resources(self, kind: str) -> list[Mapping[str, Any]]:
        self._reach()
        return [body for body in self.bodies.values() if body["kind"] == kind]

    async def pods(self) -> list[Mapping[str, Any]]:
        self._reach()
        return [pod.body() for pod in self.members.values()]

    async def documents(self) -> Mapping[str, str]:
        self._reach()
        return dict(self.texts)

    async def apply_document(self, config_map: str, text: str) -> None:
        self._reach()
        self.texts[config_map] = text
        self.writes.append(config_map)

    async def accepted(self) -> str | None:
        self._reach()
        return self.remembered

    async def keep_accepted(self, text: str) -> None:
        self._reach()
        self.remembered = text

    async def poke(self, pod: str, digest: str) -> None:
        self._reach()
        if pod not in self.members:
            raise Gone(pod)
        member = self.members[pod]
        member.poked = digest
        if member.obeys:
            member.text = self.texts[SERVICES[member.service].config_map]

    async def write_status(
        self, identity: Identity, status: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        self._reach()
        key = str(identity)
        if key not in self.bodies:
            raise Gone(key)
        self.bodies[key] = {**self.bodies[key], "status": json.loads(json.dumps(status))}
        self.writes.append(key)
        return self.bodies[key]

    async def post_event(self, identity: Identity, note: Note) -> None:
        self._reach()
        self.events.append((str(identity), note))

    async def ask(self, pod: Pod) -> Answer:
        """Answer as the pod of that name does."""
        await asyncio.sleep(0)
        member = self.members[pod.name]
        if member.silence:
            raise NoAnswer(member.silence)
        return member.answer()

    def _reach(self) -> None:
        if self.down:
            raise ClusterFault("cannot reach the API server")


class Operator:
    """The reconciler over a small cluster, stepped by hand."""

    def __init__(self, cluster: SmallCluster, clock: ManualClock | None = None) -> None:
        self.cluster = cluster
        self.clock = clock or ManualClock()
        self.telemetry = RecordingTelemetry("kurs-operator")
        self.telemetry.logger = self.log = CapturingLogger()
        self.woken: set[object] = set()
        self.acks = Acknowledgements(cluster.ask, wake=self.woken.add, clock=self.clock)
        self.reconciler = Reconciler(
            cluster,
            self.acks,
            metrics=OperatorMetrics(self.telemetry),
            telemetry=self.telemetry,
            clock=self.clock,
        )

    async def step(self, *kinds: str) -> float | None:
        """Look at these kinds anew (all by default) and do one step."""
        every = kinds or (*KINDS, "Pod", "ConfigMap")
        return await self.reconciler.step(frozenset(Change(kind, "") for kind in every))

    async def asked(self) -> None:
        """Let every question under way be answered."""
        for _ in range(10):
            await asyncio.sleep(0)

    async def settle(self) -> None:
        """Step until the pods' answers are in the statuses."""
        for _ in range(3):
            self.clock.advance(seconds=2.1)
            await self.step()
            await self.ask_again()

    async def ask_again(self) -> None:
        """Put the question to every pod anew, without waiting for its turn."""
        self.acks.hurry(f"uid-{name}" for name in self.cluster.members)
        await self.asked()

    async def close(self) -> None:
        await self.acks.close()

    def sample(self, metric: str, /, **labels: str) -> float | None:
        return self.telemetry.registry.get_sample_value(metric, labels)


def healthy(cluster: SmallCluster, name: str = "desk") -> None:
    """Let fx say that a source does well."""
    for pod in cluster.members.values():
        if pod.service == "fx":
            pod.reports = [
                {
                    "kind": "FXRateSource",
                    "name": name,
                    "healthy": True,
                    "observed_at": "2026-01-01T00:00:00.000000Z",
                }
            ]


def revision(cluster: SmallCluster, config_map: str = "kurs-fx-config") -> str:
    """Return the revision of a document."""
    return str(json.loads(cluster.texts[config_map])["revision"])


def edited(operator: Operator, *, ago: int) -> dict[str, object]:
    """Return the metadata of a resource whose spec was edited so many seconds ago."""
    at = to_rfc3339(operator.clock.now() - ago * MICROS)
    entry = {"manager": "kubectl", "time": at[:19] + "Z"}
    return {"managedFields": [{**entry, "fieldsV1": {"f:spec": {}}}]}
