"""`python -m devstack dev`: runs the gateway on this machine for somebody who works on it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from devstack.dev import run_dev
from devstack.errors import StackError
from devstack.interrupts import Interrupted, raise_on_signals
from devstack.topology import DEFAULT_PORT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; Ctrl-C and SIGTERM end `dev` with 0."""
    chosen = _parser().parse_args(arguments)
    raise_on_signals()
    try:
        run_dev(
            Console(),
            folder=chosen.folder,
            first_port=chosen.port,
            database=chosen.database,
            reload=chosen.reload,
        )
    except StackError as error:
        print(f"devstack: {error}", file=sys.stderr)
        return 1
    except Interrupted:
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devstack", description=__doc__)
    commands = parser.add_subparsers(required=True)
    dev = commands.add_parser("dev", help="run the five services, restart what changes")
    dev.add_argument("--folder", type=Path, default=Path("var"), help="databases, keys and logs")
    dev.add_argument("--port", type=int, default=DEFAULT_PORT, help="of the gateway; +1 to +4 too")
    dev.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    dev.add_argument("--no-reload", dest="reload", action="store_false")
    return parser


if __name__ == "__main__":
    sys.exit(main())
