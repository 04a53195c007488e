"""A second PostgreSQL that follows a stack's own, and takes its place, again and again.

It is there for measurements of faults alone: streaming replication, synchronous, on one machine.
Whoever connects finds the new primary under the address of the old one, as behind a Service of a
cluster.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.postgres import binaries

_SOCKET = ".s.PGSQL.5432"
_WAIT_SECONDS = 120
_ALONE = "\nsynchronous_standby_names = ''\n"


class Pair:
    """A primary and the server that follows it; both belong to one user of the machine."""

    def __init__(self, primary: Path, socket: Path, folder: Path) -> None:
        self._primary = primary
        self._address = socket
        self._folder = folder
        self._owner = primary.stat()
        self._place = 0
        self._make(folder)

    def follow(self) -> None:
        """Copy the primary, and follow it; from then on each commit waits for the copy."""
        self._place += 1
        place = self._folder / str(self._place)
        self._make(place)
        self._run("pg_basebackup", "-h", str(self._address), "-U", "postgres",
                  "-D", str(self._heir), "-X", "stream", "-R", "-c", "fast")  # fmt: skip
        with (self._heir / "postgresql.auto.conf").open("a") as settings:
            # Nobody follows the heir when it is promoted: it waits for nobody.
            settings.write(_ALONE)
        log = str(place / "log")
        self._control(self._heir, "start", "-w", "-l", log, "-o", f"-k {place} -h ''")
        self._run("psql", "-h", str(self._address), "-U", "postgres",
                  "-c", "ALTER SYSTEM SET synchronous_standby_names = '*'",
                  "-c", "SELECT pg_reload_conf()")  # fmt: skip

    def switch(self, *, planned: bool = False, outage_seconds: float = 0.0) -> float:
        """Let the heir take the primary's place, and be found where that was.

        The primary is killed, or ends in order if it is `planned`; nobody takes its place for a
        while. Returns when the new one took writes (monotonic seconds).
        """
        how = "fast" if planned else "immediate"
        self._control(self._primary, "stop", "-m", how, "-w")
        address = self._address / _SOCKET
        address.unlink(missing_ok=True)
        time.sleep(outage_seconds)
        self._control(self._heir, "promote", "-w")
        address.symlink_to(self._folder / str(self._place) / _SOCKET)
        self._primary = self._heir
        return time.monotonic()

    def end(self) -> None:
        """Stop what was started here."""
        for place in self._folder.iterdir():
            if (place / "data" / "postmaster.pid").exists():
                self._control(place / "data", "stop", "-m", "fast", "-w")

    @property
    def _heir(self) -> Path:
        return self._folder / str(self._place) / "data"

    def _make(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        os.chown(folder, self._owner.st_uid, self._owner.st_gid)
        # The server is another user's where root runs this.
        folder.chmod(0o755)

    def _control(self, data: Path, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(data), "-t", str(_WAIT_SECONDS), *arguments)

    def _run(self, name: str, *arguments: str) -> None:
        as_root = os.geteuid() == 0
        subprocess.run(
            [str(binaries() / name), *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
            user=self._owner.st_uid if as_root else None,
            group=self._owner.st_gid if as_root else None,
            extra_groups=[] if as_root else None,
        )


@contextmanager
def followed(primary: Path, socket: Path) -> Iterator[Pair]:
    """Yield a primary, by its data and the folder of its socket, with a server that follows it."""
    folder = Path(tempfile.mkdtemp(prefix="kurs-heir-"))
    pair = Pair(primary, socket, folder)
    try:
        pair.follow()
        yield pair
    finally:
        pair.end()
        shutil.rmtree(folder, ignore_errors=True)
