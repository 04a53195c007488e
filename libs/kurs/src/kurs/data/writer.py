"""The one writer of a store: concurrent operations share a transaction, and a locked row holds none
but those that need it.

A batch that meets a lock which does not come is halved until what needs the locked row stands
alone. What it stands for (its keys) is then suspect: operations on it are refused at once for a
moment, and then tried apart, one by one, until one gets through. Everything else goes on together.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Generic, TypeVar

from sqlalchemy import Connection

from kurs.data.database import Database
from kurs.data.failures import DatabaseBlocked
from kurs.kernel.batching import Batcher, BatchMetrics
from kurs.kernel.clock import monotonic
from kurs.kernel.errors import Problem

Op = TypeVar("Op")
Result = TypeVar("Result")
Apply = Callable[[Connection, Sequence[Op]], Sequence[Result | Exception]]

_SHORT_SECONDS = 0.1
"""How long a part of a batch waits for a lock that did not come to the whole."""
_REST_SECONDS = 0.5
"""Between two attempts at what was locked."""
_FORGOTTEN_SECONDS = 30.0


class Writer(Generic[Op, Result]):
    """Puts operations into transactions.

    `apply(connection, ops)` returns a result or an exception per operation, in order. If it
    raises, the operations are tried alone, so that a bad one fails alone.

    `keys` tells what an operation locks, and its own id: operations that share none can never wait
    for each other. What is locked by others is DatabaseBlocked. `member` tells the traceparent of
    an operation that is sampled: the span of the batch's transaction links to it.
    """

    def __init__(
        self,
        database: Database,
        apply: Apply[Op, Result],
        *,
        name: str,
        keys: Callable[[Op], Collection[str]] = lambda _: (),
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

    async def submit(self, op: Op, *, expires: float | None = None) -> Result:
        """Return the operation's result; as `Batcher.submit`, and raises DatabaseUnavailable."""
        batcher = self._apart if self._suspects.any_of(self._keys(op)) else self._batcher
        return await batcher.submit(op, expires=expires)

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
            if len(ops) == 1:
                self._suspects.add(self._keys(ops[0]))
                return [error]
            return await self._halved(ops)

    async def _halved(self, ops: Sequence[Op]) -> list[Result | Exception]:
        half = len(ops) // 2
        return [*await self._part(ops[:half]), *await self._part(ops[half:])]

    async def _part(self, ops: Sequence[Op]) -> list[Result | Exception]:
        free = [op for op in ops if not self._suspects.any_of(self._keys(op))]
        if len(free) < len(ops):
            written = iter(await self._part(free) if free else ())
            known = set(map(id, free))
            return [next(written) if id(op) in known else _blocked() for op in ops]
        try:
            return list(await self._write(ops, _SHORT_SECONDS))
        except DatabaseBlocked as error:
            if len(ops) > 1:
                return await self._halved(ops)
            self._suspects.add(self._keys(ops[0]))
            return [error]
        except Exception as error:
            # What is wrong with one must not fail those that were tried with it.
            if len(ops) > 1 and not isinstance(error, Problem):
                return await self._halved(ops)
            return [error] * len(ops)

    async def _alone(self, ops: Sequence[Op]) -> Sequence[Result | Exception]:
        keys = self._keys(ops[0])
        if self._suspects.rest(keys):
            return [_blocked()] * len(ops)
        try:
            written = await self._write(ops, _SHORT_SECONDS)
        except DatabaseBlocked as error:
            self._suspects.add(keys)
            return [error] * len(ops)
        self._suspects.remove(keys)
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
    """Keys whose rows somebody else was last seen to keep, with when that was."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}

    def __bool__(self) -> bool:
        return bool(self._seen)

    def any_of(self, keys: Iterable[str]) -> bool:
        """Tell whether one of the keys was locked, and was not free since."""
        return bool(self._seen) and any(key in self._seen for key in keys)

    def rest(self, keys: Iterable[str]) -> bool:
        """Tell whether one of the keys was locked but a moment ago."""
        since = monotonic() - _REST_SECONDS
        return any(self._seen.get(key, since) > since for key in keys)

    def add(self, keys: Iterable[str]) -> None:
        """Keep that operations with these keys were locked out."""
        now = monotonic()
        old = [key for key, at in self._seen.items() if at < now - _FORGOTTEN_SECONDS]
        for key in old:
            del self._seen[key]
        self._seen.update(dict.fromkeys(keys, now))

    def remove(self, keys: Iterable[str]) -> None:
        """Keep that an operation with these keys went through."""
        for key in keys:
            self._seen.pop(key, None)


def _blocked() -> DatabaseBlocked:
    return DatabaseBlocked("somebody else keeps locked what this needs; repeat it")
