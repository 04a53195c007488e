"""What a person asks of a running stack from another terminal: a file per order.

Who takes orders holds a lock in the folder: an order to nobody is refused, and none is left lying.

python -m devstack.orders kill wallet        # SIGKILL, as if the machine took it
python -m devstack.orders freeze wallet      # SIGSTOP: it hangs, and answers nothing
python -m devstack.orders resume wallet
python -m devstack.orders restart wallet
"""

import argparse
import fcntl
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
_FOLDERS = (Path("var"), Path("var/demo"))
"""Those of `make dev` and `make demo KEEP=1`: who runs is meant."""


class Order(NamedTuple):
    """One thing to do with one service."""

    action: str
    service: str


@contextmanager
def taking_orders(folder: Path) -> Iterator[None]:
    """Say to other terminals that orders to the stack in `folder` are taken; old ones are none."""
    place = folder / _FOLDER
    place.mkdir(parents=True, exist_ok=True)
    handle = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        list(take_orders(folder))
        yield
    finally:
        os.close(handle)


def are_taken(folder: Path) -> bool:
    """Tell whether somebody takes the orders to the stack in `folder`."""
    try:
        handle = os.open(folder / _FOLDER, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


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
    parser.add_argument("--folder", type=Path, help="of the stack, if not that of make")
    chosen = parser.parse_args(arguments)
    named = (chosen.folder,) if chosen.folder else _FOLDERS
    folder = next(filter(are_taken, named), None)
    if folder is None:
        print(
            f"{chosen.action}: nothing runs in {' or '.join(map(str, named))} that takes orders; "
            "start `make dev` or `make demo KEEP=1` in another terminal, and wait for its address",
            file=sys.stderr,
        )
        return 1
    (folder / _FOLDER / f"{chosen.service}.{chosen.action}").touch()
    return 0


if __name__ == "__main__":
    own_what_is_made()
    sys.exit(main())
