"""All that the operator asks of the API server and tells it; no other module talks to it.

Kinds and calls are few on purpose: the Role of the chart names exactly these.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

import httpx2
from lightkube import ApiError, AsyncClient
from lightkube.generic_resource import GenericNamespacedResource, create_namespaced_resource
from lightkube.models.core_v1 import EventSource, ObjectReference
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition
from lightkube.resources.core_v1 import ConfigMap, Event, Pod
from lightkube.types import PatchType

from kurs.config.accepted import ACCEPTED_FILE
from kurs.config.resources import API_VERSION, FILE_NAME
from kurs.kernel.clock import Clock, SystemClock, to_rfc3339
from kurs_operator.documents import SERVICES
from kurs_operator.fleet import COMPONENT, GATEWAY, PART_OF, POKE
from kurs_operator.ruling import Identity
from kurs_operator.status import Note

NAME = "kurs-operator"
REMEMBERING = "kurs-operator-accepted"
"""The field manager of what is applied, and the reporter of Events."""
LABELS: Mapping[str, str] = {
    PART_OF: "kurs",
    "app.kubernetes.io/managed-by": NAME,
}
GROUP, VERSION = API_VERSION.split("/")
PLURALS: Mapping[str, str] = {
    "FXRateSource": "fxratesources",
    "RiskThreshold": "riskthresholds",
    "EventDestination": "eventdestinations",
}
_FX_CONFIG = SERVICES["fx"].config_map
HEADS, HEADS_KEY = "kurs-ledger-heads", "heads"
"""The ConfigMap of the ledger's signed heads, and the key of their text in it."""
SEEDED = "kurs-samples"
"""The ConfigMap that says that samples were seeded, and which."""
SERVED_RETRY_SECONDS = 2.0
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_NOT_FOUND, _CONFLICT = 404, 409

Content = Mapping[str, Any]
Answered = TypeVar("Answered")


class ClusterFault(Exception):
    """The API server did not do what it was asked; the message says what and why."""


class Gone(ClusterFault):
    """The object is not there any more, or another has its name."""


class ClusterPort(Protocol):
    """What the reconciler needs of a cluster; raises ClusterFault."""

    async def resources(self, kind: str) -> list[Content]:
        """Return all resources of a kind."""
        ...

    async def pods(self) -> list[Content]:
        """Return the pods of the services that have a document."""
        ...

    async def documents(self) -> Mapping[str, str]:
        """Return the document's text by ConfigMap, of those that exist and hold one."""
        ...

    async def apply_document(self, config_map: str, text: str) -> None:
        """Make a ConfigMap hold a document, whoever wrote to it before."""
        ...

    async def accepted(self) -> str | None:
        """Return the text of what fx accepted last, None without one."""
        ...

    async def keep_accepted(self, text: str) -> None:
        """Let the ConfigMap of fx hold what it accepted last, beside its document."""
        ...

    async def poke(self, pod: str, digest: str) -> None:
        """Change a pod's annotation, so that its kubelet looks at its mounts; raises Gone."""
        ...

    async def write_status(self, identity: Identity, status: Content) -> Content:
        """Replace a resource's status; return the resource. Raises Gone."""
        ...

    async def post_event(self, identity: Identity, note: Note) -> None:
        """Post an Event about a resource."""
        ...


class Cluster:
    """The real thing, one namespace of it."""

    def __init__(
        self, client: AsyncClient, namespace: str, instance: str, clock: Clock | None = None
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._instance = instance
        self._clock = clock or SystemClock()
        self._kinds: dict[str, type[GenericNamespacedResource]] = {
            kind: create_namespaced_resource(GROUP, VERSION, kind, plural)
            for kind, plural in PLURALS.items()
        }

    async def resources(self, kind: str) -> list[Content]:
        """Return all resources of a kind."""
        model = self._kinds[kind]

        async def listed() -> list[Content]:
            found = [dict(item) async for item in self._client.list(model)]
            # An item of a list does not say what it is.
            return [{"apiVersion": API_VERSION, "kind": kind, **item} for item in found]

        return await _asked(f"list {kind}", listed())

    async def pods(self) -> list[Content]:
        """Return the pods of the services that have a document."""
        return await self._pods_of(SERVICES)

    async def gateway_pods(self) -> list[Content]:
        """Return the gateway's pods."""
        return await self._pods_of((GATEWAY,))

    async def _pods_of(self, components: Iterable[str]) -> list[Content]:
        async def listed() -> list[Content]:
            found = self._client.list(Pod, labels={PART_OF: "kurs", COMPONENT: list(components)})
            return [pod.to_dict() async for pod in found]

        return await _asked("list pods", listed())

    async def documents(self) -> Mapping[str, str]:
        """Return the document's text by ConfigMap, of those that exist and hold one."""

        async def listed() -> dict[str, str]:
            found = self._client.list(ConfigMap, labels={"app.kubernetes.io/managed-by": NAME})
            return {
                str(item.metadata.name): item.data[FILE_NAME]
                async for item in found
                if item.metadata and item.data and FILE_NAME in item.data
            }

        return await _asked("list ConfigMaps", listed())

    async def apply_document(self, config_map: str, text: str) -> None:
        """Make a ConfigMap hold a document, whoever wrote to it before."""
        content = ConfigMap(
            metadata=ObjectMeta(name=config_map, labels=dict(LABELS)), data={FILE_NAME: text}
        )
        await _asked(f"apply ConfigMap {config_map}", self._client.apply(content, force=True))

    async def accepted(self) -> str | None:
        """Return the text of what fx accepted last, None without one."""

        async def listed() -> list[str]:
            found = self._client.list(ConfigMap, labels={"app.kubernetes.io/managed-by": NAME})
            data = [
                item.data or {}
                async for item in found
                if item.metadata and item.metadata.name == _FX_CONFIG
            ]
            return [texts[ACCEPTED_FILE] for texts in data if ACCEPTED_FILE in texts]

        # The Role lists ConfigMaps, and reads none of them by name but the ledger's heads.
        return next(iter(await _asked("list ConfigMaps", listed())), None)

    async def keep_accepted(self, text: str) -> None:
        """Let the ConfigMap of fx hold what it accepted last, beside its document."""
        content = ConfigMap(metadata=ObjectMeta(name=_FX_CONFIG), data={ACCEPTED_FILE: text})
        call = self._client.apply(content, field_manager=REMEMBERING, force=True)
        await _asked(f"apply ConfigMap {_FX_CONFIG}", call)

    async def ledger_heads(self) -> str:
        """Return the text of the ledger's heads; the chart made the ConfigMap, empty at first."""
        found = await _asked(f"read ConfigMap {HEADS}", self._client.get(ConfigMap, HEADS))
        data: Mapping[str, str] = found.data or {}
        return data.get(HEADS_KEY, "")

    async def keep_ledger_heads(self, text: str) -> None:
        """Let the ConfigMap of the ledger's heads hold another text."""
        change = {"data": {HEADS_KEY: text}}
        call = self._client.patch(ConfigMap, HEADS, change, patch_type=PatchType.MERGE)
        await _asked(f"patch ConfigMap {HEADS}", call)

    async def was_seeded(self) -> bool:
        """Tell whether the samples of the environment were made here, ever."""
        try:
            await _asked(f"read ConfigMap {SEEDED}", self._client.get(ConfigMap, SEEDED))
        except Gone:
            return False
        return True

    async def note_seeded(self, lines: Iterable[str]) -> None:
        """Write down that they were, for good."""
        metadata = ObjectMeta(name=SEEDED, namespace=self._namespace, labels=dict(LABELS))
        content = ConfigMap(metadata=metadata, data={"seeded": "\n".join(lines)})
        await _asked(f"create ConfigMap {SEEDED}", self._client.create(content))

    async def create_resource(self, content: Content) -> bool:
        """Create a resource of ours; return False when there is one of its name."""
        metadata = content["metadata"]
        # As `kubectl apply` would have, so that a later one finds what it goes by.
        applied = {_APPLIED: json.dumps(content)}
        kept = {**metadata, "annotations": {**metadata.get("annotations", {}), **applied}}
        wanted = self._kinds[content["kind"]].from_dict({**content, "metadata": kept})
        create = self._client.create(wanted, field_manager=SEEDED)
        try:
            await _asked(f"create {Identity.of(content)}", create)
        except Gone:
            return False
        return True

    async def poke(self, pod: str, digest: str) -> None:
        """Change a pod's annotation, so that its kubelet looks at its mounts; raises Gone."""
        change = {"metadata": {"annotations": {POKE: digest}}}
        call = self._client.patch(Pod, pod, change, patch_type=PatchType.MERGE)
        await _asked(f"annotate pod {pod}", call)

    async def write_status(self, identity: Identity, status: Content) -> Content:
        """Replace a resource's status; return the resource. Raises Gone."""
        model = self._kinds[identity.kind]
        # The uid keeps a status from landing on a later resource of the same name.
        content = model.Status(
            apiVersion=API_VERSION,
            kind=identity.kind,
            metadata=ObjectMeta(name=identity.name, uid=identity.uid),
            status=status,
        )
        call = self._client.apply(content, identity.name, force=True)
        return dict(await _asked(f"write the status of {identity}", call))

    async def post_event(self, identity: Identity, note: Note) -> None:
        """Post an Event about a resource."""
        now = self._clock.now()
        moment: Any = to_rfc3339(now)
        event = Event(
            metadata=ObjectMeta(name=f"{identity.name[:200]}.{now:x}", namespace=self._namespace),
            involvedObject=ObjectReference(
                apiVersion=API_VERSION,
                kind=identity.kind,
                name=identity.name,
                namespace=self._namespace,
                uid=identity.uid,
            ),
            type=note.type,
            reason=note.reason,
            message=note.message[:1024],
            action="Reconcile",
            eventTime=moment,
            firstTimestamp=moment[:19] + "Z",
            lastTimestamp=moment[:19] + "Z",
            count=1,
            source=EventSource(component=NAME),
            reportingComponent=NAME,
            reportingInstance=self._instance,
        )
        await _asked(f"post an Event about {identity}", self._client.create(event))


async def definition_annotations(client: AsyncClient, name: str) -> Mapping[str, str]:
    """Return the annotations of a definition, none when it is not there; raises ClusterFault."""
    try:
        found = await _asked(f"read {name}", client.get(CustomResourceDefinition, name))
    except Gone:
        return {}
    metadata = found.metadata or ObjectMeta()
    return metadata.annotations or {}


async def apply_definition(client: AsyncClient, content: Content) -> None:
    """Bring the definition of a kind up to date; raises ClusterFault."""
    wanted = CustomResourceDefinition.from_dict(dict(content))
    name = content["metadata"]["name"]
    await _asked(f"apply {name}", client.apply(wanted, force=True))


async def wait_until_served(cluster: ClusterPort, say: Callable[[str], None]) -> None:
    """Return once the API server knows all kinds.

    Without its kinds a cluster looks like one whose resources were all deleted, and to act on that
    would take every rate out of force.
    """
    while True:
        try:
            await asyncio.gather(*(cluster.resources(kind) for kind in PLURALS))
        except ClusterFault as fault:
            say(str(fault))
            await asyncio.sleep(SERVED_RETRY_SECONDS)
        else:
            return


async def each(calls: Iterable[Awaitable[None]], at_once: int = 10) -> list[ClusterFault]:
    """Await all of them, some at a time; return what failed. What is gone is no failure."""
    slots = asyncio.Semaphore(at_once)

    async def one(call: Awaitable[None]) -> ClusterFault | None:
        async with slots:
            try:
                await call
            except Gone:
                return None
            except ClusterFault as fault:
                return fault
        return None

    return [fault for fault in await asyncio.gather(*map(one, calls)) if fault is not None]


async def _asked(what: str, call: Awaitable[Answered]) -> Answered:
    try:
        return await call
    except ApiError as error:
        code = error.status.code
        fault = Gone if code in (_NOT_FOUND, _CONFLICT) else ClusterFault
        raise fault(
            f"cannot {what}: {error.status.reason or code}: {error.status.message}"
        ) from None
    except httpx2.HTTPError as error:
        raise ClusterFault(f"cannot {what}: {type(error).__name__}: {error}") from None
