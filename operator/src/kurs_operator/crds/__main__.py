"""The definitions as files: `python -m kurs_operator.crds [FOLDER]`, the chart's by default."""

import argparse
import sys
from pathlib import Path

from kurs_operator.crds.definitions import files

DEFAULT = Path("charts/kurs-operator/crds")


def main(arguments: list[str]) -> int:
    """Write the definitions; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m kurs_operator.crds", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    folder: Path = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
