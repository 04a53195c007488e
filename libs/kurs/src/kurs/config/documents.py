"""Configuration that changes while a service runs: watch a document, swap one immutable snapshot.

The folder is a mounted ConfigMap or what the local mode writes; a poll of a few microseconds sees
either (`kurs.kernel.files`). A bad document never replaces a good one: the last good one
stays in force and `error` says what is wrong with the newer one.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from pydantic import ValidationError

from kurs.config.resources import FILE_NAME, Document, describe, digest_of, explain
from kurs.kernel.clock import MICROS, Clock, SystemClock
from kurs.kernel.files import WatchedFile
from kurs.telemetry import Telemetry, extract

MAX_BYTES = 2 * 1024 * 1024
"""More than a ConfigMap holds; a larger file is refused."""

DocumentT = TypeVar("DocumentT", bound=Document)


@dataclass(frozen=True, slots=True)
class _Reading(Generic[DocumentT]):
    """What one look at a changed file found: a document, or why there is none."""

    content: bytes = b""
    document: DocumentT | None = None
    error: str = ""
    missing: bool = False
    """Whether there was nothing to read, so that the next look asks again."""


class DocumentMemory(Protocol):
    """Keeps the last good document where it outlives the process; both may raise."""

    async def keep(self, content: bytes) -> None:
        """Keep a document, before it is applied."""
        ...

    async def last(self) -> bytes | None:
        """Return what was kept last."""
        ...


class DocumentWatcher(Generic[DocumentT]):
    """Watches `<folder>/config.json`, validates it as `model`, and holds the last good document.

    A request takes `current` once and keeps it for its whole life; documents are frozen. Reading
    and validating happen in a thread. The app's readiness is `ready`. With a `memory` a document is
    applied once it is kept there, and what is kept stands in for a first one that cannot be read.
    """

    def __init__(
        self,
        folder: Path,
        model: type[DocumentT],
        *,
        telemetry: Telemetry,
        poll_seconds: float = 0.2,
        clock: Clock | None = None,
        memory: DocumentMemory | None = None,
    ) -> None:
        self._file = WatchedFile(folder / FILE_NAME)
        self._memory = memory
        self._model = model
        self._poll_seconds = poll_seconds
        self._clock = clock or SystemClock()
        self._logger = telemetry.logger
        self._tracer = telemetry.tracer
        self._metrics = _ReloadMetrics(telemetry)
        self._subscribers: list[Callable[[DocumentT], None]] = []
        self._content = b""
        self._task: asyncio.Task[None] | None = None
        self.current: DocumentT | None = None
        self.error: str | None = None
        self.applied_at: int | None = None
        """When `current` was put in force, in microseconds since the epoch."""

    @property
    def revision(self) -> str | None:
        """The revision in force, or None before the first good document."""
        return None if self.current is None else self.current.revision

    @property
    def digest(self) -> str | None:
        """The digest of the document in force as it was read, or None before the first one."""
        return None if self.current is None else digest_of(self._content)

    @property
    def ready(self) -> bool:
        """Whether a good document has been applied."""
        return self.current is not None

    def subscribe(self, callback: Callable[[DocumentT], None]) -> None:
        """Call `callback` with the document in force, if any, and with each later one.

        It runs in the event loop just before the document becomes `current`. One that raises
        rejects the document: the others are given the last good one again.
        """
        self._subscribers.append(callback)
        if self.current is not None:
            callback(self.current)

    async def start(self) -> None:
        """Look once, so that a present document is applied on return, then keep watching."""
        await self._look()
        self._task = asyncio.create_task(self._watch(), name=f"watch {self._file.path}")

    async def close(self) -> None:
        """Stop watching; what is in force stays readable."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds)
            try:
                await self._look()
            except Exception as error:
                # The watch outlives any fault: without it a service would be stuck unnoticed.
                fault = f"{type(error).__name__}: {error}"
                if fault != self.error:
                    self._fail(fault)

    async def _look(self) -> None:
        if not self._file.changed():
            return
        reading = await asyncio.to_thread(_read, self._file.path, self._model)
        if reading.missing:
            self._file.unread()
        if reading.document is None:
            if await self._recall():
                self._refuse(reading)
        elif reading.content == self._content:
            self._settle("configuration is good again")
        elif await self._remember(reading.content):
            self._apply(reading.document, reading.content)

    async def _remember(self, content: bytes) -> bool:
        """Keep a document, if there is a memory; return whether it may be applied."""
        try:
            if self._memory is not None:
                await self._memory.keep(content)
        except Exception as error:
            self._ask_again(f"it cannot be kept: {error}")
            return False
        return True

    async def _recall(self) -> bool:
        """Apply what was kept, where nothing is in force; return False if that is to be retried."""
        if self._memory is None or self.current is not None:
            return True
        try:
            content = await self._memory.last()
        except Exception as error:
            self._ask_again(f"what was kept cannot be read: {error}")
            return False
        if content is not None:
            kept = await asyncio.to_thread(_parsed, self._file.path, content, self._model)
            if kept.document is not None:
                self._apply(kept.document, kept.content)
        return True

    def _ask_again(self, error: str) -> None:
        self._file.unread()
        if error != self.error:
            self.error = error
            self._logger.warning("configuration waits", error=error, in_force=self.revision)

    def _apply(self, document: DocumentT, content: bytes) -> None:
        previous = self.current
        with self._tracer.start_as_current_span(
            "apply configuration",
            extract(document.traceparent),
            attributes={"config.revision": document.revision},
        ):
            try:
                for callback in self._subscribers:
                    callback(document)
            except Exception as error:
                self._restore(previous)
                self._fail(f"the service rejects it: {error}")
                return
        self.current = document
        self._content = content
        self.applied_at = self._clock.now()
        self._metrics.applied(document, previous, self.applied_at)
        self.error = None
        self._logger.info(
            "configuration applied",
            revision=document.revision,
            previous=None if previous is None else previous.revision,
        )

    def _restore(self, document: DocumentT | None) -> None:
        if document is None:
            return
        for callback in self._subscribers:
            with suppress(Exception):
                callback(document)

    def _settle(self, message: str) -> None:
        if self.error is not None:
            self.error = None
            self._logger.info(message, revision=self.revision)

    def _refuse(self, reading: _Reading[DocumentT]) -> None:
        if not reading.missing:
            self._fail(reading.error)
        elif reading.error != self.error:
            # A service often starts before its first document is written; nobody need be woken.
            self.error = reading.error
            self._logger.warning("no configuration", error=self.error, in_force=self.revision)

    def _fail(self, error: str) -> None:
        self._metrics.failures.inc()
        if error != self.error:
            self.error = error
            self._logger.error("configuration refused", error=error, in_force=self.revision)


class _ReloadMetrics:
    """What Prometheus learns of reloads. Label values are the configured resources, no others."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._generation = telemetry.gauge(
            "kurs_config_applied_generation",
            "Generation of each resource in the configuration in force",
            ("kind", "name"),
        )
        self._success = telemetry.gauge(
            "kurs_config_reload_success_timestamp_seconds",
            "When the configuration in force was applied",
        )
        self.failures = telemetry.counter(
            "kurs_config_reload_failures_total", "Configurations that were refused"
        )

    def applied(self, document: Document, previous: Document | None, at: int) -> None:
        """Show `document` in place of `previous`; `at` is in microseconds."""
        for kind, name in _names(previous) - _names(document):
            self._generation.remove(kind, name)
        for source in document.sources:
            self._generation.labels(source.kind, source.name).set(source.generation)
        self._success.set(at / MICROS)


def _names(document: Document | None) -> set[tuple[str, str]]:
    return {(source.kind, source.name) for source in document.sources} if document else set()


def _read(file: Path, model: type[DocumentT]) -> _Reading[DocumentT]:
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        return _Reading(error=f"{file}: {error.strerror}", missing=True)
    if len(content) > MAX_BYTES:
        return _Reading(error=f"{file} has more than {MAX_BYTES} bytes")
    return _parsed(file, content, model)


def _parsed(file: Path, content: bytes, model: type[DocumentT]) -> _Reading[DocumentT]:
    try:
        return _Reading(content, model.model_validate_json(content))
    except ValidationError as error:
        findings = "; ".join(describe(finding) for finding in explain(error, model))
        return _Reading(error=f"{file}: {findings}")
    except Exception as error:
        # Read again at each look, it would fail again and tell nobody.
        return _Reading(error=f"{file}: cannot be read: {type(error).__name__}")
