"""A Prometheus that scrapes one process, with the rules of the charts, none of which waits."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import yaml

from devstack.ports import LOOPBACK, free_ports
from kurs_observability.rules import alert_groups
from kurs_testing.waiting import eventually

_KNOWN = os.environ.get("KURS_PROMETHEUS") or shutil.which("prometheus")
needs_prometheus = pytest.mark.skipif(
    not _KNOWN,
    reason="no prometheus: install it (Debian: apt install prometheus) or set KURS_PROMETHEUS",
)
_AT_ONCE = 1_000_000
"""What waits are divided by."""
_OFTEN = "500ms"


@dataclass
class Prometheus:
    """One that runs at `address`."""

    address: str

    async def firing(self) -> set[str]:
        """Return the alerts that fire; raises aiohttp.ClientError before it answers."""
        url = f"{self.address}/api/v1/alerts"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            told = (await answer.json())["data"]["alerts"]
        return {each["labels"]["alertname"] for each in told if each["state"] == "firing"}

    async def until(self, *alerts: str) -> None:
        """Wait until these alerts fire and no other."""

        async def fire() -> bool:
            return await self.firing() == set(alerts)

        await eventually(fire)


@asynccontextmanager
async def watching(folder: Path, target: str) -> AsyncIterator[Prometheus]:
    """Run a Prometheus over `host:port` until the block ends."""
    assert _KNOWN is not None
    rules = {"groups": alert_groups(_AT_ONCE)}
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    configuration = {
        "global": {"scrape_interval": _OFTEN, "evaluation_interval": _OFTEN},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [
            {
                "job_name": "watched",
                "scrape_timeout": _OFTEN,
                "static_configs": [{"targets": [target], "labels": {"namespace": "n"}}],
            }
        ],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration))
    (port,) = free_ports(1)
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            _KNOWN,
            "--config.file=prometheus.yaml",
            "--storage.tsdb.path=series",
            f"--web.listen-address={LOOPBACK}:{port}",
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    made = Prometheus(f"http://{LOOPBACK}:{port}")

    async def answers() -> bool:
        try:
            await made.firing()
        except aiohttp.ClientError:
            return False
        return True

    try:
        await eventually(answers)
        yield made
    finally:
        process.terminate()
        await process.wait()
