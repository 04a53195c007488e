"""The one writer of a store: concurrent operations share a transaction, and a locked row holds none
but those that need it.

A batch that meets a lock which does not come is halved until what needs the locked row stands
alone. Its keys are then suspect: operations with one of them are tried apart, one by one, until one
gets through. A key that several were locked out by is taken for the locked one, and for a moment
what needs it is refused at once. Everything else goes on together. Which key it was is guessed,
except of those that tell it themselves (ToldKey).
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from sqlalchemy import Connection

from kurs.data.database import Database
from kurs.data.failures import DatabaseBlocked, DatabaseUnavailable
from kurs.kernel.batching import Batcher, BatchMetrics
from kurs.kernel.clock import monotonic

Op = TypeVar("Op")
Result = TypeVar("Result")
Apply = Callable[[Connection, Sequence[Op]], Sequence[Result | Exception]]

_SHORT_SECONDS = 0.1
"""How long a part of a batch waits for a lock that did not come to the whole."""
_REST_SECONDS = 0.5
"""Between two attempts at what was locked."""
_PROOF_SECONDS = 5.0
"""How long a key that something got through with is not taken for the locked one."""
_FORGOTTEN_SECONDS = 30.0


class ToldKey(str):
    """A key of a lock that raises LockedOut when it does not come: nobody has to guess at it."""

    __slots__ = ()


class Writer(Generic[Op, Result]):
    """Puts operations into transactions.

    `apply(connection, ops)` returns a result or an exception per operation, in order. If it
    raises, the operations are tried alone, so that a bad one fails alone.

    `keys` tells an operation's own id, then what else it locks: operations that share none can
    never wait for each other. What is locked by others is DatabaseBlocked. `member` tells the
    traceparent of an operation that is sampled: the span of the batch's transaction links to it.
    """

    def __init__(
        self,
        database: Database,
        apply: Apply[Op, Result],
        *,
        name: str,
        keys: Callable[[Op], Sequence[str]] = lambda _: (),
        member: Callable[[Op], str | None] = lambda _: None,
        metrics: BatchMetrics | None = None,
        max_batch: int = 500,
        max_queue: int = 10_000,
    ) -> None:
        self._database = database
        self._apply = apply
        self._keys = keys
        self._member = member
        self._suspects = _Suspects()
        self._batcher: Batcher[Op, Result] = Batcher(
            self._together,
            name=name,
            max_batch=max_batch,
            max_queue=max_queue,
            isolate=True,
            lanes=database.lanes,
            metrics=metrics,
        )
        self._apart: Batcher[Op, Result] = Batcher(
            self._alone, name=f"{name}-apart", max_batch=1, max_queue=max_queue, metrics=metrics
        )

    async def submit(self, op: Op, *, expires_monotonic: float | None = None) -> Result:
        """Return the operation's result; as `Batcher.submit`, and raises DatabaseUnavailable."""
        apart = bool(self._suspects) and self._suspects.any_of(self._keys(op))
        batcher = self._apart if apart else self._batcher
        return await batcher.submit(op, expires_monotonic=expires_monotonic)

    async def submit_many(self, ops: Sequence[Op]) -> list[Result | Exception]:
        """Return one result or exception per operation, in order; as `Batcher.submit_many`."""
        if not self._suspects:
            return await self._batcher.submit_many(ops)
        apart = {i for i, op in enumerate(ops) if self._suspects.any_of(self._keys(op))}
        if not apart:
            return await self._batcher.submit_many(ops)
        rest = [op for i, op in enumerate(ops) if i not in apart]
        others, *alone = await asyncio.gather(
            self._batcher.submit_many(rest), *(self._apart.submit_many((ops[i],)) for i in apart)
        )
        together = iter(others)
        single = dict(zip(apart, (results[0] for results in alone), strict=True))
        return [single[i] if i in single else next(together) for i in range(len(ops))]

    async def close(self) -> None:
        """Wait until everything that waits has been written."""
        await self._batcher.close()
        await self._apart.close()

    async def _together(self, ops: Sequence[Op]) -> Sequence[Result | Exception]:
        try:
            return await self._write(ops, None)
        except DatabaseBlocked as error:
            self._blame(error, ops)
            return [error] if len(ops) == 1 else await self._halved(ops)

    def _blame(self, error: DatabaseBlocked, ops: Sequence[Op]) -> None:
        if error.key is not None:
            self._suspects.tell(error.key)
        elif len(ops) == 1:
            self._suspects.blame(self._keys(ops[0]))

    async def _halved(self, ops: Sequence[Op]) -> list[Result | Exception]:
        half = len(ops) // 2
        return [*await self._part(ops[:half]), *await self._part(ops[half:])]

    async def _part(self, ops: Sequence[Op]) -> list[Result | Exception]:
        if len(ops) > 1 and any(self._suspects.any_of(self._keys(op)) for op in ops):
            return await self._halved(ops)
        if len(ops) == 1:
            return list(await self._alone(ops))
        try:
            written = list(await self._write(ops, _SHORT_SECONDS))
        except DatabaseBlocked as error:
            self._blame(error, ops)
            return await self._halved(ops)
        except DatabaseUnavailable as error:
            return [error] * len(ops)
        except Exception:
            # What is wrong with one must not fail those that were tried with it.
            return await self._halved(ops)
        for op in ops:
            self._suspects.clear(self._keys(op))
        return written

    async def _alone(self, ops: Sequence[Op]) -> Sequence[Result | Exception]:
        keys = self._keys(ops[0])
        if self._suspects.is_locked(keys):
            return [_blocked()]
        try:
            written = await self._write(ops, _SHORT_SECONDS)
        except DatabaseBlocked as error:
            self._blame(error, ops)
            return [error]
        except Exception as error:
            return [error]
        self._suspects.clear(keys)
        return written

    async def _write(
        self, ops: Sequence[Op], lock_seconds: float | None
    ) -> Sequence[Result | Exception]:
        database, telemetry = self._database, self._database.telemetry
        members = [traceparent for op in ops if (traceparent := self._member(op))]
        if not members or telemetry is None:
            return await database.write(lambda c: self._apply(c, ops), lock_seconds=lock_seconds)
        with telemetry.batch_span(f"{telemetry.service} transaction", members) as span:
            span.set_attribute("kurs.batch.size", len(ops))
            return await database.write(lambda c: self._apply(c, ops), lock_seconds=lock_seconds)


class _Suspects:
    """Keys by which operations were locked out, and which of them it was as far as is known."""

    def __init__(self) -> None:
        self._blamed: dict[str, dict[str, float]] = {}
        """When, by key and by the id of the operation that was locked out."""
        self._proven: dict[str, float] = {}
        """When something last got through with a key."""

    def __bool__(self) -> bool:
        return bool(self._blamed)

    def any_of(self, keys: Iterable[str]) -> bool:
        """Tell whether one of the keys may be locked."""
        return bool(self._blamed) and any(key in self._blamed for key in keys)

    def is_locked(self, keys: Sequence[str]) -> bool:
        """Tell whether one of the keys was locked but a moment ago, as far as is known."""
        since = monotonic() - _REST_SECONDS
        for key in keys:
            by = self._blamed.get(key, {})
            if (len(by) > 1 or key in by) and max(by.values()) > since:
                return True
        return False

    def blame(self, keys: Sequence[str]) -> None:
        """Keep that an operation with these keys was locked out.

        By which of them it does not say: those that something got through with are the last, and
        one that tells it itself it was not.
        """
        keys = [key for key in keys if not isinstance(key, ToldKey)]
        now = monotonic()
        self._forget(now - _FORGOTTEN_SECONDS)
        proven = now - _PROOF_SECONDS
        free = {key for key in keys[1:] if self._proven.get(key, proven) > proven}
        for key in keys[:1] if len(free) == len(keys) - 1 else keys:
            if key not in free:
                self._blamed.setdefault(key, {})[keys[0]] = now

    def tell(self, key: str) -> None:
        """Keep that this very key was locked."""
        now = monotonic()
        self._forget(now - _FORGOTTEN_SECONDS)
        self._blamed.setdefault(key, {})[key] = now

    def clear(self, keys: Iterable[str]) -> None:
        """Keep that an operation with these keys got through."""
        now = monotonic()
        for key in keys:
            self._blamed.pop(key, None)
            self._proven[key] = now

    def _forget(self, before: float) -> None:
        self._proven = {key: at for key, at in self._proven.items() if at > before}
        kept = {key: max(by.values()) for key, by in self._blamed.items()}
        for key, at in kept.items():
            if at < before:
                del self._blamed[key]


def _blocked() -> DatabaseBlocked:
    return DatabaseBlocked("somebody else keeps locked what this needs; repeat it")
