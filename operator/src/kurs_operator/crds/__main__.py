"""`python -m kurs_operator.crds [FOLDER]`: write the definitions, to the chart by default."""

import sys
from pathlib import Path

from kurs_operator.crds.definitions import files

DEFAULT = Path("charts/kurs-operator/crds")


def main(arguments: list[str]) -> int:
    """Write each definition into the folder; return the exit code."""
    folder = Path(arguments[0]) if arguments else DEFAULT
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
