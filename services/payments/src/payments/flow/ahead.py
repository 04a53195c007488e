"""What a transaction has begun, told to its wave before the commit: services are asked beside it.

By then nobody else can begin the same: another process waits for this transaction, and repeats and
conflicts are told apart. So what is asked is asked about nothing that is refused. Only the commit
may still fail, and then whoever repeats the request is the one that it was asked about.
"""

import asyncio
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from payments.domain.beginning import Started
from payments.store.ops import Op
from payments.store.writes import Written, apply


class Foreseen:
    """Waits for what a wave begins; `started` are those that did, each with its place."""

    def __init__(self) -> None:
        self.started: asyncio.Future[list[tuple[int, Started]]] = (
            asyncio.get_running_loop().create_future()
        )
        self.ops: Sequence[Op] = ()
        """What is written, in the order of the wave."""

    def tell(self, begun: Mapping[int, Started]) -> None:
        """Take in what a transaction has begun, by the identity of what was asked of it."""
        mine = [(i, begun[id(op)]) for i, op in enumerate(self.ops) if id(op) in begun]
        if mine and not self.started.done():
            self.started.set_result(mine)


class Foresight:
    """Applies what is to be written, and tells the waves that wait what it has begun."""

    def __init__(self) -> None:
        self._waiting: list[Foreseen] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def expect(self, foreseen: Foreseen, ops: Sequence[Op]) -> None:
        """Tell it what becomes of `ops`, until it is forgotten."""
        self._loop = asyncio.get_running_loop()
        foreseen.ops = ops
        self._waiting.append(foreseen)

    def forget(self, foreseen: Foreseen) -> None:
        """Tell it nothing more."""
        self._waiting.remove(foreseen)

    def apply(self, connection: Connection, ops: Sequence[Op]) -> Sequence[Written | Exception]:
        """Apply a batch inside its transaction, as the last thing before the commit."""
        results = apply(connection, ops)
        begun = [
            (op, result)
            for op, result in zip(ops, results, strict=True)
            if isinstance(result, Started)
        ]
        if begun and self._loop is not None:
            # The store of SQLite runs in a thread of its own.
            self._loop.call_soon_threadsafe(self._tell, begun)
        return results

    def _tell(self, begun: Sequence[tuple[Op, Started]]) -> None:
        # Whoever holds these holds their identities, which are nobody else's meanwhile.
        by_identity = {id(op): started for op, started in begun}
        for foreseen in self._waiting:
            foreseen.tell(by_identity)
