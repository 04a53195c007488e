"""From nothing to a thousand payments, in a namespace that admits restricted pods only."""

import asyncio
import json

import pytest
from tests.cluster.installation import ROOT, SERVICES, Installation
from tests.cluster.shell import CommandFailed, get, run

from loadtest.client import GatewayClient
from loadtest.preparation import prepare
from loadtest.replay import replay
from loadtest.rows import read_rows, renamed
from loadtest.summary import Summary, unbalanced

_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "refused"},
    "spec": {"containers": [{"name": "refused", "image": "kurs/wallet:dev"}]},
}


def test_every_service_is_ready_and_was_not_restarted(dev: Installation) -> None:
    for service in SERVICES:
        (pod,) = dev.pods(service)
        (status,) = pod["status"]["containerStatuses"]
        assert status["ready"], dev.describe()
        assert status["restartCount"] == 0, dev.kubectl("logs", pod["metadata"]["name"], "-p")


def test_what_an_image_adds_to_its_base_is_small(dev: Installation) -> None:
    for service in SERVICES:
        (pod,) = dev.ready_pods(service)
        added, unpacked = dev.kubectl("exec", pod, "--", "du", "-sm", "/opt/kurs").split()
        (status,) = get(dev.namespace, "pod", pod)["status"]["containerStatuses"]
        print(f"{service}: {added} MB in {unpacked}, running since {status['state']['running']}")
        assert int(added) < 135


def test_the_namespace_refuses_what_is_not_restricted(dev: Installation) -> None:
    with pytest.raises(CommandFailed, match="restricted"):
        run("kubectl", "-n", dev.namespace, "create", "-f", "-", stdin=json.dumps(_POD))


def test_helm_test_pays_a_payment(dev: Installation) -> None:
    said = dev.helm("test", "kurs", "--timeout", "5m")

    assert "Phase:          Succeeded" in said


def test_a_thousand_payments_through_a_port_forward_are_final(dev: Installation) -> None:
    rows = renamed(read_rows(ROOT / "tests" / "data" / "dummy_transactions.csv")[:1000], "csv")

    async def pay(gateway: str) -> tuple[Summary, list[str]]:
        async with GatewayClient(gateway, dev.api_key(), 16) as client:
            await prepare(client, rows)
            summary = await replay(client, rows, 16)
            trial = await client.get("/ledger/trial-balance")
            return summary, unbalanced(trial.document)

    with dev.port_forward() as gateway:
        summary, off = asyncio.run(pay(gateway))

    assert summary.count == 1000
    assert not summary.unresolved
    assert not summary.surprises
    assert not off


def commands_of(notes: str) -> list[str]:
    """Return the commands of notes that end by themselves and take nothing away."""
    endless = ("port-forward", "exec -it", " delete ", "--watch")
    commands = [line.strip() for line in notes.splitlines() if line.startswith("  kubectl")]
    return [command for command in commands if not any(word in command for word in endless)]


def test_the_commands_of_the_notes_work(dev: Installation) -> None:
    commands = commands_of(dev.helm("get", "notes", "kurs"))

    assert commands
    for command in commands:
        assert run("bash", "-o", "pipefail", "-c", command)


@pytest.mark.parametrize("chart", [*SERVICES, "postgresql"])
def test_the_commands_of_the_notes_of_a_chart_alone_work(dev: Installation, chart: str) -> None:
    path = str(ROOT / "charts" / chart)
    shown = dev.helm("upgrade", "kurs", path, "--dry-run=client", "--reset-values")
    commands = commands_of(shown.split("\nNOTES:\n")[1])

    assert commands
    for command in commands:
        assert run("bash", "-o", "pipefail", "-c", command)


def test_no_pod_has_a_token_or_can_write_to_its_image(dev: Installation) -> None:
    script = (
        "import os;"
        "print(os.path.exists('/var/run/secrets/kubernetes.io'), os.access('/opt/kurs', os.W_OK),"
        " os.statvfs('/').f_flag & os.ST_RDONLY, os.getuid())"
    )
    for service in SERVICES:
        (pod,) = dev.ready_pods(service)
        assert dev.python(pod, script).split() == ["False", "False", "1", "10001"]


def test_an_image_has_nothing_that_builds(dev: Installation) -> None:
    script = "import shutil; print([t for t in ('uv', 'gcc', 'make') if shutil.which(t)])"
    (pod,) = dev.ready_pods("wallet")

    assert dev.python(pod, script).strip() == "[]"
