"""Files that change under running processes: written whole or not at all, told apart by a stat."""

import errno
import os
import tempfile
from pathlib import Path

OWNER_ONLY = 0o600
"""The mode of a secret; without another, a file can be read by all (0o644)."""

_MOST_BYTES = 16 * 1024 * 1024

Identity = tuple[str, int, int, int]
"""What tells a file from the one that was at its path before: link, inode, time, size.

A file may be replaced within the clock's granularity by one of the same size: the inode tells then.
The volume of a Secret or ConfigMap swaps the link `..data` beside the file's own link.
"""


def identity(path: Path) -> Identity:
    """Return what a file is now; raises OSError when it cannot be looked at."""
    try:
        swapped = str((path.parent / "..data").readlink())
    except OSError:
        swapped = ""
    status = path.stat()
    return swapped, status.st_ino, status.st_mtime_ns, status.st_size


class WatchedFile:
    """Tells when a file is another one than at the last look; that costs two system calls."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: Identity | None = None

    def changed(self) -> bool:
        """Tell whether to read the file: it is another one, was not read, or cannot be looked at.

        What is put in its place after this look is told by the next one.
        """
        try:
            found = identity(self.path)
        except OSError:
            self._seen = None
            return True
        if found == self._seen:
            return False
        self._seen = found
        return True

    def unread(self) -> None:
        """Take the file as new at the next look, since it could not be read."""
        self._seen = None


def read_whole(path: Path) -> bytes:
    """Return what a file of settings, keys or documents holds.

    Raises OSError, also for more than any of them has: a device may have no end.
    """
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return content


def own_what_is_made() -> None:
    """Keep what this process and its children make from everybody but the owner (umask 077).

    For commands of a laptop, first of all; the mode of a file may say otherwise.
    """
    os.umask(0o077)


def replace_file(path: Path, text: str, mode: int = 0o644) -> None:
    """Put `text` at `path`: a reader sees the old content or the new one, also after a crash.

    Makes the folders on the way. Raises OSError and then leaves the old content.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            os.fchmod(handle, mode)
            stream.write(text)
            stream.flush()
            os.fsync(handle)
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # The rename itself is durable only once the folder is.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
