"""The probes, and what the operator watches."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from kopf import OperatorSettings as KopfSettings
from tests.operator.small_cluster import SmallCluster

from kurs.calls import Request
from kurs.kernel.settings import CannotRun
from kurs.web.heartbeat import Heartbeat
from kurs_operator import app as operator_app
from kurs_operator import wakeups
from kurs_operator.app import assemble, create_app, liveness_router
from kurs_operator.handlers import registry
from kurs_operator.metrics import OperatorMetrics
from kurs_operator.settings import OperatorSettings
from kurs_testing.asgi import AsgiTransport
from kurs_testing.telemetry import RecordingTelemetry
from kurs_testing.waiting import eventually


async def asked(app: FastAPI, path: str) -> tuple[int, dict[str, Any]]:
    answer = await AsgiTransport({"http://operator": app}).send(
        Request("GET", f"http://operator{path}")
    )
    content: dict[str, Any] = json.loads(answer.body)
    return answer.status, content


def test_outside_a_cluster_it_asks_for_a_namespace():
    with pytest.raises(CannotRun, match="KURS_NAMESPACE"):
        create_app(OperatorSettings(), telemetry=RecordingTelemetry("kurs-operator"))


async def test_it_lives_and_is_not_ready_before_its_first_step():
    settings = OperatorSettings(namespace="kurs")
    app = create_app(settings, telemetry=RecordingTelemetry("kurs-operator"))

    status, content = await asked(app, "/readyz")
    assert (status, content["checks"]["reconciled"]) == (503, False)
    assert (await asked(app, "/livez"))[0] == 200


class NoConnection:
    async def close(self) -> None:
        """Nothing was opened."""


@pytest.mark.parametrize("dies", ["keep", "look", None])
async def test_a_work_beside_the_queue_that_is_dead_shows_in_readiness(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dies: str | None
):
    async def unserved(*_: object) -> None:
        await asyncio.Event().wait()

    async def run(beat: Heartbeat) -> None:
        work = beat._work  # noqa: SLF001
        if getattr(work, "__name__", "") == dies:
            raise RuntimeError("whatever")
        await asyncio.Event().wait()

    monkeypatch.setattr(operator_app, "connect", lambda _: NoConnection())
    monkeypatch.setattr(operator_app, "wait_until_served", unserved)
    monkeypatch.setattr(Heartbeat, "run", run)
    keys = tmp_path / "keys"
    keys.write_text("{}")
    settings = OperatorSettings(namespace="kurs", api_keys_file=keys)
    app = create_app(settings, telemetry=RecordingTelemetry("kurs-operator"))

    async with AsgiTransport({"http://operator": app}) as transport:

        async def background() -> bool:
            answer = await transport.send(Request("GET", "http://operator/readyz"))
            return bool(json.loads(answer.body)["checks"]["background"])

        if dies is None:
            await asyncio.sleep(0.1)
            assert await background()
        else:

            async def is_told() -> bool:
                return not await background()

            await eventually(is_told)


async def test_a_stuck_queue_fails_the_liveness_probe(monkeypatch: pytest.MonkeyPatch):
    telemetry = RecordingTelemetry("kurs-operator")
    cluster = SmallCluster()
    engine, acks = assemble(cluster, cluster.ask, OperatorMetrics(telemetry), telemetry)
    app = FastAPI()
    app.include_router(liveness_router([engine]))
    engine.task = asyncio.create_task(engine.wakeups.run())
    cluster.down = True
    engine.wakeups.wake("start")
    assert (await asked(app, "/livez"))[0] == 200

    monkeypatch.setattr(wakeups, "STUCK_SECONDS", -1.0)
    assert (await asked(app, "/livez"))[0] == 503

    engine.task.cancel()
    await acks.close()


async def test_a_queue_that_ended_fails_the_liveness_probe():
    telemetry = RecordingTelemetry("kurs-operator")
    cluster = SmallCluster()
    engine, acks = assemble(cluster, cluster.ask, OperatorMetrics(telemetry), telemetry)
    app = FastAPI()
    app.include_router(liveness_router([engine]))
    engine.task = asyncio.create_task(asyncio.sleep(0))
    await engine.task

    assert (await asked(app, "/livez"))[0] == 503
    await acks.close()


def test_no_handler_is_of_a_kind_that_leaves_a_finalizer():
    made = registry(lambda _: None)

    kinds = {name: len(list(getattr(made, name).get_all_handlers())) for name in (
        "_watching", "_changing", "_spawning", "_webhooks", "_indexing",
    )}  # fmt: skip

    assert kinds == {
        "_watching": 5, "_changing": 0, "_spawning": 0, "_webhooks": 0, "_indexing": 0,
    }  # fmt: skip


async def test_kopf_looks_at_our_pods_and_documents_only_and_soon_after_an_outage():
    made = registry(lambda _: None)
    settings = KopfSettings()
    for handler in made._activities.get_all_handlers():  # noqa: SLF001
        if "configure" in str(handler.id):
            handler.fn(settings=settings)

    assert settings.scanning.disabled
    assert max(settings.networking.error_backoffs) <= 2
    assert not settings.posting.enabled
