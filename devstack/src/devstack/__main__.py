"""`python -m devstack`: the gateway on this machine, until Ctrl-C."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from devstack.dev import run_dev
from devstack.errors import StackError
from devstack.interrupts import Interrupted, raise_on_signals
from devstack.ports import first_port
from devstack.topology import DEFAULT_PORT
from kurs.kernel.files import own_what_is_made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: Ctrl-C and SIGTERM are how it ends, with 0."""
    chosen = _parser().parse_args(arguments)
    raise_on_signals()
    try:
        run_dev(
            Console(),
            folder=chosen.folder,
            first_port=chosen.port,
            database=chosen.database,
            reload=chosen.reload,
            observed=chosen.observed,
        )
    except (StackError, OSError) as error:
        print(f"dev: {error}", file=sys.stderr)
        return 1
    except Interrupted:
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devstack", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("var"), help="databases, keys and logs")
    parser.add_argument("--no-reload", dest="reload", action="store_false")
    parser.add_argument("--port", type=first_port, default=DEFAULT_PORT, help="of the gateway")
    parser.add_argument(
        "--observed", action="store_true", help="with Prometheus, Grafana and Tempo beside it"
    )
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    return parser


if __name__ == "__main__":
    own_what_is_made()
    sys.exit(main())
