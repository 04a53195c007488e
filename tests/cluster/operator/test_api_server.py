"""The API server is gone for half a minute: payments go on, and the operator takes it up again."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.cluster.installation import Installation
from tests.cluster.operator.resources import DESK, Resources, spread, threshold
from tests.cluster.shell import CommandFailed, eventually, run

from loadtest.load import Load

STOP, START = "KURS_TEST_STOP_API_SERVER", "KURS_TEST_START_API_SERVER"
OUTAGE_SECONDS = 30.0
TRIAL = ("RiskThreshold", "trial")


@contextmanager
def without_api_server() -> Iterator[None]:
    """Run without the API server, as the commands of the environment stop and start it."""
    run("sh", "-ec", os.environ[STOP])
    try:
        yield
    finally:
        run("sh", "-ec", os.environ[START])
        eventually("the API server", lambda: run("kubectl", "get", "--raw", "/readyz"))


@pytest.mark.skipif(
    not (os.environ.get(STOP) and os.environ.get(START)),
    reason=f"no cluster lets its API server be stopped: set {STOP} and {START} to commands that do",
)
def test_payments_go_on_without_an_api_server_and_edits_before_and_after_it_count(
    operated: Installation, desk: Resources
) -> None:
    began_with = restarts(operated)
    with Load(operated.gateway(), operated.api_key(), "apiserver") as load:
        desk.apply(spread(18))
        with without_api_server():
            paid, begun = load.count, time.monotonic()
            eventually("half a minute", lambda: time.monotonic() - begun >= OUTAGE_SECONDS)
            with pytest.raises(CommandFailed):
                desk.get(*DESK)
            paid = load.count - paid
        edited = time.monotonic()
        desk.apply(threshold(TRIAL[1]))
        desk.wait_ready(*TRIAL)
        desk.wait_ready(*DESK)
        caught_up = time.monotonic() - edited
        account = load.finish()

    print(f"{paid} payments without an API server; caught up {caught_up:.1f} s after it was back")
    account.prove(at_least=100)
    assert paid >= 50
    assert desk.spreads() == {18}
    assert {s["name"] for s in desk.document("risk")["sources"]} >= {"trial"}
    assert desk.get(*DESK)["status"]["propagation"]["summary"] == "3/3"
    assert restarts(operated) == began_with


def restarts(operated: Installation) -> dict[str, int]:
    """Return how often each container was restarted, by its pod."""
    return {
        pod["metadata"]["name"]: sum(s["restartCount"] for s in pod["status"]["containerStatuses"])
        for pod in operated.pods()
    }
