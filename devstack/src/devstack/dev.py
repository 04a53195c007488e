"""The `dev` command: the gateway stays up, restarts what you edit and shows all logs."""

import contextlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from devstack.attending import Attendant
from devstack.logs import LogFollower
from devstack.observed import OBSERVED, Observation
from devstack.orders import taking_orders
from devstack.sources import SourceWatch
from devstack.stack import DatabaseKind, Stack
from devstack.topology import GATEWAY, ports_from, repository, service_of, shell_environment

LOOK_SECONDS = 0.2
"""Between two looks at what was asked for and what ended."""
_SOURCE_EVERY = 3
"""Looks between two comparisons of the sources."""
_JSON = "'Content-Type: application/json'"
_FIRST_STEPS: tuple[tuple[str, object], ...] = (
    ("/accounts", [{"account_id": "ALICE"}, {"account_id": "BUDI", "settlement_currency": "IDR"}]),
    (
        "/deposits",
        {"deposit_id": "D-1", "account_id": "ALICE", "currency": "USD", "amount": "500"},
    ),
    (
        "/payments",
        {
            "payment_id": "P-1",
            "amount": "25.00",
            "currency": "USD",
            "source_account": "ALICE",
            "destination_account": "BUDI",
        },
    ),
)


def run_dev(
    console: Console,
    *,
    folder: Path,
    first_port: int,
    database: DatabaseKind,
    reload: bool,
    observed: bool = False,
) -> None:
    """Run the stack until a signal ends it; KURS_ variables of the shell go to the services.

    With `observed` Prometheus, Grafana and Tempo run beside it; raises StackError if they cannot.
    """
    ports = ports_from(first_port)
    beside = Observation(folder.resolve(), ports) if observed else None
    stack = Stack(
        folder=folder,
        ports=ports,
        database=database,
        environment={**(beside.environment if beside else {}), **shell_environment()},
    )
    try:
        if beside is not None:
            console.print("Starting Prometheus, Grafana and Tempo …")
            beside.start()
        console.print("Starting the six services …")
        stack.start(on_ready=lambda name: console.print(f"  {name} is ready", highlight=False))
        follower = LogFollower({name: process.log for name, process in stack.processes.items()})
        for line in follower.new_lines(routine=False):
            console.print(line, soft_wrap=True)
        with taking_orders(folder):
            console.print(
                welcome(stack, OBSERVED if beside else ()),
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
            _follow(console, stack, follower, SourceWatch(repository()) if reload else None)
    finally:
        _say(console, "Stopping the services …")
        stack.stop()
        if beside is not None:
            beside.stop()
        _say(console, "Stopped.")


def welcome(stack: Stack, more: Sequence[str] = ()) -> str:
    """Return what a person needs next: addresses (with `more`), the key's file, a first command.

    The command reads the key from its file, so that no key shows up on a screen or in a shell's
    history.
    """
    gateway, key = stack.url(GATEWAY), _short(stack.api_key_file)
    bearer = f'-H "Authorization: Bearer $(cat {key})"'
    steps = [
        f"curl -sS {gateway}{path} {bearer} -H {_JSON} -d '{json.dumps(body)}'"
        for path, body in _FIRST_STEPS
    ]
    return "\n".join(
        (
            "",
            f"  Console   {gateway}/",
            f"  API docs  {gateway}/docs",
            f"  API key   {key} (merchant demo, every role)",
            f"  Logs      {_short(stack.folder.logs)}/",
            *more,
            "",
            "  Open two accounts, fund one, pay:",
            "",
            *steps,
            "",
            "  docs/kill-this.md names ten things to break. Ctrl-C stops everything.",
            "",
        )
    )


def _follow(
    console: Console, stack: Stack, follower: LogFollower, watch: SourceWatch | None
) -> None:
    attendant = Attendant(console, stack)
    # Of make it is the only child; whoever starts us by hand may go, and we stay.
    parent = os.getppid() if "MAKELEVEL" in os.environ else None
    looks = 0
    while parent in (None, os.getppid()):
        for line in follower.new_lines():
            console.print(line, soft_wrap=True)
        looks += 1
        if watch is not None and looks % _SOURCE_EVERY == 0:
            _restart(console, stack, watch.changed())
        attendant.look()
        time.sleep(LOOK_SECONDS)


def _say(console: Console, text: str) -> None:
    """Print what nobody may be there to read any more: a terminal that was closed."""
    with contextlib.suppress(OSError):
        console.print(text)


def _restart(console: Console, stack: Stack, services: list[str]) -> None:
    names = [name for name in stack.processes if service_of(name) in services]
    if names:
        console.print(f"The source changed: restarting {', '.join(names)}", style="bold")
        stack.restart(*names, wait=False)


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
