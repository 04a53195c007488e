"""Changed API keys reach the gateway's pods by pokes, and the operator never asks for a Secret."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import CapturingLogger
from tests.operator.small_cluster import SmallPod

from kurs.config.resources import digest_of
from kurs_operator.cluster import ClusterFault
from kurs_operator.key_changes import POKING_SECONDS, SELF_POKE_SECONDS, KeyChanges
from kurs_testing.clock import ManualClock
from kurs_testing.telemetry import RecordingTelemetry

OWN = "kurs-operator-0"
GATEWAYS = ("api-gateway-0", "api-gateway-1")
OLD, NEW = '[{"id": "old"}]', '[{"id": "new"}]'


class Node:
    """A kubelet: what the Secret holds is in a mount when the pod is poked, and not before."""

    def __init__(self, folder: Path) -> None:
        self.secret = OLD
        self.mounts = dict.fromkeys(GATEWAYS, OLD)
        self.file = folder / "api-keys.json"
        self.file.write_text(OLD)
        self.pods = {name: SmallPod(name, "api-gateway") for name in GATEWAYS}
        self.own_pokes: list[str] = []
        self.down = False
        self.refused: set[str] = set()
        """Pods whose PATCH is refused for good."""
        self.deaf: set[str] = set()
        """Pods whose kubelet has not heard of the change yet."""

    async def gateway_pods(self) -> list[Mapping[str, Any]]:
        return [pod.body() for pod in self.pods.values()]

    async def poke(self, pod: str, digest: str) -> None:
        if self.down or pod in self.refused:
            raise ClusterFault(f"cannot annotate pod {pod}: away")
        if pod == OWN:
            self.own_pokes.append(digest)
            self.file.write_text(self.secret)
        else:
            assert digest != self.pods[pod].poked, "an annotation that stays is no poke"
            self.pods[pod].poked = digest
            if pod not in self.deaf:
                self.mounts[pod] = self.secret


class Scene:
    """The operator beside that kubelet, second by second."""

    def __init__(self, folder: Path) -> None:
        self.node = Node(folder)
        self.now = 0.0
        self.clock = ManualClock()
        telemetry = RecordingTelemetry("kurs-operator")
        telemetry.logger = self.log = CapturingLogger()
        self.changes = KeyChanges(
            self.node,
            self.node.file,
            OWN,
            clock=self.clock,
            telemetry=telemetry,
            monotonic=lambda: self.now,
        )

    async def go_on(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            await self.changes.look()
            self.now += 1.0
            self.clock.advance(seconds=1.0)

    def told(self) -> list[str]:
        """What was said of failures, in the order that it was."""
        calls = [call for call in self.log.calls if call.method_name == "warning"]
        return [call.kwargs["error"] for call in calls]

    def poked(self) -> set[str]:
        return {pod.poked for pod in self.node.pods.values()}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def test_a_change_reaches_every_pod_soon_whoever_made_it(scene: Scene):
    await scene.go_on(60)
    scene.node.secret = NEW

    await scene.go_on(SELF_POKE_SECONDS + 2)

    assert scene.node.mounts == dict.fromkeys(GATEWAYS, NEW)
    assert all(value.startswith(digest_of(NEW.encode())) for value in scene.poked())


async def test_without_a_change_nobody_but_itself_is_poked(scene: Scene):
    await scene.go_on(30)
    before, own = scene.poked(), len(scene.node.own_pokes)

    await scene.go_on(600)

    assert scene.poked() == before
    assert len(scene.node.own_pokes) - own == 600 / SELF_POKE_SECONDS
    assert len(set(scene.node.own_pokes)) == len(scene.node.own_pokes)


async def test_a_kubelet_that_hears_late_of_the_change_is_poked_again(scene: Scene):
    await scene.go_on(30)
    scene.node.secret, scene.node.deaf = NEW, set(GATEWAYS[1:])
    await scene.go_on(3)
    assert scene.node.mounts == {GATEWAYS[0]: NEW, GATEWAYS[1]: OLD}
    scene.node.deaf.clear()

    await scene.go_on(POKING_SECONDS)

    assert scene.node.mounts == dict.fromkeys(GATEWAYS, NEW)


async def test_a_change_that_the_api_server_was_away_for_is_not_lost(scene: Scene):
    await scene.go_on(30)
    scene.node.secret = NEW
    scene.node.file.write_text(NEW)
    scene.node.down = True
    await scene.go_on(300)
    scene.node.down = False

    await scene.go_on(POKING_SECONDS)

    assert scene.node.mounts == dict.fromkeys(GATEWAYS, NEW)
    assert 0 < len(scene.told()) <= 3, "each failure is said once"


async def test_a_pod_that_refuses_for_good_keeps_no_change_from_the_others(scene: Scene):
    scene.node.refused = set(GATEWAYS[:1])
    for secret in (NEW, OLD, NEW):
        scene.node.secret, scene.node.deaf = secret, set(GATEWAYS[1:])
        await scene.go_on(SELF_POKE_SECONDS + 3)
        scene.node.deaf.clear()

        await scene.go_on(POKING_SECONDS)

        assert scene.node.mounts[GATEWAYS[1]] == secret, "whose kubelet heard late"
    assert len(scene.told()) == 1, "a failure is said once"


async def test_whom_nobody_refuses_is_not_poked_for_ever(scene: Scene):
    scene.node.refused = set(GATEWAYS[:1])
    await scene.go_on(300)
    scene.node.refused.clear()
    await scene.go_on(3 * POKING_SECONDS)
    before = scene.poked()

    await scene.go_on(300)

    assert scene.poked() == before
    assert len(before) == len(GATEWAYS), "each by as many as it took"


async def test_a_wrong_name_of_its_own_pod_takes_no_poke_from_the_gateway(scene: Scene):
    await scene.go_on(30)
    scene.node.refused = {OWN}
    scene.node.secret, scene.node.deaf = NEW, set(GATEWAYS)
    scene.node.file.write_text(NEW)
    await scene.go_on(3)
    scene.node.deaf.clear()

    await scene.go_on(POKING_SECONDS)

    assert scene.node.mounts == dict.fromkeys(GATEWAYS, NEW)
    assert len(scene.told()) == 1


async def test_without_the_secret_it_waits_for_it(scene: Scene):
    scene.node.file.unlink()
    scene.node.secret = NEW
    await scene.changes.look()
    assert scene.poked() == {""}

    await scene.go_on(2)

    assert scene.node.mounts == dict.fromkeys(GATEWAYS, NEW)
