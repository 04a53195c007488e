"""Replicas follow the load, out and in, and no payment notices: `make hpa-demo` as it stands."""

import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.cluster.installation import ROOT, Installation
from tests.cluster.shell import eventually

from loadtest.hpa_demo.verdict import SHOWCASE

_DEMO = (sys.executable, "-m", "loadtest.hpa_demo")


@pytest.fixture(scope="module")
def scaled(dev: Installation) -> Installation:
    """The development environment with autoscalers that react within a test's time."""
    dev.upgrade("-f", str(ROOT / "k8s" / "hpa-demo.yaml"))
    dev.wait_ready()
    return dev


def left(installation: Installation) -> str:
    """Return what there is of the demo."""
    kinds = "jobs,configmaps,networkpolicies,pods"
    selected = "app.kubernetes.io/name=hpa-demo"
    return installation.kubectl("get", kinds, "-l", selected, "-o", "name").strip()


def test_an_interrupted_demo_takes_its_load_with_it(scaled: Installation) -> None:
    with subprocess.Popen(
        [*_DEMO, "-n", scaled.namespace], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as demo:
        eventually("the load", lambda: "pod/" in left(scaled), patience=60)
        demo.send_signal(signal.SIGINT)
        said, _ = demo.communicate(timeout=90)

    assert demo.returncode == 128 + signal.SIGINT, said.decode()
    assert not left(scaled)


def test_replicas_follow_the_load_out_and_in(scaled: Installation, tmp_path: Path) -> None:
    picture = tmp_path / "demo.svg"
    steps = ("--steps", "20,90,90,20", "--step-seconds", "25")

    done = subprocess.run(
        [*_DEMO, "-n", scaled.namespace, *steps, "--picture", str(picture)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    assert "no payment failed or was lost" in done.stdout
    assert SHOWCASE in "".join(ElementTree.parse(picture).getroot().itertext())
    assert not left(scaled)
