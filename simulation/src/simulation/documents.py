"""The resources that worlds are configured by: several editions, one of them in force at a time.

The first has a market and fixed rates behind it, the second the market alone, the third the fixed
rates alone. Each has its own spread and its own limits.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from simulation.topology import FIXED, FOREIGN, RECEIVERS

MAX_AGE_SECONDS = 15
"""How old a rate of the market may be."""
SECRET = ("receivers", "secret")
"""The name and the key of what events are signed with."""
QUOTE_SECONDS = 15
"""How long a quote holds."""
WINDOW_SECONDS = 120
"""How long an attempt to pay counts against its account."""


@dataclass(frozen=True, slots=True)
class Edition:
    """What one edition says: the judge reads it here, and fx and risk in their documents."""

    spread_bps: int
    review_above_minor: int
    decline_above_minor: int
    most_attempts: int
    market: bool
    fixed: bool
    timeout_seconds: int
    """How long receivers may take."""


EDITIONS = (
    Edition(50, 500_000, 2_000_000, 30, market=True, fixed=True, timeout_seconds=5),
    Edition(20, 300_000, 2_000_000, 12, market=True, fixed=False, timeout_seconds=2),
    Edition(120, 900_000, 1_500_000, 60, market=False, fixed=True, timeout_seconds=8),
)


def write_resources(folder: Path) -> Iterator[Path]:
    """Write each edition into a folder of its own under `folder`; yield those folders."""
    for number, edition in enumerate(EDITIONS):
        own = folder / str(number)
        own.mkdir(parents=True)
        documents = [_limits(edition)]
        if edition.market:
            documents.append(_market(edition))
        if edition.fixed:
            documents.append(_fixed(edition))
        documents += [_destination(name, edition, "demo") for name in RECEIVERS]
        documents.append(_destination(FOREIGN, edition, FOREIGN))
        (own / "resources.yaml").write_text(yaml.safe_dump_all(documents), "utf-8")
        yield own


def _source(name: str, edition: Edition, **spec: Any) -> Mapping[str, Any]:
    return {
        "apiVersion": "kurs.dev/v1alpha1",
        "kind": "FXRateSource",
        "metadata": {"name": name},
        "spec": {"baseCurrency": "USD", "defaultSpreadBps": edition.spread_bps, **spec},
    }


def _market(edition: Edition) -> Mapping[str, Any]:
    return _source(
        "market",
        edition,
        type="HTTP",
        priority=200,
        refreshInterval="5s",
        maxAge=f"{MAX_AGE_SECONDS}s",
        maxDeviationBps=300,
        onStale="NextSource" if edition.fixed else "Reject",
        http={"url": "https://market.world/latest", "format": "JSON", "ratesPath": "rates"},
    )


def _fixed(edition: Edition) -> Mapping[str, Any]:
    rates = {name: f"{float(mid):g}" for name, mid in FIXED.items()}
    return _source(
        "fixed",
        edition,
        type="Static",
        priority=100,
        refreshInterval="1h",
        maxAge="87600h",
        static={"rates": rates},
    )


def _destination(name: str, edition: Edition, merchant: str) -> Mapping[str, Any]:
    return {
        "apiVersion": "kurs.dev/v1alpha1",
        "kind": "EventDestination",
        "metadata": {"name": name},
        "spec": {
            "merchant": merchant,
            "url": f"https://{name}.receivers.world/events",
            "types": list(RECEIVERS.get(name, ())),
            "secretRef": {"name": SECRET[0], "key": SECRET[1]},
            "timeout": f"{edition.timeout_seconds}s",
        },
    }


def _limits(edition: Edition) -> Mapping[str, Any]:
    return {
        "apiVersion": "kurs.dev/v1alpha1",
        "kind": "RiskThreshold",
        "metadata": {"name": "limits"},
        "spec": {
            "mode": "Enforce",
            "priority": 100,
            "perPayment": {
                "currency": "USD",
                "reviewAboveMinor": edition.review_above_minor,
                "declineAboveMinor": edition.decline_above_minor,
            },
            "velocity": [
                {
                    "name": "burst",
                    "window": f"{WINDOW_SECONDS}s",
                    "maxCount": edition.most_attempts,
                    "action": "Review",
                }
            ],
            "score": {"review": 50, "decline": 80},
            "onMissingData": "Review",
        },
    }
