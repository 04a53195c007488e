"""The keys of a service's edges: a folder with a file `<from>-<to>` for each, `new,old` or `one`.

A file is read again when it changes (a mounted Secret, or what somebody wrote), without a restart.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from kurs.config.renewed_file import RenewedFile
from kurs.edges.table import Edge
from kurs.kernel.settings import CannotRun
from kurs.telemetry.service import Telemetry

LEAST_BYTES = 32
_MOST_KEYS = 2
_ADVICE = (
    "KURS_EDGE_KEYS_DIR names a folder with a file for each edge of this service, "
    "which holds one key or `new,old` (openssl rand -hex 32); `make dev` and the charts make it"
)

Keys = tuple[bytes, ...]


class EdgeKeys:
    """The keys of some edges."""

    def __init__(self, folder: Path, edges: Iterable[Edge], telemetry: Telemetry) -> None:
        """Read the keys; raises CannotRun when one is missing, none, or that of another edge."""
        try:
            self._files = {
                edge: RenewedFile(folder / file_name(edge), read_keys, telemetry=telemetry)
                for edge in edges
            }
        except CannotRun as error:
            raise CannotRun(f"{error}; {_ADVICE}") from None
        self._refuse_shared()
        gauge = telemetry.gauge(
            "kurs_edge_keys", "Keys in force of an edge: two while one is replaced", ("edge",)
        )
        for edge in self._files:
            gauge.labels(file_name(edge)).set_function(partial(self._count, edge))

    def of(self, edge: Edge) -> Keys | None:
        """Return the keys in force, the newest first; None for an edge that is not its own."""
        file = self._files.get(edge)
        return None if file is None else file.get()

    def _count(self, edge: Edge) -> float:
        return len(self.of(edge) or ())

    def _refuse_shared(self) -> None:
        owners: dict[bytes, str] = {}
        for edge in self._files:
            for key in self.of(edge) or ():
                other = owners.setdefault(key, file_name(edge))
                if other != file_name(edge):
                    raise CannotRun(f"{other} and {file_name(edge)} have the same key; {_ADVICE}")


def file_name(edge: Edge) -> str:
    """Return the name of an edge's file, `payments-wallet`."""
    return "-".join(edge)


def read_keys(content: bytes) -> Keys:
    """Return the keys in a file; raises ValueError for one that is none."""
    keys = tuple(key.strip() for key in content.split(b","))
    if len(keys) > _MOST_KEYS or any(len(key) < LEAST_BYTES for key in keys):
        raise ValueError(f"it holds no key of {LEAST_BYTES} characters or more, or more than two")
    return keys
