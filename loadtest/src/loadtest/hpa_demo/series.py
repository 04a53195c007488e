"""What is watched: replicas and CPU of the scaled services, payments per second and their p95."""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtest.measures import percentile

WINDOW_SECONDS = 5.0
"""Over how long payments per second and p95 are taken."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """A service at one time: pods that serve, pods wanted, and CPU in percent of the request."""

    ready: int
    wanted: int
    cpu: int | None


@dataclass(frozen=True, slots=True)
class Sample:
    """All that is shown of one time; `second` counts from the start of the Job, p95 is in ms."""

    second: float
    services: Mapping[str, Scaled]
    wanted: int
    per_second: float
    p95: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Between how many pods an autoscaler chooses."""

    least: int
    most: int


class Pace:
    """The payments that ended within the last seconds."""

    def __init__(self) -> None:
        self._ended: deque[tuple[float, float]] = deque()

    def add(self, at: float, milliseconds: float) -> None:
        """Count a payment that ended at a time (s) and took so long."""
        self._ended.append((at, milliseconds))

    def figures(self, now: float) -> tuple[float, float]:
        """Return payments per second and their p95 in milliseconds."""
        while self._ended and self._ended[0][0] < now - WINDOW_SECONDS:
            self._ended.popleft()
        ordered = sorted(milliseconds for _, milliseconds in self._ended)
        return len(ordered) / WINDOW_SECONDS, percentile(ordered, 0.95)


def milliseconds_in(line: str) -> float | None:
    """Return how long the payment took that a line of the load tells of, None for another line."""
    words = line.split(" ", 3)
    if len(words) < 4 or words[0] != "payment":
        return None
    try:
        return float(words[2])
    except ValueError:
        return None


def limits_in(autoscalers: Mapping[str, Any]) -> dict[str, Limits]:
    """Return the limits of each autoscaler in a list of them, by the Deployment it scales."""
    return {
        item["spec"]["scaleTargetRef"]["name"]: Limits(
            item["spec"].get("minReplicas", 1), item["spec"]["maxReplicas"]
        )
        for item in autoscalers["items"]
    }


def services_in(items: Sequence[Mapping[str, Any]]) -> dict[str, Scaled]:
    """Return each service of a list of Deployments and autoscalers."""
    cpu = {
        item["metadata"]["name"]: _utilisation(item)
        for item in items
        if item["kind"] == "HorizontalPodAutoscaler"
    }
    return {
        (name := item["metadata"]["name"]): Scaled(
            item["status"].get("readyReplicas", 0), item["spec"]["replicas"], cpu.get(name)
        )
        for item in items
        if item["kind"] == "Deployment"
    }


def load_in(items: Sequence[Mapping[str, Any]]) -> str:
    """Return `running`, `done` or `failed` for the Job in a list; `gone` when there is none."""
    for item in items:
        if item["kind"] == "Job":
            conditions = item["status"].get("conditions") or ()
            held = {c["type"] for c in conditions if c["status"] == "True"}
            return "done" if "Complete" in held else "failed" if "Failed" in held else "running"
    return "gone"


def peak(samples: Sequence[Sample], service: str) -> int:
    """Return how many pods of a service served at most."""
    return max((sample.services[service].ready for sample in samples), default=0)


def axis(most: float) -> list[float]:
    """Return four to seven round marks from 0 to above the largest value."""
    if most <= 0:
        return [0.0, 1.0]
    rough = most / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough)
    return [step * number for number in range(math.ceil(most / step) + 1)]


def _utilisation(autoscaler: Mapping[str, Any]) -> int | None:
    for metric in autoscaler["status"].get("currentMetrics") or ():
        current = metric.get("resource", {}).get("current", {})
        if "averageUtilization" in current:
            percent: int = current["averageUtilization"]
            return percent
    return None
