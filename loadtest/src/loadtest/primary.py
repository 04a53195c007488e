"""A second PostgreSQL that follows a stack's own, and takes its place.

It is there for `loadtest.faults` alone: streaming replication, synchronous, on one machine. Whoever
connects finds the new primary under the address of the old one, as behind a Service of a cluster.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.postgres import binaries

_SOCKET = ".s.PGSQL.5432"
_WAIT_SECONDS = 120


class Pair:
    """A primary and the server that follows it; both belong to one user of the machine."""

    def __init__(self, primary: Path, socket: Path, folder: Path) -> None:
        self._primary = primary
        self._socket = socket
        self._heir = folder / "data"
        self._heir_socket = folder
        self._owner = primary.stat()
        os.chown(folder, self._owner.st_uid, self._owner.st_gid)
        # The server is another user's where root runs this.
        folder.chmod(0o755)

    def follow(self) -> None:
        """Copy the primary, and follow it; from then on each commit waits for the copy."""
        self._run("pg_basebackup", "-h", str(self._socket), "-U", "postgres",
                  "-D", str(self._heir), "-X", "stream", "-R", "-c", "fast")  # fmt: skip
        # Nobody follows the heir: it waits for nobody.
        options = f"-k {self._heir_socket} -h '' -c synchronous_standby_names=''"
        log = str(self._heir_socket / "log")
        self._control(self._heir, "start", "-w", "-l", log, "-o", options)
        self._run("psql", "-h", str(self._socket), "-U", "postgres",
                  "-c", "ALTER SYSTEM SET synchronous_standby_names = '*'",
                  "-c", "SELECT pg_reload_conf()")  # fmt: skip

    def switch(self) -> None:
        """Kill the primary, let the heir take its place, and be found where that was."""
        self._control(self._primary, "stop", "-m", "immediate", "-w")
        self._control(self._heir, "promote", "-w")
        address = self._socket / _SOCKET
        address.unlink(missing_ok=True)
        address.symlink_to(self._heir_socket / _SOCKET)

    def end(self) -> None:
        """Stop the heir."""
        if (self._heir / "postmaster.pid").exists():
            self._control(self._heir, "stop", "-m", "fast", "-w")

    def _control(self, data: Path, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(data), "-t", str(_WAIT_SECONDS), *arguments)

    def _run(self, name: str, *arguments: str) -> None:
        as_root = os.geteuid() == 0
        subprocess.run(
            [str(binaries() / name), *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=self._heir_socket,
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
