"""Runs a service with a part of it left out, to measure what that part costs.

    python -m loadtest.turns.without trust wallet

No service has a switch for that, and this package is in no image: functions are replaced before
the service runs. Whoever reaches a service that runs so can do anything in it.
"""

import runpy
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableSequence, Sequence
from importlib import import_module
from random import getrandbits
from typing import Any, NamedTuple

from kurs.edges.mac import Proof
from kurs.quotes.keys import SIGNATURE_BYTES
from kurs.quotes.token import read_token


class Left(NamedTuple):
    """A function by `module:name`, what stands in its place, and in which services if not in all.

    A function that others import by name is named where it is used.
    """

    name: str
    by: Callable[..., Any]
    services: tuple[str, ...] = ()

    def find(self) -> tuple[object, str]:
        """Return what holds the function, and under which name; raises AttributeError."""
        module, _, path = self.name.partition(":")
        *outer, name = path.split(".")
        holder: object = import_module(module)
        for each in outer:
            holder = getattr(holder, each)
        getattr(holder, name)
        return holder, name


class _Unguarded:
    """What is asked of the guard of edges, which lets all pass."""

    def __init__(self, app: Callable[..., Awaitable[None]], **_: object) -> None:
        self._app = app

    async def __call__(self, scope: dict[str, Any], *channels: object) -> None:
        # Of a payment that names neither an id nor a key it is the id.
        request_id = f"{getrandbits(64):x}".encode()
        scope["kurs.edge"] = Proof("", request_id, b"", None, None)
        await self._app(scope, *channels)


def _nothing(*_: object, **__: object) -> None: ...


async def _no_look(*_: object) -> None: ...


def _no_writes(*_: object) -> MutableSequence[object]:
    return []


def _no_tree(leaves: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    return b"", [b""] * len(leaves)


def _no_hash(_: bytes) -> bytes:
    return b""


def _no_signature(*_: object) -> bytes:
    return bytes(SIGNATURE_BYTES)


def _unverified(_: object, token: str) -> object:
    return read_token(token)


_EDGES = (
    # MACs, hashes of bodies, and which edge may call which route.
    Left("kurs.edges.mac:Signer.sign", _nothing),
    Left("kurs.edges.joined:EdgeGuard", _Unguarded),
)
_QUOTES = (
    # The trees of a batch and their signature, and what the wallet looks at.
    Left("kurs.quotes.keys:SigningKey.sign", _no_signature),
    Left("kurs.quotes.token:leaf_hash", _no_hash),
    Left("kurs.quotes.token:tree", _no_tree),
    Left("kurs.quotes.token:QuoteVerifier.verify", _unverified, ("payments",)),
    Left("kurs.quotes.token:QuoteVerifier.verify", _nothing, ("wallet",)),
    Left("wallet.domain.evaluate:check_quoted", _nothing, ("wallet",)),
    Left("wallet.domain.evaluate:check_captured", _nothing, ("wallet",)),
    Left("wallet.domain.evaluate:check_unquoted", _nothing, ("wallet",)),
)
_CHAINS = (
    # The digests of transfers, the links, and who reads them.
    Left("wallet.store.batch:linking", _no_writes, ("wallet",)),
    Left("payments.reconciliation.ledger_reader:LedgerReader.look", _no_look, ("payments",)),
)
PARTS: Mapping[str, Sequence[Left]] = {
    "trust": (*_EDGES, *_QUOTES, *_CHAINS),
    "edges": _EDGES,
    "quotes": _QUOTES,
    "chains": _CHAINS,
}
"""What is left out by the name of the part; trust is the three others together."""


def run_by(part: str) -> tuple[str, ...]:
    """Return what `devstack.Stack` is told to run its services by."""
    return (__name__, part)


def leave_out(part: str, service: str) -> None:
    """Replace the functions of a part in this process, which is to run that service."""
    for left in PARTS[part]:
        if not left.services or service in left.services:
            holder, name = left.find()
            setattr(holder, name, left.by)


def main(arguments: Sequence[str]) -> None:
    """Run a service as `python -m` does, without a part."""
    part, service, *rest = arguments
    leave_out(part, service)
    sys.argv = [service, *rest]
    runpy.run_module(service, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
