"""Destinations of a stack as files: what the listener and the load tests write for themselves."""

import json
from pathlib import Path


def write_destination(folder: Path, name: str, *, merchant: str, url: str, secret: str) -> Path:
    """Write a destination, signed for by the key `secret` of that Secret; return its file."""
    content = {
        "apiVersion": "kurs.dev/v1alpha1",
        "kind": "EventDestination",
        "metadata": {"name": name},
        "spec": {
            "merchant": merchant,
            "url": url,
            "secretRef": {"name": secret, "key": "secret"},
            "allowInsecure": True,
        },
    }
    file = folder / f"{name}.yaml"
    # JSON is YAML.
    file.write_text(json.dumps(content), "utf-8")
    return file
