"""The operator reaches the API server and the pods that it configures, and nobody else."""

from tests.cluster.attempts import addresses_of, attempt, pod_address, standing_in
from tests.cluster.conftest import NewInstallation
from tests.cluster.installation import SERVICES, Installation
from tests.cluster.shell import eventually, get


def test_the_operator_reaches_whom_the_design_names_and_nobody_else(
    operated: Installation, new_installation: NewInstallation
) -> None:
    api_server = get("default", "service", "kubernetes")["spec"]["clusterIP"] + ":443"
    elsewhere = new_installation()
    listen = ("python", "-m", "http.server", "8080")
    targets = addresses_of(operated)
    (operator,) = operated.ready_pods("operator")
    with standing_in(elsewhere, "stranger", command=listen):
        outside = f"{pod_address(elsewhere, 'stranger')}:8080"
        eventually("the stranger listens", lambda: attempt(elsewhere, "stranger", outside))

        tried = attempt(operated, operator, api_server, outside, *targets.values())

    named = {"API server": api_server, "outside": outside, **targets}
    reached = {name for name, at in named.items() if tried[at] == "open"}
    assert reached == {"API server", "fx", "risk", "wallet", "webhooks"}


def test_nobody_reaches_the_operator(operated: Installation) -> None:
    (operator,) = operated.ready_pods("operator")
    port = get(operated.namespace, "pod", operator)["spec"]["containers"][0]["ports"][0]
    address = f"{pod_address(operated, operator)}:{port['containerPort']}"
    assert attempt(operated, operator, address) == {address: "open"}, "it listens"

    for caller in SERVICES:
        pod = operated.ready_pods(caller)[0]
        assert attempt(operated, pod, address) == {address: "dropped"}, caller
