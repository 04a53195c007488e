"""The definitions from the command line.

`python -m kurs_operator.crds [FOLDER]` writes them, to the chart by default; `... crds apply`
applies them to the cluster, which is what the chart's upgrade Job does.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from kurs_operator.cluster import ClusterFault, apply_definitions
from kurs_operator.connection import connect
from kurs_operator.crds.definitions import KINDS_DEFINED, definition, files

DEFAULT = Path("charts/kurs-operator/crds")


def main(arguments: list[str]) -> int:
    """Write or apply the definitions; return the exit code."""
    if arguments == ["apply"]:
        return asyncio.run(_apply())
    parser = argparse.ArgumentParser(prog="python -m kurs_operator.crds", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT, help="or: apply")
    folder: Path = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text, "utf-8")
    return 0


async def _apply() -> int:
    client = connect()
    try:
        await apply_definitions(client, map(definition, KINDS_DEFINED))
    except ClusterFault as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    finally:
        await client.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
