"""From a real wallet's head to the ConfigMap: what is kept is evidence for `verify`."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.wallet import quotes

from kurs.calls import ServiceClient
from kurs.edges import Signer
from kurs.kernel.clock import MICROS, to_rfc3339
from kurs.telemetry import Telemetry
from kurs_operator.cluster import ClusterFault
from kurs_operator.keeping import HeadKeeper
from kurs_operator.metrics import OperatorMetrics
from kurs_testing.asgi import AsgiTransport, FaultKind
from kurs_testing.clock import ManualClock
from kurs_testing.edges import key_of
from kurs_testing.telemetry import RecordingTelemetry
from kurs_testing.waiting import eventually
from wallet.app import create_app
from wallet.domain.heads import find_heads
from wallet.settings import WalletSettings

EDGE = ("operator", "wallet")
WALLET = "http://wallet"
ANOTHER = "http://another"


@dataclass
class SmallConfigMap:
    """The ConfigMap; `down` makes every call fail."""

    text: str = ""
    writes: int = 0
    down: bool = False

    async def ledger_heads(self) -> str:
        if self.down:
            raise ClusterFault("cannot read ConfigMap kurs-ledger-heads: NotFound: no")
        return self.text

    async def keep_ledger_heads(self, text: str) -> None:
        self.text, self.writes = text, self.writes + 1


@dataclass
class Scene:
    """A wallet in process, whose heads a keeper writes into a small ConfigMap."""

    transport: AsgiTransport
    clock: ManualClock
    key: Ed25519PrivateKey
    config_map: SmallConfigMap = field(default_factory=SmallConfigMap)
    telemetry: Telemetry = field(default_factory=lambda: RecordingTelemetry("kurs-operator"))

    def keeper(self, url: str = WALLET) -> HeadKeeper:
        signer = Signer(*EDGE, lambda: key_of(EDGE), self.clock)
        client = ServiceClient(
            "wallet", url, self.transport, telemetry=self.telemetry, signer=signer
        )
        metrics = OperatorMetrics(self.telemetry)
        return HeadKeeper(
            client,
            self.config_map,
            clock=self.clock,
            metrics=metrics,
            telemetry=self.telemetry,
        )

    def answers(self, at: str, head: str) -> None:
        """Let what is at ANOTHER answer this."""

        async def answer(scope: Any, receive: Any, send: Any) -> None:
            body = json.dumps({"at": at, "head": head}).encode()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})

        self.transport.mount(ANOTHER, answer)

    def counted(self, result: str) -> float | None:
        labels = {"result": result}
        return self.telemetry.registry.get_sample_value("kurs_operator_ledger_heads_total", labels)


@pytest.fixture
async def scene(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    clock, key = ManualClock(), Ed25519PrivateKey.generate()
    file = tmp_path / "ledger-key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    signed = getattr(request, "param", True)
    settings = WalletSettings(
        database_url=f"sqlite:///{tmp_path}/wallet.db",
        quote_verify_keys_file=quotes.VERIFY_KEYS,
        ledger_signing_key_file=file if signed else None,
        ledger_head_seconds=0.01,
    )
    app = create_app(settings, clock=clock, telemetry=RecordingTelemetry("wallet"))
    async with AsgiTransport({WALLET: app}) as transport:
        yield Scene(transport, clock, key)


async def test_the_head_that_the_wallet_signed_is_kept_as_verify_reads_it(scene: Scene) -> None:
    keeper = scene.keeper()

    for lines in range(1, 5):
        await eventually_kept(keeper, scene, lines)
        scene.clock.advance(seconds=60)

    # Whatever stands around it: the YAML of kubectl, for one.
    shown = f"apiVersion: v1\ndata:\n  heads: |\n    {scene.config_map.text}kind: ConfigMap\n"
    heads = list(find_heads(shown, [scene.key.public_key()]))
    assert [b.at - a.at for a, b in pairwise(heads)] == [60 * MICROS] * 3
    at = scene.telemetry.registry.get_sample_value("kurs_operator_ledger_head_timestamp_seconds")
    assert at == heads[-1].at / MICROS


async def test_another_operator_goes_on_and_what_was_taken_out_is_put_back(scene: Scene) -> None:
    first = scene.keeper()
    await eventually_kept(first, scene)
    kept = scene.config_map.text
    scene.clock.advance(seconds=60)

    second = scene.keeper()
    await eventually_kept(second, scene, lines=2)
    assert scene.config_map.text.startswith(kept)

    both, scene.config_map.text = scene.config_map.text, ""
    await second.keep()
    assert scene.config_map.text == both


@pytest.mark.parametrize("scene", [False], indirect=True)
async def test_a_wallet_without_a_key_is_told_and_nothing_is_written(scene: Scene) -> None:
    await scene.keeper().keep()

    assert (scene.counted("unreachable"), scene.config_map.writes) == (1, 0)


async def test_what_fails_is_counted_and_tried_again(scene: Scene) -> None:
    keeper = scene.keeper()
    scene.transport.inject(WALLET, FaultKind.UNREACHABLE)
    await keeper.keep()
    assert scene.counted("unreachable") == 1
    scene.transport.heal(WALLET)

    scene.config_map.down = True

    async def is_unwritten() -> bool:
        await keeper.keep()
        return bool(scene.counted("unwritten"))

    await eventually(is_unwritten)
    scene.config_map.down = False
    await eventually_kept(keeper, scene)
    assert scene.counted("kept")


async def test_a_false_answer_is_no_head(scene: Scene) -> None:
    scene.answers("2026-01-01T00:00:00Z", "kurs-head.a.b and more")
    await scene.keeper(ANOTHER).keep()

    assert (scene.counted("unreachable"), scene.config_map.text) == (1, "")


@pytest.mark.parametrize(
    "at",
    [
        "2026-01-01T00:06:01Z", "2025-12-31T23:55:59Z", "2036-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
        "0000-01-01T00:00:00Z",
    ],
)  # fmt: skip
async def test_no_stated_moment_erases_what_is_kept(scene: Scene, at: str) -> None:
    scene.answers("2026-01-01T00:00:00Z", "kurs-head.a.b")
    keeper = scene.keeper(ANOTHER)
    await keeper.keep()
    kept = scene.config_map.text
    scene.clock.advance(seconds=60)

    scene.answers(at, "kurs-head.c.d")
    await keeper.keep()

    assert (scene.counted("unreachable"), scene.config_map.text) == (1, kept)


async def test_a_moment_before_the_newest_that_was_kept_is_refused(scene: Scene) -> None:
    keeper = scene.keeper(ANOTHER)
    for at, refused in (
        ("2026-01-01T00:04:00Z", 0),
        ("2025-12-31T23:59:01Z", 0),
        ("2025-12-31T23:58:59Z", 1),
    ):
        scene.answers(at, "kurs-head.a.b")
        await keeper.keep()
        assert scene.counted("unreachable") == refused


async def test_a_planted_head_takes_the_place_of_none_that_was_given(scene: Scene) -> None:
    """Neither of one there already nor, when minutes become an hour, of one that comes later."""
    keeper, words = scene.keeper(ANOTHER), []
    planted = "2026-01-01T00:00:00.000000Z kurs-head.planted.x\n"
    planted += "2026-01-01T01:00:00.000000Z kurs-head.planted.y\n"
    for minute in range(10):
        scene.clock.advance(seconds=60)
        words.append(f"kurs-head.{minute}.s")
        scene.answers(to_rfc3339(scene.clock.now()), words[-1])
        scene.config_map.text = planted + scene.config_map.text
        await keeper.keep()
    assert all(f" {word}\n" in scene.config_map.text for word in words)

    for _ in range(2):
        scene.clock.advance(seconds=3600)
        words.append(f"kurs-head.{len(words)}.s")
        scene.answers(to_rfc3339(scene.clock.now()), words[-1])
        await keeper.keep()
    lines = [line.split(" ")[1] for line in scene.config_map.text.splitlines()]
    assert lines == [words[0], words[-2], words[-1]]


async def eventually_kept(keeper: HeadKeeper, scene: Scene, lines: int = 1) -> None:
    async def kept() -> bool:
        await keeper.keep()
        return len(scene.config_map.text.splitlines()) == lines

    await eventually(kept)


def test_what_the_alert_counts_is_there_before_the_first_failure() -> None:
    telemetry = RecordingTelemetry("kurs-operator")
    OperatorMetrics(telemetry)

    for result in ("kept", "unreachable", "unwritten"):
        name = "kurs_operator_ledger_heads_total"
        assert telemetry.registry.get_sample_value(name, {"result": result}) == 0
