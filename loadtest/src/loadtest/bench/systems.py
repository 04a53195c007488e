"""The systems under load: the gateway on a database, and the naive chain."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from devstack import Stack
from devstack.interrupts import run_interruptible
from devstack.ports import LOOPBACK, free_ports
from devstack.processes import ManagedProcess, stop_all
from devstack.readiness import wait_ready
from devstack.stack import DatabaseKind
from devstack.topology import GATEWAY, OPERATOR, SERVICES, base_environment
from loadtest import naive
from loadtest.bench.case import NAIVE
from loadtest.bench.counters import Counters, scrape
from loadtest.client import GatewayClient
from loadtest.preparation import Funding, prepare
from loadtest.rows import Row
from loadtest.summary import unbalanced

FUNDED_RUNS = 10_000
"""How often each payer can make all its payments: more often than any run does."""
_PREPARING = 64
_START_SECONDS = 60.0


class System(ABC):
    """Something that answers POST /payments; it runs inside its `with` block."""

    name: str

    def __init__(self) -> None:
        self._exit = ExitStack()

    def __enter__(self) -> "System":
        try:
            self._start()
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    @property
    @abstractmethod
    def gateway(self) -> str:
        """Return the base URL that takes payments."""

    @abstractmethod
    def api_key(self) -> str:
        """Return the key that payments carry."""

    @abstractmethod
    def cpu_seconds(self) -> Mapping[str, float]:
        """Return the CPU seconds spent so far, by process."""

    @abstractmethod
    def counters(self) -> Counters:
        """Return what its services have counted so far."""

    @abstractmethod
    def complaints(self) -> list[str]:
        """Return what is wrong with its state now, such as a currency that does not balance."""

    @abstractmethod
    def _start(self) -> None: ...


class RunningStack(AbstractContextManager[object], Protocol):
    """What is asked of a stack that is measured, wherever it runs."""

    def url(self, name: str) -> str:
        """Return the base URL of a process."""

    def operations_url(self, name: str) -> str:
        """Return the base URL of its probes and metrics."""

    def api_key(self) -> str:
        """Return the text of a key with every role."""

    def cpu_seconds(self) -> Mapping[str, float]:
        """Return the CPU seconds spent so far, by process."""


class Gateway(System):
    """The gateway in a stack that starts with the block, its accounts opened and funded."""

    def __init__(self, name: str, stack: RunningStack, rows: Sequence[Row]) -> None:
        super().__init__()
        self.name = name
        self._running = stack
        self._rows = rows

    @property
    def gateway(self) -> str:
        """See System."""
        return self._running.url(GATEWAY)

    def api_key(self) -> str:
        """See System."""
        return self._running.api_key()

    def cpu_seconds(self) -> Mapping[str, float]:
        """Return those of the six services and PostgreSQL; the operator is none of them."""
        spent = self._running.cpu_seconds()
        return {name: seconds for name, seconds in spent.items() if name != OPERATOR}

    def counters(self) -> Counters:
        """See System."""
        return scrape(
            {service.name: self._running.operations_url(service.name) for service in SERVICES}
        )

    def complaints(self) -> list[str]:
        """See System."""
        return run_interruptible(self._unbalanced())

    def client(self) -> GatewayClient:
        """Return a client of the gateway with the key."""
        return GatewayClient(self.gateway, self.api_key(), _PREPARING)

    def _start(self) -> None:
        self._exit.enter_context(self._running)
        run_interruptible(self._prepare())

    async def _prepare(self) -> None:
        async with self.client() as client:
            await prepare(client, self._rows, Funding(times=FUNDED_RUNS))

    async def _unbalanced(self) -> list[str]:
        async with self.client() as client:
            return unbalanced((await client.get("/ledger/trial-balance")).document)


class Kurs(Gateway):
    """The gateway on SQLite or PostgreSQL, in a stack of this process.

    `variant` follows its name: what `environment` makes different.
    """

    def __init__(
        self,
        database: DatabaseKind,
        rows: Sequence[Row],
        environment: Mapping[str, str],
        *,
        variant: str = "",
    ) -> None:
        self.stack = Stack(database=database, environment=environment)
        kind = "SQLite" if database == "sqlite" else "PostgreSQL"
        super().__init__(f"Kurs {kind}{variant}", self.stack, rows)


class NaiveChain(System):
    """The yardstick, as five processes."""

    name = NAIVE

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[ManagedProcess] = []

    @property
    def gateway(self) -> str:
        """See System."""
        return f"http://{LOOPBACK}:{self.processes[-1].port}"

    def api_key(self) -> str:
        """Return any text: nobody checks it."""
        return "none"

    def cpu_seconds(self) -> Mapping[str, float]:
        """See System."""
        return {process.name: process.cpu_seconds() for process in self.processes}

    def counters(self) -> Counters:
        """Return nothing: it counts nothing."""
        return Counters()

    def complaints(self) -> list[str]:
        """Return nothing: it has no state."""
        return []

    def _start(self) -> None:
        folder = Path(self._exit.enter_context(TemporaryDirectory(prefix="kurs-naive-")))
        ports = dict(zip(naive.SERVICES, free_ports(len(naive.SERVICES)), strict=True))
        urls = {f"NAIVE_{n.upper()}_URL": f"http://{LOOPBACK}:{p}" for n, p in ports.items()}
        self.processes = [
            ManagedProcess(
                name,
                [sys.executable, "-m", "loadtest.naive", name, "--port", str(port)],
                environment=base_environment(urls),
                folder=folder,
                log=folder / f"{name}.log",
                port=port,
            )
            for name, port in ports.items()
        ]
        self._exit.callback(stop_all, self.processes)
        for process in self.processes:
            process.start()
        wait_ready(self.processes, _START_SECONDS)
