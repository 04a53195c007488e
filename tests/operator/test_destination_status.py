"""The status of a destination: what webhooks says of it, and never Ready while it says nothing."""

from typing import Any

import pytest
from tests.operator.builders import destination
from tests.operator.small_cluster import Operator, SmallCluster, SmallPod

from kurs_operator.condition_states import FRESH

ORDERS = "EventDestination/orders"
WELL = {"delivered_sequence": 44, "waiting": 0}


@pytest.fixture
def cluster() -> SmallCluster:
    pods = [SmallPod(f"webhooks-{n}", "webhooks") for n in (1, 2)]
    made = SmallCluster(pods)
    made.apply(destination("orders"))
    return made


def say(cluster: SmallCluster, reason: str, error: str = "", *, pods: Any = (1, 2), **told: Any):
    """Let pods of webhooks say how the destination does."""
    healthy = {"Delivering": True, "Unknown": None, "Silent": None}.get(reason, False)
    for number in pods:
        cluster.members[f"webhooks-{number}"].reports = [
            {
                "kind": "EventDestination",
                "name": "orders",
                "healthy": healthy,
                "reason": reason,
                "error": error or "as it was said",
                "delivery": {**WELL, **told},
            }
        ]


def ready(cluster: SmallCluster) -> tuple[str, str]:
    return cluster.condition(ORDERS, "Ready")


def message(cluster: SmallCluster) -> str:
    conditions = cluster.status(ORDERS)["conditions"]
    return str(next(c["message"] for c in conditions if c["type"] == "Ready"))


async def test_it_is_ready_once_every_pod_knows_it_and_its_events_arrive(
    cluster: SmallCluster, operator: Operator
):
    await operator.settle()
    assert ready(cluster) == ("False", "Pending")
    assert cluster.condition(ORDERS, "Reconciling")[0] == "True"
    say(cluster, "Unknown", "no replica of webhooks has seen it yet")
    await operator.settle()
    assert ready(cluster) == ("False", "Pending")
    assert cluster.events == []

    say(cluster, "Delivering")
    await operator.settle()

    assert ready(cluster) == ("True", "InForce")
    assert cluster.condition(ORDERS, "Delivering") == ("True", "Delivering")
    status = cluster.status(ORDERS)
    assert (status["deliveredSequence"], status["waiting"]) == (44, 0)
    assert status["propagation"]["summary"] == "2/2"
    assert "approved" not in status
    assert [note.type for _, note in cluster.events] == ["Normal"]


@pytest.mark.parametrize("reason", ["Retrying", "Failing", "Gone", "Refused", "Waiting"])
async def test_what_keeps_its_events_is_told_with_what_waits_since_when_and_why(
    cluster: SmallCluster, operator: Operator, reason: str
):
    say(
        cluster,
        reason,
        "answered 500",
        waiting=7,
        oldest_waiting_at="2026-01-01T00:00:01.234567Z",
        last_error="answered 500",
        last_error_at="2026-01-01T00:00:05Z",
    )
    await operator.settle()

    assert ready(cluster) == ("False", reason)
    assert message(cluster) == "answered 500"
    status = cluster.status(ORDERS)
    assert (status["waiting"], status["oldestWaitingAt"]) == (7, "2026-01-01T00:00:01Z")
    assert (status["lastError"], status["lastErrorAt"]) == ("answered 500", "2026-01-01T00:00:05Z")
    [(_, note)] = cluster.events
    assert (note.type, note.reason) == ("Warning", reason)


async def test_a_suspended_one_is_in_the_document_and_not_ready(
    cluster: SmallCluster, operator: Operator
):
    cluster.apply(destination("orders", suspend=True))
    say(cluster, "Suspended", "spec.suspend is set; 3 events wait", waiting=3)
    await operator.settle()

    assert ready(cluster) == ("False", "Suspended")
    assert cluster.condition(ORDERS, "Propagated") == ("True", "Propagated")


async def test_a_bad_one_is_invalid_alone_and_its_last_good_self_goes_on(
    cluster: SmallCluster, operator: Operator
):
    cluster.apply(destination("books"))
    say(cluster, "Delivering")
    await operator.settle()
    cluster.apply(destination("books", url="https://2130706433/"))
    await operator.settle()

    assert cluster.condition("EventDestination/books", "Ready") == ("False", "Invalid")
    assert ready(cluster) == ("True", "InForce")
    sources = cluster.members["webhooks-1"].answer().sources
    assert {(source.name, source.generation) for source in sources} == {("books", 1), ("orders", 1)}


async def test_it_is_not_ready_without_pods_and_when_nobody_has_said_how_it_does(
    cluster: SmallCluster, operator: Operator
):
    say(cluster, "Delivering")
    await operator.settle()
    for pod in cluster.members.values():
        pod.silence = "no answer within 1 s"
    await operator.settle()
    assert ready(cluster) == ("True", "InForce"), "what was said is believed for some seconds"

    operator.clock.advance(seconds=FRESH / 1_000_000)
    await operator.step()
    assert ready(cluster) == ("False", "Silent")
    assert cluster.status(ORDERS)["deliveredSequence"] == 44, "what was known stays known"

    cluster.members.clear()
    await operator.step()
    assert ready(cluster) == ("False", "NoPods")


async def test_the_newest_of_those_who_know_is_believed(cluster: SmallCluster, operator: Operator):
    say(cluster, "Delivering")
    await operator.settle()
    # This pod cannot reach its database; the other one can.
    say(cluster, "Silent", pods=(2,))
    await operator.settle()
    assert ready(cluster) == ("True", "InForce")

    say(cluster, "Silent")
    operator.clock.advance(seconds=FRESH / 1_000_000)
    await operator.settle()
    assert ready(cluster) == ("False", "Silent")


async def test_a_receiver_that_fails_now_and_then_is_told_of_once_in_a_while(
    cluster: SmallCluster, operator: Operator
):
    for _ in range(4):
        say(cluster, "Delivering")
        await operator.settle()
        say(cluster, "Retrying", "answered 500")
        await operator.settle()

    assert [note.reason for _, note in cluster.events] == ["InForce", "Retrying"]
    operator.clock.advance(seconds=600)
    say(cluster, "Delivering")
    await operator.settle()
    assert [note.reason for _, note in cluster.events][-1] == "InForce"


async def test_of_many_the_counts_are_written_less_often(cluster: SmallCluster, operator: Operator):
    for number in range(300):
        cluster.apply(destination(f"d-{number}"))
    say(cluster, "Delivering")
    await operator.settle()
    await operator.settle()
    cluster.writes.clear()
    say(cluster, "Delivering", delivered_sequence=45)
    await operator.settle()
    assert ORDERS not in cluster.writes

    operator.clock.advance(seconds=26)
    await operator.step()
    assert ORDERS in cluster.writes
    assert cluster.status(ORDERS)["deliveredSequence"] == 45
