"""`make doctor`: says which tools for Kubernetes are missing or too old, and how to get them.

Setting up, running and testing Kurs on one machine needs none of them.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Version = tuple[int, ...]
Ask = Callable[[Sequence[str]], str | None]
"""Runs a command and returns what it printed, None when there is no such program."""

_VERSION = re.compile(r"\bv?(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True)
class Tool:
    """A program, the oldest version that does, what it is for and where it comes from."""

    name: str
    arguments: tuple[str, ...]
    least: Version
    purpose: str
    source: str


@dataclass(frozen=True, slots=True)
class ToolCheck:
    """What is there of a tool; `problem` is empty when all is well."""

    tool: Tool
    version: str
    problem: str


TOOLS = (
    Tool(
        "docker",
        ("version", "--format", "{{.Client.Version}}"),
        (24, 0),
        "builds images, runs kind",
        "https://docs.docker.com/get-docker/",
    ),
    Tool(
        "kind",
        ("version",),
        # The first whose network enforces NetworkPolicies.
        (0, 24),
        "a cluster on this machine: make kind-up",
        "https://kind.sigs.k8s.io/docs/user/quick-start/#installation",
    ),
    Tool(
        "kubectl",
        ("version", "--client"),
        # With `logs --all-pods`, which the notes of the charts use.
        (1, 32),
        "talks to any cluster",
        "https://kubernetes.io/docs/tasks/tools/",
    ),
    Tool(
        "helm",
        ("version", "--short"),
        (3, 18),
        "installs the charts: make deploy, make monitoring",
        "https://helm.sh/docs/intro/install/",
    ),
    Tool(
        "skaffold",
        ("version",),
        # The first that reads v4beta14 and works with Helm 4.
        (2, 19),
        "the loop of edit, build and deploy: skaffold dev",
        "https://skaffold.dev/docs/install/",
    ),
    Tool(
        "k6",
        ("version",),
        (1, 0),
        "load: loadtest/k6",
        "https://grafana.com/docs/k6/latest/set-up/install-k6/",
    ),
)


def examine(tools: Sequence[Tool], ask: Ask) -> list[ToolCheck]:
    """Return a check for each tool."""
    return [_examine(tool, ask) for tool in tools]


def report(checks: Sequence[ToolCheck]) -> str:
    """Return the checks as lines for a person."""
    lines = []
    for check in checks:
        tool = check.tool
        if not check.problem:
            lines.append(f"  ok       {tool.name} {check.version}")
            continue
        lines.append(f"  {check.problem:<8} {tool.name}: {tool.purpose}")
        if check.version:
            least = ".".join(str(part) for part in tool.least)
            lines.append(f"           here is {check.version}, it takes {least} or newer")
        lines.append(f"           {tool.source}")
    return "\n".join(lines)


def main() -> int:
    """Print the report; return 1 when a tool is missing or too old."""
    checks = examine(TOOLS, _run)
    print(report(checks))
    return 1 if any(check.problem for check in checks) else 0


def _examine(tool: Tool, ask: Ask) -> ToolCheck:
    said = ask((tool.name, *tool.arguments))
    if said is None:
        return ToolCheck(tool, "", "missing")
    found = _VERSION.search(said)
    if found is None:
        return ToolCheck(tool, "", "unclear")
    version = tuple(int(part) for part in found.groups(default="0"))
    shown = ".".join(str(part) for part in version)
    return ToolCheck(tool, shown, "" if version >= tool.least else "old")


def _run(command: Sequence[str]) -> str | None:
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main())
