"""Runs kopf in a thread with an event loop of its own: in the main one it takes the signals."""

import asyncio
import threading
from collections.abc import Callable

import kopf
from kopf._core.engines.peering import Identity

from kurs_operator.cluster import NAME


class Watching:
    """kopf over one namespace, from `start` to `stop`. It ends by itself only when it fails."""

    def __init__(self, registry: kopf.OperatorRegistry, namespace: str) -> None:
        self._registry = registry
        self._namespace = namespace
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether it watches."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    async def stop(self, seconds: float = 5.0) -> None:
        """End it; do not wait longer than `seconds`."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join, seconds)

    def _run(self) -> None:
        asyncio.run(
            kopf.operator(
                registry=self._registry,
                namespaces=[self._namespace],
                standalone=True,
                # kopf would make it of the user's name, and a container's user has none.
                identity=Identity(NAME),
                stop_flag=self._stop,
                ready_flag=self._ready,
            )
        )


def across(loop: asyncio.AbstractEventLoop, call: Callable[..., None]) -> Callable[..., None]:
    """Return `call` in a form that another thread may use; a loop that has ended ignores it."""

    def scheduled(*arguments: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(call, *arguments)

    return scheduled
