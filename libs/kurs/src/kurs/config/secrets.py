"""A secret that a resource asks for: a mounted file, or a variable of the environment."""

import asyncio
import os
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from kurs.kernel.clock import monotonic

MAX_BYTES = 8 * 1024
_PATIENCE_SECONDS = 0.5
"""How long a file is waited for while it is known what it held before."""
_FIRST_SECONDS = 5.0
"""How long where that is not known."""
# A file system that hangs holds each thread that reads from it: these are nobody else's.
_READS = ThreadPoolExecutor(max_workers=16, thread_name_prefix="secrets")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]+")


class SecretUnusable(Exception):
    """There is no such secret, or none of the expected form; the message never quotes it."""


@dataclass(frozen=True, slots=True)
class Secret:
    """The value of one key of the secret called `name`."""

    name: str
    value: str = field(repr=False)


@dataclass(slots=True)
class _Reading:
    """A reading under way, since when."""

    future: "asyncio.Future[Secret]"
    began_monotonic: float


class Secrets:
    """Finds `<folder>/<name>/<key>`, else `KURS_SECRET_<NAME>_<KEY>`.

    Values are read anew each time, so that a rotated one is used at once, and are never kept
    in a message, a log or a repr.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str] = os.environ) -> None:
        self._folder = folder
        self._environment = environment
        self._under_way: dict[tuple[str, str], _Reading] = {}
        self._last: dict[tuple[str, str], Secret] = {}

    async def fetch(self, name: str, key: str) -> Secret:
        """Return the value as `read` does, beside the event loop and within a bounded time.

        While its file does not answer it is the value that was read last. Raises SecretUnusable,
        also where there is none in time.
        """
        asked = (name, key)
        reading = self._under_way.get(asked) or self._begin(asked)
        last = self._last.get(asked)
        patience = _FIRST_SECONDS if last is None else _PATIENCE_SECONDS
        left = max(0.0, reading.began_monotonic + patience - monotonic())
        done, _ = await asyncio.wait({reading.future}, timeout=left)
        if done:
            return reading.future.result()
        if last is None:
            raise _wrong(name, key, "cannot be read in time")
        return last

    def _begin(self, asked: tuple[str, str]) -> _Reading:
        """Read a secret, once at a time whoever asks for it."""
        future = asyncio.get_running_loop().run_in_executor(_READS, self.read, *asked)
        self._under_way[asked] = reading = _Reading(future, monotonic())
        future.add_done_callback(partial(self._ended, asked))
        return reading

    def _ended(self, asked: tuple[str, str], future: "asyncio.Future[Secret]") -> None:
        del self._under_way[asked]
        self._last.pop(asked, None)
        if not future.cancelled() and future.exception() is None:
            self._last[asked] = future.result()

    def read(self, name: str, key: str) -> Secret:
        """Return the value as a header can carry it; raises SecretUnusable naming the reference."""
        value = self._from_file(name, key)
        if value is None:
            value = self._environment.get(variable(name, key))
        if value is None:
            raise _wrong(name, key, "is not there")
        value = value.strip()
        if not _HEADER_VALUE.fullmatch(value):
            raise _wrong(name, key, "is empty or no text that a header can carry")
        return Secret(name, value)

    def _from_file(self, name: str, key: str) -> str | None:
        # A key may hold dots, and must not climb out of its secret with them.
        if name in ("", ".", "..") or key in ("", ".", "..") or "/" in name + key:
            raise _wrong(name, key, "is no secret's key")
        try:
            with (self._folder / name / key).open("rb") as file:
                return file.read(MAX_BYTES).decode()
        except UnicodeDecodeError:
            raise _wrong(name, key, "is no text") from None
        except OSError:
            return None


def variable(name: str, key: str) -> str:
    """Return the environment variable of a reference: `KURS_SECRET_RATES_API_KEY`."""
    return "KURS_SECRET_" + re.sub(r"[^A-Z0-9]", "_", f"{name}_{key}".upper())


def _wrong(name: str, key: str, what: str) -> SecretUnusable:
    return SecretUnusable(f"the key {key} of secret {name} {what}")
