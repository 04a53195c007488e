"""Prometheus, Grafana and Tempo beside `make dev`: containers by observability/laptop/compose.yaml.

What they are told of this stack stands in `observed/` of its folder: which ports to scrape, and the
rules with links that lead to this Grafana.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devstack.errors import StackError
from devstack.interrupts import uninterrupted
from devstack.ports import LOOPBACK, is_free
from devstack.topology import OPERATIONS, repository

GRAFANA = "http://localhost:3000"
PORTS: Mapping[str, int] = {"Prometheus": 9090, "Grafana": 3000, "Tempo": 3200, "OTLP": 4318}
NAMESPACE = "laptop"
"""What dashboards choose this stack by."""
OBSERVED = (
    f"  Grafana   {GRAFANA}/ (dashboards, traces; the overview is in the console, too)",
    f"  Metrics   http://localhost:{PORTS['Prometheus']}/ (Prometheus)",
)
_ENGINES = ("docker", "podman")
_ASKED_SECONDS = 20.0
_NONE = (
    "OBSERVED=1 needs Docker or Podman with `compose`, and neither answers on this machine: "
    "install and start one of them, or leave OBSERVED=1 away"
)


class Observation:
    """The containers of one stack; raises StackError where no engine can run them."""

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        self._engine = _engine()
        self._folder = folder / "observed"
        self._ports = ports

    @property
    def environment(self) -> dict[str, str]:
        """What the services need: where spans go, all of them, and where Grafana is."""
        return {
            "KURS_OTLP_ENDPOINT": f"http://{LOOPBACK}:{PORTS['OTLP']}",
            "KURS_TRACE_RATIO": "1",
            "KURS_GRAFANA_URL": GRAFANA,
        }

    def start(self) -> None:
        """Start the containers, their images pulled first where they are not there."""
        # Those of a command that was killed hold the ports.
        self._compose("down", quiet=True)
        for name, port in PORTS.items():
            if not is_free(port):
                raise StackError(
                    f"port {port}, which {name} needs, is in use: end what listens there"
                )
        write_folder(self._folder, self._ports)
        done = self._compose("up", "--detach")
        if done:
            raise StackError(
                f"`{self._engine} compose up` ended with code {done}; it says why above"
            )

    def stop(self) -> None:
        """End the containers; what they collected is gone."""
        with uninterrupted():
            self._compose("down", quiet=True)

    def _compose(self, *arguments: str, quiet: bool = False) -> int:
        file = repository() / "observability" / "laptop" / "compose.yaml"
        return subprocess.run(
            [self._engine, "compose", "--file", str(file), *arguments],
            env={**os.environ, "KURS_OBSERVED": str(self._folder)},
            stdout=subprocess.DEVNULL if quiet else None,
            stderr=subprocess.DEVNULL if quiet else None,
            check=False,
            # What the terminal sends to us does not reach it.
            start_new_session=True,
        ).returncode


def targets(ports: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return whom Prometheus scrapes, in the words of its `file_sd_configs`."""
    return [
        {
            "targets": [f"{LOOPBACK}:{port + OPERATIONS}"],
            "labels": {"job": name, "namespace": NAMESPACE},
        }
        for name, port in ports.items()
    ]


def write_folder(folder: Path, ports: Mapping[str, int]) -> None:
    """Write what Prometheus reads; another user than this one reads it, and nothing is secret."""
    rules = repository() / "charts" / "kurs-observability" / "files" / "rules"
    texts = {f"rules/{file.name}": _linked(file.read_text("utf-8")) for file in rules.iterdir()}
    texts["targets/kurs.json"] = json.dumps(targets(ports), indent=1)
    for name, text in texts.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        file.chmod(0o644)
        file.parent.chmod(0o755)
    folder.chmod(0o755)


def _linked(rules: str) -> str:
    """Return rules with links that lead somewhere, as the chart makes them."""
    return rules.replace("dashboard_url: grafana", f"dashboard_url: {GRAFANA}")


def _engine() -> str:
    for name in _ENGINES:
        found = shutil.which(name)
        if found and all(_answers(found, *asked) for asked in (("compose", "version"), ("info",))):
            return found
    raise StackError(_NONE)


def _answers(*command: str) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_ASKED_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
