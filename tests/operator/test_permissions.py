"""The Role of the chart allows what the operator asks of the API server, and nothing more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from tests.operator.builders import destination, kubeconfig, rate_source, threshold
from tests.operator.small_api_server import NAMESPACE, Asked, SmallApiServer, objects

from kurs.kernel.clock import SystemClock, to_rfc3339
from kurs_operator.app import create_app
from kurs_operator.prepare import prepare
from kurs_operator.settings import OperatorSettings
from kurs_testing.telemetry import RecordingTelemetry

ENVIRONMENTS = ("dev", "staging", "production")
GOLDEN = Path(__file__).parents[1] / "charts" / "golden"
SAMPLES = Path(__file__).parents[2] / "k8s" / "samples"
LONGEST_SECONDS = 30.0


def granted(environment: str, account: str = "kurs-operator") -> set[Asked]:
    """Return what the roles of an account allow, a name only where it is narrowed to names."""
    rendered = yaml.safe_load_all((GOLDEN / f"{environment}.yaml").read_text())
    names = (account, f"{account}-kurs-{environment}")
    roles = [
        content
        for content in rendered
        if content["kind"] in ("Role", "ClusterRole") and content["metadata"]["name"] in names
    ]
    return {
        Asked(*allowed)
        for role in roles
        for rule in role["rules"]
        for allowed in product(
            rule["apiGroups"], rule["resources"], rule["verbs"], rule.get("resourceNames", [""])
        )
    }


def needed(asked: set[Asked]) -> set[Asked]:
    """Return what was asked as a Role says it: by name only where the names are known before."""
    return {a if a.resource == "configmaps" else a._replace(name="") for a in asked}


async def test_the_role_allows_just_what_the_operator_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    there: dict[str, list[dict[str, Any]]] = {
        **objects(),
        # Of two that claim the same, one is told by an Event that it lost.
        "fxratesources": [_stored(rate_source(name)) for name in ("desk", "rival")],
        "riskthresholds": [_stored(threshold())],
        "eventdestinations": [_stored(destination())],
    }
    async with SmallApiServer(there).serving() as server, wallet_serving() as wallet:
        file = tmp_path / "config"
        file.write_text(kubeconfig(server.url))
        monkeypatch.setenv("KUBECONFIG", str(file))
        telemetry = RecordingTelemetry("kurs-operator")
        keys = tmp_path / "api-keys.json"
        keys.write_text("[]")
        settings = OperatorSettings(
            namespace=NAMESPACE, wallet_url=wallet, instance="fx-0", api_keys_file=keys
        )
        app = create_app(settings, telemetry=telemetry)
        async with app.router.lifespan_context(app):
            wanted = granted("dev")
            async with asyncio.timeout(LONGEST_SECONDS):
                while not wanted <= needed(server.asked):
                    missing = wanted - needed(server.asked)
                    print("not asked for yet:", *sorted(missing), sep="\n  ")
                    await asyncio.sleep(0.25)

    assert needed(server.asked) == wanted


@pytest.mark.parametrize("environment", ENVIRONMENTS[1:])
def test_every_environment_allows_the_same(environment: str):
    assert granted(environment) == granted(ENVIRONMENTS[0])


async def test_the_job_before_an_installation_is_allowed_just_what_it_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with SmallApiServer({}).serving() as server:
        file = tmp_path / "config"
        file.write_text(kubeconfig(server.url))
        monkeypatch.setenv("KUBECONFIG", str(file))
        await prepare(definitions=True, samples=SAMPLES)
        await prepare(definitions=True, samples=SAMPLES)

    assert needed_by_name(server.asked) == granted("dev", "kurs-operator-prepare")


def needed_by_name(asked: set[Asked]) -> set[Asked]:
    """Return what was asked as a Role says it that names all it may read or change."""
    return {a._replace(name="") if a.verb in ("list", "create") else a for a in asked}


@asynccontextmanager
async def wallet_serving() -> AsyncIterator[str]:
    """Serve a signed head on loopback."""

    async def head(_: web.Request) -> web.Response:
        now = to_rfc3339(SystemClock().now())
        return web.json_response({"at": now, "head": "kurs-head.e30.e30"})

    app = web.Application()
    app.router.add_get("/internal/head", head)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def _stored(content: dict[str, Any]) -> dict[str, Any]:
    name = content["metadata"]["name"]
    metadata = {"uid": f"uid-{name}", "generation": 1, "resourceVersion": "1"}
    return {**content, "metadata": {**content["metadata"], **metadata, "namespace": NAMESPACE}}
