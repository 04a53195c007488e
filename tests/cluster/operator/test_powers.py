"""What the operator's account may not do, and who may give a ticket: judged by the API server."""

import base64
import json
import ssl
from collections.abc import Iterator

import httpx
import pytest
from tests.cluster.installation import Installation
from tests.cluster.operator.resources import DESK, Resources, source, threshold
from tests.cluster.shell import CommandFailed, eventually

EDITOR = ("--as=ann", "--as-group=risk-desk")
APPROVER = ("--as=bob", "--as-group=risk-committee")


def patch(operated: Installation, kind: str, name: str, change: object, *who: str) -> None:
    operated.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps(change), *who)


def patch_as_operator(operated: Installation, pod: str, change: object) -> str:
    """Patch a pod with the operator's own token; return why it was refused, "" if it was not.

    Not by kubectl, which would read the pod first: the operator may not.
    """
    shown = json.loads(operated.kubectl("config", "view", "--flatten", "--raw", "-o", "json"))
    cluster = shown["clusters"][0]["cluster"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    token = operated.kubectl("create", "token", "kurs-operator").strip()
    answer = httpx.patch(
        f"{cluster['server']}/api/v1/namespaces/{operated.namespace}/pods/{pod}",
        content=json.dumps(change),
        headers={
            "authorization": f"Bearer {token}",
            "content-type": "application/strategic-merge-patch+json",
        },
        verify=ssl.create_default_context(cadata=authority),
    )
    return "" if answer.is_success else str(answer.json()["message"])


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"labels": {"app.kubernetes.io/component": "gateway"}}},
        {"metadata": {"annotations": {"other": "x"}}},
        {"metadata": {"finalizers": ["kurs.dev/x"]}},
        {"spec": {"containers": [{"name": "fx", "image": "other"}]}},
        {"spec": {"activeDeadlineSeconds": 1}},
    ],
    ids=["label", "annotation", "finalizer", "image", "deadline"],
)
def test_the_operators_account_changes_nothing_of_a_pod_but_its_annotation(
    operated: Installation, change: object
) -> None:
    pod, wallet = operated.ready_pods("fx")[0], operated.ready_pods("wallet")[0]
    poke = {"metadata": {"annotations": {"kurs.dev/config-digest": "x"}}}

    assert patch_as_operator(operated, pod, poke) == ""
    assert "the operator changes no" in patch_as_operator(operated, pod, change)
    assert "its own pods and those of" in patch_as_operator(operated, wallet, poke)


@pytest.fixture
def bound(operated: Installation) -> Iterator[None]:
    """An editor of limits and rates, and an approver who edits limits, too."""
    grants = (
        ("editors", "kurs-limits-editor", "risk-desk"),
        ("rates-editors", "kurs-rates-editor", "risk-desk"),
        ("approving-editors", "kurs-limits-editor", "risk-committee"),
        ("approvers", "kurs-approver", "risk-committee"),
    )
    for name, role, group in grants:
        grant = ("rolebinding", name, f"--clusterrole={role}", f"--group={group}")
        operated.kubectl("create", *grant)
    yield
    operated.kubectl("delete", "rolebinding", *(name for name, _, _ in grants))


@pytest.mark.usefixtures("bound")
def test_only_who_may_override_gives_a_ticket_or_uses_the_brakes(
    operated: Installation, desk: Resources
) -> None:
    desk.apply(threshold("guarded", mode="Enforce", scope={"currencies": ["SEK"]}))
    desk.wait_ready("RiskThreshold", "guarded")
    powers = [{"changeTicket": "CHG-1"}, {"suspend": True}, {"mode": "Shadow"}]

    for spec in powers:
        with pytest.raises(CommandFailed, match="needs the verb override"):
            patch(operated, "rth", "guarded", {"spec": spec}, *EDITOR)
    with pytest.raises(CommandFailed, match="needs the verb override"):
        operated.kubectl("delete", "rth", "guarded", *EDITOR)
    patch(operated, "rth", "guarded", {"spec": {"priority": 7}}, *EDITOR)
    for spec in powers:
        patch(operated, "rth", "guarded", {"spec": spec}, *APPROVER)


@pytest.mark.usefixtures("bound")
def test_who_edits_a_source_may_suspend_and_not_delete_it(
    operated: Installation, desk: Resources
) -> None:
    with pytest.raises(CommandFailed, match="needs the verb override"):
        operated.kubectl("delete", "fxrs", "desk", *EDITOR)
    patch(operated, "fxrs", "desk", {"spec": {"suspend": True}}, *EDITOR)

    desk.wait_ready(*DESK, reason="Suspended")


def test_what_holds_the_rates_of_a_source_is_loosened_by_a_ticket_alone(desk: Resources) -> None:
    desk.apply(source("desk", maxAge="2h"))
    desk.wait_for(*DESK, "Accepted", "False", "TicketRequired")

    desk.apply(source("desk", maxAge="2h", changeTicket="CHG-1"))
    desk.wait_ready(*DESK)


def test_one_of_higher_priority_overrides_by_a_ticket_alone(desk: Resources) -> None:
    scope = {"scope": {"currencies": ["SEK"]}, "mode": "Enforce"}
    loose = {"currency": "USD", "reviewAboveMinor": 1, "declineAboveMinor": 10**12}
    desk.apply(threshold("strict", **scope))
    desk.wait_ready("RiskThreshold", "strict")

    desk.apply(threshold("loose", **scope, perPayment=loose, priority=900))
    desk.wait_for("RiskThreshold", "loose", "Accepted", "False", "TicketRequired")
    desk.wait_ready("RiskThreshold", "strict")
    desk.apply(threshold("loose", **scope, perPayment=loose, priority=900, changeTicket="CHG-1"))
    desk.wait_ready("RiskThreshold", "loose")
    eventually(
        "the override",
        lambda: "strict" not in {s["name"] for s in desk.document("risk")["sources"]},
    )
