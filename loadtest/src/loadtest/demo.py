"""The demo: starts the gateway, makes 1,000 payments through it, shows what came of them.

It exits with 0 only if every payment got its final status, the one that its row demands, and
every currency sums to zero over the ledger. Everything it starts is stopped.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop
from rich.console import Console

from devstack import Stack, StackError
from devstack.interrupts import Interrupted, raise_on_signals
from devstack.topology import DEFAULT_PORT, GATEWAY, ports_from
from loadtest.client import GatewayClient, GatewayError
from loadtest.dummygen import generate
from loadtest.replay import prepare_and_replay
from loadtest.report import print_ledger, print_summary, verdict
from loadtest.rows import Row, write_rows
from loadtest.summary import unbalanced

_MARK = ".kurs-demo"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit code."""
    chosen = _parser().parse_args(arguments)
    console = Console()
    raise_on_signals()
    try:
        complaint = _demo(console, chosen)
    except (StackError, GatewayError, OSError, ValueError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except Interrupted as interrupted:
        print("demo: interrupted; everything is stopped", file=sys.stderr)
        return interrupted.exit_code
    if complaint:
        print(f"demo: {complaint}", file=sys.stderr)
        return 1
    console.print("Every payment ended as it must, and every currency sums to zero.", style="green")
    return 0


def _demo(console: Console, chosen: argparse.Namespace) -> str:
    rows = generate(chosen.count, chosen.seed)
    _clear(chosen.folder)
    write_rows(chosen.folder / "payments.csv", rows)
    stack = Stack(folder=chosen.folder, ports=ports_from(chosen.port), database=chosen.database)
    console.print("Starting the five services …")
    try:
        stack.start(on_ready=lambda name: console.print(f"  {name} is ready", highlight=False))
        return uvloop.run(_pay(console, stack, rows, chosen.concurrency))
    finally:
        stack.stop()


async def _pay(console: Console, stack: Stack, rows: Sequence[Row], concurrency: int) -> str:
    async with GatewayClient(stack.url(GATEWAY), stack.api_key(), concurrency) as client:
        summary = await prepare_and_replay(
            console, client, rows, concurrency=concurrency, preparing=True
        )
        ledger = (await client.get("/ledger/trial-balance")).document
    print_summary(console, summary)
    print_ledger(console, ledger)
    return verdict(summary, unbalanced(ledger))


def _clear(folder: Path) -> None:
    """Empty the folder of an earlier demo, so that this one pays anew; never another folder."""
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise StackError(f"{folder} is not a demo's folder: choose another with `--folder`")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="demo", description="Pay sample payments end to end.")
    parser.add_argument("-n", "--count", type=int, default=1000, help="payments (default 1000)")
    parser.add_argument("--seed", type=int, default=7, help="of the sample payments")
    parser.add_argument("--concurrency", type=int, default=32, help="requests at a time")
    parser.add_argument("--folder", type=Path, default=Path("var/demo"), help="emptied first")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="of the gateway")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    return parser


if __name__ == "__main__":
    sys.exit(main())
