"""`python -m devstack dev` and `python -m devstack demo`: the gateway on this machine."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from devstack.demo import run_demo
from devstack.dev import run_dev
from devstack.errors import StackError
from devstack.interrupts import Interrupted, raise_on_signals
from devstack.topology import DEFAULT_PORT

MAX_CONCURRENCY = 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Ctrl-C and SIGTERM are how `dev` ends, with 0; a demo that they end has failed.
    """
    chosen = _parser().parse_args(arguments)
    raise_on_signals()
    try:
        if chosen.command == "dev":
            _dev(chosen)
        else:
            _demo(chosen)
    except (StackError, OSError) as error:
        print(f"{chosen.command}: {error}", file=sys.stderr)
        return 1
    except Interrupted as interrupted:
        if chosen.command == "dev":
            return 0
        print(f"{chosen.command}: interrupted; everything is stopped", file=sys.stderr)
        return interrupted.exit_code
    return 0


def _dev(chosen: argparse.Namespace) -> None:
    run_dev(
        Console(),
        folder=chosen.folder,
        first_port=chosen.port,
        database=chosen.database,
        reload=chosen.reload,
    )


def _demo(chosen: argparse.Namespace) -> None:
    run_demo(
        Console(),
        count=chosen.count,
        seed=chosen.seed,
        concurrency=chosen.concurrency,
        folder=chosen.folder,
        first_port=chosen.port,
        database=chosen.database,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devstack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    dev = commands.add_parser("dev", help="run the five services, restart what changes")
    dev.add_argument("--folder", type=Path, default=Path("var"), help="databases, keys and logs")
    dev.add_argument("--no-reload", dest="reload", action="store_false")
    demo = commands.add_parser("demo", help="pay sample payments through the gateway, then stop")
    demo.add_argument("--folder", type=Path, default=Path("var/demo"), help="emptied first")
    demo.add_argument("-n", "--count", type=int, default=1000, help="payments (default 1000)")
    demo.add_argument("--seed", type=int, default=7, help="of the sample payments (default 7)")
    demo.add_argument("--concurrency", type=_concurrency, default=32, help="requests at a time")
    for command in (dev, demo):
        command.add_argument("--port", type=_port, default=DEFAULT_PORT, help="of the gateway")
        command.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65_531:
        raise argparse.ArgumentTypeError("the first of five ports, from 1 to 65531")
    return int(text)


def _concurrency(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MAX_CONCURRENCY:
        raise argparse.ArgumentTypeError(f"a number from 1 to {MAX_CONCURRENCY}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
