"""`Stack`: the six services and the local operator as real processes on one machine.

    with Stack() as stack:
        post(stack.url("api-gateway") + "/payments", stack.api_key())
        stack.kill("wallet")
        stack.restart("wallet")

It is synchronous; from an event loop under load call `await asyncio.to_thread(stack.restart,
"wallet")`. Whatever happens inside the block, every process that was started is ended.
"""

import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal

from api_gateway.keys import ensure_dev_key
from devstack.errors import StackError
from devstack.interrupts import uninterrupted
from devstack.keeper import Keeper
from devstack.ports import LOOPBACK, free_ports, require_free
from devstack.postgres import EmbeddedPostgres
from devstack.processes import ManagedProcess, stop_all
from devstack.readiness import wait_ready, wait_settled
from devstack.topology import (
    GATEWAY,
    OPERATIONS,
    OPERATOR,
    PAYMENTS,
    REPLICATED,
    SERVICES,
    WALLET,
    RunFolder,
    StackService,
    base_environment,
    repository,
    service_command,
    service_environment,
    service_of,
)
from kurs.edges.keys import Keys, file_name
from kurs.edges.table import Edge
from kurs_testing.edges import EdgeSigning

DatabaseKind = Literal["sqlite", "postgresql"]
START_SECONDS = 120.0
"""How long the services may take to get ready: five seconds as a rule, on a busy machine more."""
_MIGRATION_SECONDS = 120.0
_SETTLE_SECONDS = 15.0


class Stack:
    """A running gateway. Process names are service names, a second replica's is `wallet-2`.

    folder: where databases, logs, keys and documents live; by default a temporary folder that
        `stop` removes.
    ports: the port of each service; by default free ones.
    database: `sqlite`, or `postgresql` for a server of its own with one database per service.
    replicas: how many processes of payments and of wallet (two at most, on PostgreSQL). The
        first of each is the one whose address the others know; `payments-2` talks to `wallet-2`
        if there is one.
    samples: the folder of resources that the local operator compiles; by default k8s/samples.
    environment: further KURS_ variables for all processes, over the stack's own.
    run_by: a module and its arguments that run each service in its place, for measurements.
    """

    def __init__(
        self,
        *,
        folder: Path | None = None,
        ports: Mapping[str, int] | None = None,
        database: DatabaseKind = "sqlite",
        replicas: Mapping[str, int] | None = None,
        samples: Path | None = None,
        environment: Mapping[str, str] | None = None,
        run_by: Sequence[str] = (),
        start_seconds: float = START_SECONDS,
    ) -> None:
        self._root = repository()
        self.database = database
        self._replicas = _checked_replicas(replicas or {}, database)
        self._ports = _assigned_ports(ports or {}, self._replicas)
        self._temporary = folder is None
        self.folder = RunFolder((folder or Path(tempfile.mkdtemp(prefix="kurs-"))).resolve())
        self._samples = samples or self._root / "k8s" / "samples"
        self._extra = dict(environment or {})
        self._run_by = tuple(run_by)
        self._start_seconds = start_seconds
        self._postgres: EmbeddedPostgres | None = None
        self._api_key_file = self.folder.path / "api-key"
        self.processes: dict[str, ManagedProcess] = {}
        self._keeper: Keeper | None = None

    def __enter__(self) -> "Stack":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, on_ready: Callable[[str], None] = lambda _: None) -> None:
        """Start everything and return when all services are ready; raises StackError."""
        try:
            for name, port in self._ports.items():
                require_free(port, name)
                require_free(port + OPERATIONS, name)
            self.folder.path.mkdir(parents=True, exist_ok=True)
            self.folder.prepare()
            self._api_key_file = ensure_dev_key(self.folder.path)
            if self.database == "postgresql":
                self._start_postgres()
            self._add_processes()
            with uninterrupted(redeliver=True):
                self._keeper = Keeper()
                for process in self.processes.values():
                    process.start()
                    self._keep()
            services = [p for p in self.processes.values() if p.port is not None]
            wait_ready(
                services,
                self._start_seconds,
                also_alive=[self.processes[OPERATOR]],
                on_ready=on_ready,
            )
            wait_settled(services, _SETTLE_SECONDS)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every process that the stack started, the gateway first; may be called again."""
        with uninterrupted():
            running = list(self.processes.values())
            for service in (GATEWAY, PAYMENTS):
                stop_all(p for p in running if service_of(p.name) == service)
            stop_all(running)
            if self._keeper is not None:
                self._keeper.close()
                self._keeper = None
            if self._postgres is not None:
                self._postgres.stop()
                self._postgres = None
            if self._temporary:
                shutil.rmtree(self.folder.path, ignore_errors=True)

    def url(self, name: str) -> str:
        """Return the base URL of a process, such as `http://127.0.0.1:8083` for `wallet`."""
        return f"http://{LOOPBACK}:{self._ports[name]}"

    def operations_url(self, name: str) -> str:
        """Return the base URL of the probes and metrics of a process."""
        return f"http://{LOOPBACK}:{self._ports[name] + OPERATIONS}"

    @property
    def api_key_file(self) -> Path:
        """The file (mode 600) with the text of the key of merchant `demo`, with every role."""
        return self._api_key_file

    def api_key(self) -> str:
        """Return the text of that key; never print it."""
        return self._api_key_file.read_text("ascii").strip()

    def sign(
        self,
        name: str,
        method: str,
        target: str,
        headers: MutableMapping[str, str],
        body: bytes | None,
    ) -> None:
        """Sign a request straight to a process, as the service that calls this route."""

        def keys(edge: Edge) -> Keys:
            text = (self.folder.edge_keys / file_name(edge)).read_bytes()
            return tuple(key.strip() for key in text.split(b","))

        EdgeSigning(keys=keys).sign(service_of(name), method, target, headers, body)

    def database_url(self, service: str) -> str:
        """Return the SQLAlchemy URL of a service's database, empty if it has none."""
        if not any(s.name == service and s.stores for s in SERVICES):
            return ""
        if self._postgres is not None:
            return self._postgres.url(f"kurs_{service}")
        return f"sqlite:///{self.folder.path / service}.db"

    def owner_url(self, service: str) -> str:
        """Return the same of who may change its tables, as migrations do."""
        if self._postgres is not None:
            return self._postgres.owner_url(f"kurs_{service}")
        return self.database_url(service)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a signal to one process; after SIGKILL it is gone when this returns."""
        self.processes[name].signal(number)

    def restart(self, *names: str, wait: bool = True) -> None:
        """End processes that run, start them again and wait until they are ready.

        Raises StackError when one does not get ready; with `wait=False` they are only started.
        """
        processes = [self.processes[name] for name in names]
        stop_all(processes)
        with uninterrupted(redeliver=True):
            for process in processes:
                process.start()
            self._keep()
        if wait:
            wait_ready(processes, self._start_seconds)
            wait_settled(processes, _SETTLE_SECONDS)

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU seconds spent so far by process name, PostgreSQL's under its name."""
        spent = {name: process.cpu_seconds() for name, process in self.processes.items()}
        if self._postgres is not None:
            spent["postgresql"] = self._postgres.cpu_seconds()
        return spent

    def _keep(self) -> None:
        """Name what runs to the keeper, in the order in which `stop` ends it."""
        if self._keeper is None:
            return
        first = (GATEWAY, PAYMENTS)
        running = [(service_of(n), p.pid) for n, p in self.processes.items() if p.pid is not None]
        groups = [[pid for service, pid in running if service == name] for name in first]
        self._keeper.watch([*groups, [pid for service, pid in running if service not in first]])

    def _start_postgres(self) -> None:
        self._postgres = EmbeddedPostgres(self.folder.path / "postgresql")
        stores = [service for service in SERVICES if service.stores]
        self._postgres.create_databases(f"kurs_{service.name}" for service in stores)
        migrations = [self._migration(service) for service in stores]
        try:
            with uninterrupted(redeliver=True):
                for migration in migrations:
                    migration.start()
            for migration in migrations:
                if not migration.wait(_MIGRATION_SECONDS) or migration.exit_code != 0:
                    raise StackError(
                        f"{migration.name} failed (exit code {migration.exit_code}); the end of "
                        f"{migration.log}:\n{migration.log_end()}"
                    )
        finally:
            stop_all(migrations)

    def _migration(self, service: StackService) -> ManagedProcess:
        assert self._postgres is not None
        database = f"kurs_{service.name}"
        return self._process(
            f"{service.name}-migrate",
            service_command(service, "migrate", run_by=self._run_by),
            service,
            None,
            {
                "KURS_DATABASE_URL": self._postgres.owner_url(database),
                "KURS_DATABASE_SERVICE_ROLE": database,
            },
        )

    def _add_processes(self) -> None:
        self.processes[OPERATOR] = ManagedProcess(
            OPERATOR,
            [
                *(sys.executable, "-m", "kurs_operator.local"),
                *("--samples", str(self._samples)),
                *("--destinations", str(self.folder.destinations)),
                *("--out", str(self.folder.config)),
            ],
            environment=base_environment(self._extra),
            folder=self._root,
            log=self.folder.logs / f"{OPERATOR}.log",
        )
        for service in SERVICES:
            for name in _process_names(service.name, self._replicas):
                command = service_command(service, run_by=self._run_by)
                self.processes[name] = self._process(name, command, service, self._ports[name])

    def _process(
        self,
        name: str,
        command: list[str],
        service: StackService,
        port: int | None,
        own: Mapping[str, str] | None = None,
    ) -> ManagedProcess:
        variables = service_environment(
            service, self.folder, port or 0, self._addresses(name), self.database_url(service.name)
        )
        return ManagedProcess(
            name,
            command,
            environment=base_environment(
                {**variables, "KURS_INSTANCE": name, **self._extra, **(own or {})}
            ),
            folder=self._root,
            log=self.folder.logs / f"{name}.log",
            port=port,
            operations_port=port and port + OPERATIONS,
        )

    def _addresses(self, name: str) -> dict[str, str]:
        addresses = {service.name: self.url(service.name) for service in SERVICES}
        second = f"{WALLET}-2"
        if name == f"{PAYMENTS}-2" and second in self._ports:
            addresses[WALLET] = self.url(second)
        return addresses


def _checked_replicas(replicas: Mapping[str, int], database: str) -> dict[str, int]:
    for name, count in replicas.items():
        if name not in REPLICATED or not 1 <= count <= 2:
            raise StackError(f"{count} processes of {name}: one or two of {REPLICATED} can run")
        if count > 1 and database == "sqlite":
            raise StackError(f"two processes of {name} need `--database postgresql`")
    return dict(replicas)


def _process_names(service: str, replicas: Mapping[str, int]) -> list[str]:
    count = replicas.get(service, 1)
    return [service, *(f"{service}-{number}" for number in range(2, count + 1))]


def _assigned_ports(given: Mapping[str, int], replicas: Mapping[str, int]) -> dict[str, int]:
    names = [n for service in SERVICES for n in _process_names(service.name, replicas)]
    missing = [name for name in names if name not in given]
    free = dict(zip(missing, free_ports(len(missing), beside=OPERATIONS), strict=True))
    return {name: given[name] if name in given else free[name] for name in names}
