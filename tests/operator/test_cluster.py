"""What goes to the API server, and what its refusals become. The server is a function here."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from lightkube import AsyncClient
from lightkube.config.kubeconfig import KubeConfig
from lightkube.config.models import Cluster as ApiServer
from lightkube.config.models import User

from kurs_operator.cluster import (
    Cluster,
    ClusterFault,
    Gone,
    apply_definition,
    each,
    wait_until_served,
)
from kurs_operator.crds.definitions import KINDS_DEFINED, definition
from kurs_operator.ruling import Identity
from kurs_operator.status import Note

Answer = Callable[[httpx2.Request], httpx2.Response]
IDENTITY = Identity("FXRateSource", "kurs", "desk", "uid-1", 2)


def client_of(answer: Answer) -> AsyncClient:
    return AsyncClient(
        config=KubeConfig.from_one(
            cluster=ApiServer(server="http://api.test"), user=User(token="t")
        ).get(),
        namespace="kurs",
        field_manager="kurs-operator",
        transport=httpx2.MockTransport(answer),
    )


def cluster_of(answer: Answer) -> Cluster:
    return Cluster(client_of(answer), "kurs", "operator-1")


def refusal(code: int, reason: str) -> httpx2.Response:
    content = {"kind": "Status", "status": "Failure", "code": code, "reason": reason}
    return httpx2.Response(code, json={**content, "message": "no"})


class Server:
    """Records requests and echoes bodies, or answers with what it was given."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.requests: list[httpx2.Request] = []
        self._answers = list(answers)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        content = self._answers.pop(0) if self._answers else json.loads(request.content)
        return httpx2.Response(200, json=content)

    @property
    def last(self) -> httpx2.Request:
        return self.requests[-1]

    @property
    def body(self) -> Any:
        return json.loads(self.last.content)


async def test_a_document_is_applied_by_server_side_apply_under_our_name():
    server = Server()

    await cluster_of(server).apply_document("kurs-fx-config", "{}")

    assert server.last.url.path == "/api/v1/namespaces/kurs/configmaps/kurs-fx-config"
    assert server.last.headers["content-type"] == "application/apply-patch+yaml"
    assert dict(server.last.url.params) == {"fieldManager": "kurs-operator", "force": "true"}
    assert server.body["data"] == {"config.json": "{}"}
    assert "ownerReferences" not in server.body["metadata"]


async def test_a_status_names_the_uid_so_that_it_lands_on_no_other_resource():
    server = Server()

    await cluster_of(server).write_status(IDENTITY, {"observedGeneration": 2})

    path = "/apis/kurs.dev/v1alpha1/namespaces/kurs/fxratesources/desk/status"
    assert server.last.url.path == path
    assert server.body["metadata"] == {"name": "desk", "uid": "uid-1"}
    assert server.body["status"] == {"observedGeneration": 2}


async def test_a_poke_changes_one_annotation():
    server = Server({"metadata": {"name": "fx-1"}})

    await cluster_of(server).poke("fx-1", "d1")

    assert server.last.method == "PATCH"
    assert server.last.url.path == "/api/v1/namespaces/kurs/pods/fx-1"
    assert server.body == {"metadata": {"annotations": {"kurs.dev/config-digest": "d1"}}}


async def test_pods_are_those_of_the_services_that_have_a_document():
    server = Server({"metadata": {}, "items": [{"metadata": {"name": "fx-1", "uid": "u"}}]})

    [pod] = await cluster_of(server).pods()

    assert pod["metadata"]["name"] == "fx-1"
    selector = server.last.url.params["labelSelector"]
    assert selector == (
        "app.kubernetes.io/part-of=kurs,app.kubernetes.io/component in (fx,risk,webhooks)"
    )


async def test_listed_resources_say_of_what_kind_they_are():
    server = Server({"metadata": {}, "items": [{"metadata": {"name": "desk"}, "spec": {}}]})

    [found] = await cluster_of(server).resources("FXRateSource")

    assert (found["apiVersion"], found["kind"]) == ("kurs.dev/v1alpha1", "FXRateSource")


async def test_the_heads_of_the_ledger_are_read_and_patched_by_name():
    server = Server({"metadata": {"name": "kurs-ledger-heads"}}, {"data": {"heads": "one\n"}})
    cluster = cluster_of(server)

    assert await cluster.ledger_heads() == ""
    assert await cluster.ledger_heads() == "one\n"
    assert (server.last.method, server.last.url.path.split("/")[-1]) == ("GET", "kurs-ledger-heads")

    await cluster.keep_ledger_heads("two\n")
    assert (server.last.method, server.last.headers["content-type"]) == (
        "PATCH",
        "application/merge-patch+json",
    )
    assert server.body == {"data": {"heads": "two\n"}}


async def test_what_fx_accepted_is_beside_its_document_under_a_name_of_its_own():
    labelled = {"metadata": {"name": "kurs-fx-config"}, "data": {"accepted.json": "{}"}}
    other = {"metadata": {"name": "kurs-risk-config"}, "data": {"accepted.json": "no"}}
    server = Server({"metadata": {}, "items": [other, labelled]}, {"metadata": {}, "items": []})
    cluster = cluster_of(server)

    assert await cluster.accepted() == "{}"
    assert await cluster.accepted() is None

    await cluster.keep_accepted("{}")
    # Applied by the manager of documents, it would take the document away.
    assert server.last.url.params["fieldManager"] == "kurs-operator-accepted"
    assert server.body["data"] == {"accepted.json": "{}"}


async def test_an_event_is_about_the_resource():
    server = Server()

    await cluster_of(server).post_event(IDENTITY, Note("Warning", "Conflicted", "x wins"))

    assert server.body["involvedObject"]["uid"] == "uid-1"
    assert (server.body["type"], server.body["reason"]) == ("Warning", "Conflicted")
    assert server.body["reportingComponent"] == "kurs-operator"


@pytest.mark.parametrize(
    ("code", "reason", "fault"),
    [(404, "NotFound", Gone), (409, "Conflict", Gone), (403, "Forbidden", ClusterFault)],
)
async def test_refusals_say_what_was_asked_and_why_not(code, reason, fault):
    cluster = cluster_of(lambda _: refusal(code, reason))

    with pytest.raises(fault) as caught:
        await cluster.poke("fx-1", "d")

    assert type(caught.value) is fault
    assert str(caught.value) == f"cannot annotate pod fx-1: {reason}: no"


async def test_an_unreachable_server_is_a_fault_like_others():
    def answer(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    with pytest.raises(ClusterFault, match="ConnectError"):
        await cluster_of(answer).pods()


async def test_nothing_is_done_before_both_kinds_are_served(monkeypatch):
    monkeypatch.setattr("kurs_operator.cluster.SERVED_RETRY_SECONDS", 0)
    refusals = [refusal(404, "NotFound") for _ in range(3)]
    said: list[str] = []

    def answer(_: httpx2.Request) -> httpx2.Response:
        empty = httpx2.Response(200, json={"metadata": {}, "items": []})
        return refusals.pop() if refusals else empty

    await wait_until_served(cluster_of(answer), said.append)

    assert refusals == []
    assert said
    assert "NotFound" in said[0]


async def test_definitions_are_applied_to_the_whole_cluster():
    server = Server()

    for kind in KINDS_DEFINED:
        await apply_definition(client_of(server), definition(kind))

    base = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert [request.url.path for request in server.requests] == [
        f"{base}/fxratesources.kurs.dev",
        f"{base}/riskthresholds.kurs.dev",
        f"{base}/eventdestinations.kurs.dev",
    ]
    assert server.body == definition(KINDS_DEFINED[-1])


async def test_of_many_calls_what_is_gone_is_no_failure():
    async def gone() -> None:
        raise Gone("gone")

    async def fault() -> None:
        raise ClusterFault("down")

    async def fine() -> None:
        return None

    faults = await each([gone(), fault(), fine(), fault()], at_once=2)

    assert [str(found) for found in faults] == ["down", "down"]
