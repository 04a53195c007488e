"""The resources that worlds are configured by: several editions, one of them in force at a time."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

_SPREADS_BPS = (50, 20, 120)
_REVIEW_ABOVE_MINOR = (500_000, 300_000, 900_000)


def write_resources(folder: Path) -> Iterator[Path]:
    """Write each edition into a folder of its own under `folder`; yield those folders."""
    for number, (spread, review) in enumerate(zip(_SPREADS_BPS, _REVIEW_ABOVE_MINOR, strict=True)):
        edition = folder / str(number)
        edition.mkdir(parents=True)
        documents = (_rates(spread), _limits(review))
        (edition / "resources.yaml").write_text(yaml.safe_dump_all(documents), "utf-8")
        yield edition


def _rates(spread_bps: int) -> Mapping[str, Any]:
    return {
        "apiVersion": "kurs.dev/v1alpha1",
        "kind": "FXRateSource",
        "metadata": {"name": "fixed"},
        "spec": {
            "type": "Static",
            "baseCurrency": "USD",
            "priority": 100,
            "refreshInterval": "1h",
            "maxAge": "87600h",
            "defaultSpreadBps": spread_bps,
            "static": {"rates": {"IDR": "16000", "JPY": "150", "BHD": "0.376"}},
        },
    }


def _limits(review_above_minor: int) -> Mapping[str, Any]:
    return {
        "apiVersion": "kurs.dev/v1alpha1",
        "kind": "RiskThreshold",
        "metadata": {"name": "limits"},
        "spec": {
            "mode": "Enforce",
            "priority": 100,
            "perPayment": {
                "currency": "USD",
                "reviewAboveMinor": review_above_minor,
                "declineAboveMinor": 2_000_000,
            },
            "score": {"review": 50, "decline": 80},
            "onMissingData": "Review",
        },
    }
