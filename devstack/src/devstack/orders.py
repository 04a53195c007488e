"""What a person asks of a running `make dev` from another terminal: a file per order.

python -m devstack.orders kill wallet        # SIGKILL, as if the machine took it
python -m devstack.orders freeze wallet      # SIGSTOP: it hangs, and answers nothing
python -m devstack.orders resume wallet
python -m devstack.orders restart wallet
"""

import argparse
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from devstack.stack import Stack
from devstack.topology import OPERATOR, SERVICES
from kurs.kernel.files import own_what_is_made

_RESTART = "restart"
_SIGNALS: Final[Mapping[str, int]] = {
    "kill": signal.SIGKILL,
    "freeze": signal.SIGSTOP,
    "resume": signal.SIGCONT,
}
_FOLDER = "orders"


class Order(NamedTuple):
    """One thing to do with one service."""

    action: str
    service: str


def take_orders(folder: Path) -> Iterator[Order]:
    """Yield the orders that came to the stack in `folder`; each is given once."""
    for file in sorted((folder / _FOLDER).glob("*.*")):
        file.unlink(missing_ok=True)
        service, _, action = file.name.rpartition(".")
        yield Order(action, service)


def carry_out(order: Order, stack: Stack) -> None:
    """Do it; an order that names nothing of the stack does nothing."""
    if order.service not in stack.processes:
        return
    if order.action == _RESTART:
        # A frozen one takes no SIGTERM.
        stack.kill(order.service, signal.SIGCONT)
        stack.restart(order.service, wait=False)
    elif order.action in _SIGNALS:
        stack.kill(order.service, _SIGNALS[order.action])


def main(arguments: Sequence[str] | None = None) -> int:
    """Leave an order where the stack looks for it; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m devstack.orders", description=__doc__)
    parser.add_argument("action", choices=(*_SIGNALS, _RESTART))
    parser.add_argument("service", choices=(*(s.name for s in SERVICES), OPERATOR))
    parser.add_argument("--folder", type=Path, default=Path("var"), help="that of `make dev`")
    chosen = parser.parse_args(arguments)
    folder = chosen.folder / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{chosen.service}.{chosen.action}").touch()
    return 0


if __name__ == "__main__":
    own_what_is_made()
    sys.exit(main())
