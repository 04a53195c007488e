"""`python -m loadtest.changes`: how soon payments flow again after each change of the primary.

A gateway of processes on a PostgreSQL that a second one follows, with synchronous replication. The
primary is killed and ends in order, in turns; after a while without any, the other one takes its
place, and the next follows that. Clients pay all the time, and afterwards all is added up: it ends
with 1 if anything was lost, or moved twice.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

from devstack import Stack
from loadtest.arguments import amount_to, count_from
from loadtest.faults import server_of
from loadtest.load import Account, Load
from loadtest.primary import Pair, followed

_WORKERS = 8
_BETWEEN = 50
"""Payments from one change to the next."""
_POLL_SECONDS = 0.01
_PATIENCE_SECONDS = 120.0
_LONGEST_OUTAGE_SECONDS = 30.0
"""Half of what a client repeats a payment for."""


class Change(NamedTuple):
    """How long the primary's place was empty, and from there to a payment."""

    planned: bool
    outage_seconds: float
    seconds: float


def measure(stack: Stack, changes: int, outage_seconds: float) -> tuple[list[Change], Account]:
    """Change the primary under load, and return how it went and what it all came to."""
    with (
        followed(*asyncio.run(server_of(stack))) as pair,
        Load(
            stack.url("api-gateway"), stack.api_key(), "heirs", workers=_WORKERS, repeat=True
        ) as load,
    ):
        seen = []
        for number in range(changes):
            if number:
                pair.follow()
            _wait_for(load, _BETWEEN)
            seen.append(_change(pair, load, outage_seconds, planned=number % 2 == 1))
        return seen, load.finish()


def _change(pair: Pair, load: Load, outage_seconds: float, *, planned: bool) -> Change:
    began = time.monotonic()
    promoted = pair.switch(planned=planned, outage_seconds=outage_seconds)
    _wait_for(load, 1)
    return Change(planned, promoted - began, time.monotonic() - promoted)


def _wait_for(load: Load, more: int) -> None:
    """Wait until some more payments are final; raises TimeoutError."""
    enough, ends = load.count + more, time.monotonic() + _PATIENCE_SECONDS
    while load.count < enough:
        if time.monotonic() > ends:
            raise TimeoutError(f"no {more} payments within {_PATIENCE_SECONDS:g} s")
        time.sleep(_POLL_SECONDS)


def _table(changes: Sequence[Change]) -> str:
    lines = [
        "| change | seconds without a primary | from there to a payment |",
        "| --- | ---: | ---: |",
    ]
    for planned, outage, seconds in changes:
        how = "switched" if planned else "killed"
        lines.append(f"| {how} | {outage:.1f} | {seconds:.2f} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and exit."""
    parser = argparse.ArgumentParser("python -m loadtest.changes", description=__doc__)
    parser.add_argument("--changes", type=count_from(1, 100), default=10, help="how many (10)")
    parser.add_argument(
        "--outage",
        type=amount_to(_LONGEST_OUTAGE_SECONDS),
        default=5.0,
        metavar="SECONDS",
        help="without a primary (5)",
    )
    options = parser.parse_args(arguments)
    with Stack(database="postgresql") as stack:
        changes, account = measure(stack, options.changes, options.outage)
    sys.stdout.write(f"{_table(changes)}\n")
    sys.stdout.write(f"{len(account.results)} payments, {account.repeated} of them repeated\n")
    if account.faults:
        sys.exit("\n".join(account.faults))
    sys.stdout.write("nothing was lost, nothing moved twice\n")


if __name__ == "__main__":
    main()
