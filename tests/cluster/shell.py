"""Commands against the cluster that KUBECONFIG names, and waiting for what they show."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 300.0
_PAUSE_SECONDS = 1.0
TOOLS = ("kubectl", "helm")


class CommandFailed(AssertionError):
    """A command ended with another code than 0; the text is what it said."""


def missing() -> str:
    """Return why no cluster can be tested here, or nothing."""
    if not os.environ.get("KUBECONFIG"):
        return "KUBECONFIG is not set: name a cluster that has kurs/*:dev images (make images)"
    for tool in TOOLS:
        if shutil.which(tool) is None:
            return f"{tool} is not on PATH: see docs/operations.md"
    return ""


def run(*command: str, stdin: str | None = None) -> str:
    """Run a command and return what it wrote; raises CommandFailed."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailed(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def kubectl(namespace: str, *arguments: str, stdin: str | None = None) -> str:
    """Run kubectl in a namespace."""
    return run("kubectl", "-n", namespace, *arguments, stdin=stdin)


def get(namespace: str, *arguments: str) -> dict[str, Any]:
    """Return an object, or a list of them, as kubectl shows it."""
    document: dict[str, Any] = json.loads(kubectl(namespace, "get", *arguments, "-o", "json"))
    return document


def eventually(what: str, holds: Callable[[], Any], *, patience: float = PATIENCE_SECONDS) -> Any:
    """Wait until `holds` returns something true, and return it; raises AssertionError."""
    deadline = time.monotonic() + patience
    seen: object = None
    while time.monotonic() < deadline:
        try:
            if seen := holds():
                return seen
        except CommandFailed as error:
            seen = error
        time.sleep(_PAUSE_SECONDS)
    raise AssertionError(f"{what}: not within {patience:g} s; last seen: {seen}")
