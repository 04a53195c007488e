"""Resources as plain values, as the API server and YAML give them."""

from typing import Any

import yaml

from kurs.config.resources import API_VERSION

NOW = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z in microseconds."""


def kubeconfig(server: str) -> str:
    """Return a kubeconfig of one server, with the token `secret-token` and the namespace kurs."""
    cluster = {"name": "test", "cluster": {"server": server}}
    context = {"cluster": "test", "user": "test", "namespace": "kurs"}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": context}],
            "clusters": [cluster],
            "users": [{"name": "test", "user": {"token": "secret-token"}}],
        }
    )


def rate_source(name: str = "desk", *, metadata: Any = None, **spec: Any) -> dict[str, Any]:
    """Return a Static source of USD/IDR; `spec` replaces or adds fields by their YAML names."""
    content = {
        "type": "Static",
        "baseCurrency": "USD",
        "static": {"rates": {"IDR": "15845.50", "SGD": "1.3421"}},
        "pairs": [{"quote": "IDR", "spreadBps": 25}],
    }
    return resource("FXRateSource", name, {**content, **spec}, metadata)


def threshold(name: str = "limits", *, metadata: Any = None, **spec: Any) -> dict[str, Any]:
    """Return an Enforce threshold with bounds in USD; a field that is None is left out."""
    bounds = {"currency": "USD", "reviewAboveMinor": 2_500_000, "declineAboveMinor": 10_000_000}
    return resource("RiskThreshold", name, {"perPayment": bounds, **spec}, metadata)


def destination(name: str = "orders", *, metadata: Any = None, **spec: Any) -> dict[str, Any]:
    """Return a destination of the merchant shop."""
    content = {
        "merchant": "shop",
        "url": "https://shop.example.org/hooks",
        "secretRef": {"name": "shop-hooks", "key": "secret"},
    }
    return resource("EventDestination", name, {**content, **spec}, metadata)


def resource(kind: str, name: str, spec: Any, metadata: Any = None) -> dict[str, Any]:
    """Return a resource of any kind."""
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": name, **(metadata or {})},
        "spec": {key: value for key, value in spec.items() if value is not None},
    }
