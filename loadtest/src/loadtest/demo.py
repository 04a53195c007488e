"""`python -m loadtest.demo`: starts the gateway, pays sample payments, shows what came of them.

Every payment must get its final status, the one that its row demands, and every currency must sum
to zero over the ledger. Everything that it starts is stopped.
"""

import argparse
import asyncio
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from devstack.attending import Attendant
from devstack.dev import LOOK_SECONDS, welcome
from devstack.errors import StackError
from devstack.interrupts import Interrupted, raise_on_signals, run_interruptible
from devstack.orders import taking_orders
from devstack.ports import first_port
from devstack.stack import DatabaseKind, Stack
from devstack.topology import DEFAULT_PORT, GATEWAY, ports_from
from kurs.kernel.files import own_what_is_made
from loadtest.client import GatewayClient, GatewayError
from loadtest.dummygen import generate
from loadtest.life import live
from loadtest.replay import concurrency_in, prepare_and_replay, rate_in
from loadtest.report import print_ledger, print_summary, verdict
from loadtest.rows import Row, write_rows
from loadtest.summary import unbalanced

_MARK = ".kurs-demo"
_LIVELY = 16
"""Requests at a time while the demo stays."""
_KEPT = {"KURS_HOLD_SECONDS": "600", "KURS_EXCHANGE_HOLD_SECONDS": "120"}
"""While it stays, one sees holds and reviews run out."""
_NEXT = "Next: make demo KEEP=1 leaves it running with life in it, make dev to try it by hand."
_ALIVE = """\
  From here on {rate:g} payments a second are made, held, captured, voided, refunded and put under
  review. Holds and reviews that nobody ends run out: after 2 minutes across currencies, else 10.
  Next: sign in to the console with the key, open a payment to see its story, decide what waits
  under "Reviews"."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    chosen = _parser().parse_args(arguments)
    raise_on_signals()
    try:
        run_demo(
            Console(),
            count=chosen.count,
            seed=chosen.seed,
            concurrency=chosen.concurrency,
            folder=chosen.folder,
            port=chosen.port,
            database=chosen.database,
            rate=chosen.rate if chosen.keep else 0.0,
        )
    except (StackError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except Interrupted as interrupted:
        print("demo: interrupted; everything is stopped", file=sys.stderr)
        return interrupted.exit_code
    return 0


def run_demo(
    console: Console,
    *,
    count: int,
    seed: int,
    concurrency: int,
    folder: Path,
    port: int,
    database: DatabaseKind,
    rate: float = 0.0,
) -> None:
    """Run the demo; raises StackError for all that keeps it from ending well.

    With a `rate` it stays, and so many payments a second go on until a signal comes.
    """
    rows = _payments(count, seed)
    _clear(folder)
    write_rows(folder / "payments.csv", rows)
    stack = Stack(
        folder=folder,
        ports=ports_from(port),
        database=database,
        environment=_KEPT if rate else {},
    )
    console.print("Starting the six services …")
    try:
        stack.start(on_ready=lambda name: console.print(f"  {name} is ready", highlight=False))
        complaint = run_interruptible(_pay(console, stack, rows, concurrency))
        if complaint:
            raise StackError(complaint)
        ended = "Every payment ended as it must, and every currency sums to zero."
        console.print(ended, style="green")
        if rate:
            with taking_orders(folder):
                for text in (_ALIVE.format(rate=rate), welcome(stack)):
                    console.print(text, highlight=False, markup=False, soft_wrap=True)
                run_interruptible(_stay(stack, rows, rate, Attendant(console, stack)))
        else:
            console.print(_NEXT, highlight=False)
    except GatewayError as error:
        raise StackError(str(error)) from error
    finally:
        stack.stop()


async def _stay(stack: Stack, rows: Sequence[Row], rate: float, attendant: Attendant) -> None:
    async with GatewayClient(stack.url(GATEWAY), stack.api_key(), _LIVELY) as client:
        await asyncio.gather(live(client, rows, rate=rate, run="L"), _attend(attendant))


async def _attend(attendant: Attendant) -> None:
    while True:
        # To restart a service takes as long as that takes to end.
        await asyncio.to_thread(attendant.look)
        await asyncio.sleep(LOOK_SECONDS)


async def _pay(console: Console, stack: Stack, rows: Sequence[Row], concurrency: int) -> str:
    async with GatewayClient(stack.url(GATEWAY), stack.api_key(), concurrency) as client:
        summary = await prepare_and_replay(
            console, client, rows, concurrency=concurrency, preparing=True
        )
        ledger = (await client.get("/ledger/trial-balance")).document
    print_summary(console, summary)
    print_ledger(console, ledger)
    return verdict(summary, unbalanced(ledger))


def _payments(count: int, seed: int) -> list[Row]:
    try:
        return generate(count, seed)
    except ValueError as error:
        raise StackError(str(error)) from error


def _clear(folder: Path) -> None:
    """Empty the folder of an earlier demo, so that this one pays anew; never another folder."""
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise StackError(f"{folder} is not a demo's folder: choose another with `--folder`")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtest.demo", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("var/demo"), help="emptied first")
    parser.add_argument("-n", "--count", type=int, default=1000, help="payments (default 1000)")
    parser.add_argument("--seed", type=int, default=7, help="of the sample payments (default 7)")
    parser.add_argument("--concurrency", type=concurrency_in, default=32, help="requests at a time")
    parser.add_argument("--port", type=first_port, default=DEFAULT_PORT, help="of the gateway")
    parser.add_argument("--keep", action="store_true", help="stay, with payments going on")
    parser.add_argument("--rate", type=rate_in, default=5.0, help="payments a second then")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    return parser


if __name__ == "__main__":
    own_what_is_made()
    sys.exit(main())
