"""Asks every pod of fx for a rate over and over, and keeps what was said."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from tests.cluster.installation import PORTS, Installation

PATH = "/rate?base=USD&quote=IDR"
_PAUSE_SECONDS = 0.1


class Prices:
    """What the pods said of USD/IDR in a block: the `members` of each answer, as a tuple."""

    def __init__(self, operated: Installation, members: Sequence[str]) -> None:
        self.seen: set[tuple[object, ...]] = set()
        self.count = 0
        self.addresses = [f"{p['status']['podIP']}:{PORTS['fx']}" for p in operated.pods("fx")]
        self._client = operated.asking("fx")
        self._members = members
        self._stop = Event()
        self._pool = ThreadPoolExecutor(1)

    def __enter__(self) -> "Prices":
        self._asking = self._pool.submit(self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()
        self._asking.result()

    def _ask(self) -> None:
        with self._client as client:
            while not self._stop.wait(_PAUSE_SECONDS):
                for address in self.addresses:
                    answer = client.get(f"http://{address}{PATH}").json()
                    self.seen.add(tuple(answer[member] for member in self._members))
                    self.count += 1
