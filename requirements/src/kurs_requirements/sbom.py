"""Writes a bill of materials for each image (CycloneDX 1.6) into a folder.

`python -m kurs_requirements.sbom var/sbom`: `make sbom`.

What an image holds is its lock file, resolved for the image's interpreter, on its base image.
Licences and addresses are those of the packages that `make setup` installed from the same locks, so
that nothing is asked over the network; the versions are those of the image's interpreter.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

Component = dict[str, Any]
IMAGE_ENVIRONMENT = {
    "python_version": "3.13",
    "python_full_version": "3.13.0",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
}
"""The markers of what runs in an image (PEP 508)."""
_NO_IMAGE = {"dev", "build"}
_BASE = re.compile(
    r"^ARG BASE=(?P<name>[^:@]+):(?P<tag>[^@]+)@(?P<digest>sha256:[0-9a-f]{64})$", re.M
)


def pinned(lock: str) -> dict[NormalizedName, str]:
    """Return the version of each package that a lock file puts into an image, by its name."""
    lines = [line.rstrip(" \\") for line in lock.splitlines() if re.match(r"[A-Za-z0-9]", line)]
    wanted = [Requirement(line) for line in lines]
    return {
        canonicalize_name(r.name): next(iter(r.specifier)).version
        for r in wanted
        if r.marker is None or r.marker.evaluate(IMAGE_ENVIRONMENT)
    }


def installed() -> list[Component]:
    """Return the components of the environment that this runs in, as CycloneDX has them."""
    command = ["cyclonedx-py", "environment", "--output-reproducible", "--spec-version", "1.6"]
    tool = Path(sys.executable).with_name(command[0])
    done = subprocess.run([str(tool), *command[1:]], check=True, capture_output=True)
    components: list[Component] = json.loads(done.stdout)["components"]
    return components


def bill(
    name: str, version: str, lock: str, known: Iterable[Component], base: Component
) -> Component:
    """Return the document of one image.

    Raises KeyError for a pin that is not installed: the environment is older than the lock.
    """
    by_name = {canonicalize_name(c["name"]): c for c in known}
    packages = [_at(by_name[n], v) for n, v in sorted(pinned(lock).items())]
    image = {
        "type": "container",
        "bom-ref": f"kurs-{name}",
        "name": f"kurs/{name}",
        "version": version,
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": image},
        "components": [base, *packages],
        "dependencies": [
            {
                "ref": image["bom-ref"],
                "dependsOn": [base["bom-ref"], *(p["bom-ref"] for p in packages)],
            }
        ],
    }


def base_image(dockerfile: str) -> Component:
    """Return the image that all are built on; raises ValueError when it is not pinned."""
    match = _BASE.search(dockerfile)
    if match is None:
        raise ValueError("the Dockerfile's BASE is not pinned by a digest")
    return {
        "type": "container",
        "bom-ref": f"{match['name']}@{match['digest']}",
        "name": match["name"],
        "version": match["tag"],
        "purl": f"pkg:docker/{match['name']}@{match['digest']}?tag={match['tag']}",
    }


def bills(root: Path) -> Mapping[str, Component]:
    """Return the document of every image, by the name of its deployable."""
    known = [*installed()]
    base = base_image((root / "Dockerfile").read_text("utf-8"))
    locks = [p for p in sorted((root / "requirements").rglob("*.txt")) if p.stem not in _NO_IMAGE]
    kurs = tomllib.loads((root / "libs/kurs/pyproject.toml").read_text("utf-8"))
    version = str(kurs["project"]["version"])
    return {p.stem: bill(p.stem, version, p.read_text("utf-8"), known, base) for p in locks}


def main() -> int:
    """Write `<name>.cdx.json` into the folder that the command line names."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in bills(Path.cwd()).items():
        target = folder / f"{name}.cdx.json"
        target.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
        print(f"{target}: {len(document['components'])} components")
    return 0


def _at(component: Component, version: str) -> Component:
    name = component["name"]
    purl = f"pkg:pypi/{canonicalize_name(name)}@{version}"
    return {**component, "version": version, "bom-ref": f"{name}=={version}", "purl": purl}


if __name__ == "__main__":
    sys.exit(main())
