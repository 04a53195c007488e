"""`python -m kurs.live /tmp/live`, in a pod: run the sources that were synced there.

Skaffold syncs the files that changed, a package is found only whole: so what was not synced is
copied from the installed package beside it, and the service (process 1) is told to start anew.
`PYTHONPATH` must name the folder. For development only.
"""

import os
import shutil
import signal
import sys
import sysconfig
from pathlib import Path


def complete(folder: Path, installed: Path) -> None:
    """Copy the rest of each package in `folder` from `installed`; synced files stay as they are."""
    for package in (found for found in folder.iterdir() if found.is_dir()):
        for file in (installed / package.name).rglob("*.*"):
            beside = folder / file.relative_to(installed)
            if file.is_file() and file.suffix != ".pyc" and not beside.exists():
                beside.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, beside)


if __name__ == "__main__":
    complete(Path(sys.argv[1]), Path(sysconfig.get_paths()["purelib"]))
    os.kill(1, signal.SIGHUP)
