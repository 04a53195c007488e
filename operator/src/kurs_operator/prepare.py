"""What an installation or upgrade begins with: definitions, and resources of an environment.

`python -m kurs_operator.prepare --definitions --samples FOLDER` is what the chart's Job runs.
Samples are seeded once: then they are the people's, and no release undoes edits and deletions.
"""

import argparse
import asyncio
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kurs.config.manifests import UnreadableManifest, read_manifests
from kurs_operator.cluster import (
    Cluster,
    ClusterFault,
    apply_definition,
    definition_annotations,
    wait_until_served,
)
from kurs_operator.connection import connect
from kurs_operator.crds.definitions import KINDS_DEFINED, RELEASE_ANNOTATION, definition
from kurs_operator.ruling import Identity

_OF_A_RELEASE = "meta.helm.sh/release-name"
"""Helm's mark on what it made: releases before had the samples among their own resources."""


def main(arguments: list[str]) -> int:
    """Prepare what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m kurs_operator.prepare")
    parser.add_argument("--definitions", action="store_true", help="bring them up to date")
    parser.add_argument("--samples", type=Path, help="a folder of resources to seed")
    chosen = parser.parse_args(arguments)
    try:
        asyncio.run(prepare(definitions=chosen.definitions, samples=chosen.samples))
    except (ClusterFault, UnreadableManifest) as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    return 0


async def prepare(*, definitions: bool, samples: Path | None) -> None:
    """Do what is asked for, by the pod's account or KUBECONFIG; raises ClusterFault."""
    client = connect()
    try:
        if definitions:
            for kind in KINDS_DEFINED:
                _say(await update_definition(client, definition(kind)))
        if samples is not None:
            cluster = Cluster(client, client.namespace, "prepare")
            await wait_until_served(cluster, _say)
            for line in await seed(cluster, tuple(_contents(samples))):
                _say(line)
    finally:
        await client.close()


async def update_definition(client: Any, wanted: dict[str, Any]) -> str:
    """Apply a definition unless the cluster has that of a newer release; return what was done.

    Namespaces share definitions, and one may run an older release than its neighbours: what theirs
    added would be pruned from their resources. Raises ClusterFault.
    """
    name, ours = wanted["metadata"]["name"], wanted["metadata"]["annotations"][RELEASE_ANNOTATION]
    theirs = (await definition_annotations(client, name)).get(RELEASE_ANNOTATION, "")
    if _order(theirs) > _order(ours):
        return f"{name} is that of release {theirs}, newer than {ours}: left as it is"
    await apply_definition(client, wanted)
    return f"{name} is that of release {ours}"


async def seed(cluster: Cluster, contents: Iterable[dict[str, Any]]) -> list[str]:
    """Create the resources, once for a namespace; return what was done. Raises ClusterFault."""
    if await cluster.was_seeded():
        return ["samples were seeded before: left to the people"]
    if await _made_by_a_release(cluster):
        said = ["samples came with an earlier release: left to the people"]
    else:
        said = [await _create(cluster, content) for content in contents]
    await cluster.note_seeded(said)
    return said


async def _create(cluster: Cluster, content: dict[str, Any]) -> str:
    made = await cluster.create_resource(content)
    return f"{Identity.of(content)} {'was made' if made else 'is there already'}"


async def _made_by_a_release(cluster: Cluster) -> bool:
    found = [content for kind in KINDS_DEFINED for content in await cluster.resources(kind.name)]
    return any(_OF_A_RELEASE in content["metadata"].get("annotations", {}) for content in found)


def _contents(folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(folder.glob("*.yaml")):
        yield from map(dict, read_manifests(file))


def _order(release: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", release.partition("-")[0])))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
