"""Runs one plan from its first request to the judgement, and tells it as a story."""

import asyncio
import gc
import hashlib
import importlib
import logging
import random
import tempfile
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from api_gateway.keys import ensure_dev_key
from kurs.data.migrations import migrate
from kurs.kernel.clock import read_monotonic_from
from kurs.quotes.keys import ensure_key_files
from kurs_operator.local import main as compile_resources
from kurs_testing.edges import write_keys
from simulation.clients import Clients
from simulation.documents import SECRET, write_resources
from simulation.faults import Faults
from simulation.judge import Judge
from simulation.loop import Stalled, VirtualLoop
from simulation.market import Market, read_from
from simulation.network import Network
from simulation.oracle.promise import BrokenPromise
from simulation.plan import Plan
from simulation.process import Process, WorldClock
from simulation.receivers import Receivers, send_to
from simulation.statements import share_statements
from simulation.topology import STORES, WEBHOOKS
from simulation.world import EPOCH_US, World

_WARM_SECONDS = 6.0
_QUIET_SECONDS = 10.0
_SETTLE_SECONDS = 300.0
"""How long a world has after its last fault: longer than a payment is tried and a hold lives."""
_DELIVERED_SECONDS = 1_500.0
"""The same where events are sent, which may have failed some times by then."""
_ASKED_AGAIN = 30
"""How many of the requests that were answered are repeated at the end."""


@dataclass(slots=True)
class Outcome:
    """What became of a plan: how it ended, what was counted, and the story line by line."""

    plan: Plan
    broken: BrokenPromise | None
    story: list[str]
    trace: str
    seconds: float
    counts: Counter[str] = field(default_factory=Counter)


def run(plan: Plan, prepared: Path) -> Outcome:
    """Run a plan on what `prepare` made; the same plan gives the same outcome, byte for byte."""
    own = tempfile.TemporaryDirectory(dir=prepared)
    # Apps are made before there is a world, and find their files where it works.
    with _own_chance(plan.seed), own as folder, chdir(folder):
        return _Run(plan, prepared, Path(folder)).whole()


@contextmanager
def prepared_folder() -> Iterator[Path]:
    """Make what all worlds begin with: databases, documents, a key; in memory where that can be."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own in it
    parent = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="kurs-world-", dir=parent) as name:
        folder = Path(name)
        for number, resources in enumerate(write_resources(folder / "resources"), start=1):
            out = folder / "documents" / str(number)
            compile_resources(["--samples", str(resources), "--out", str(out), "--once"])
        _write_secret(folder / "secrets" / SECRET[0] / SECRET[1])
        ensure_dev_key(folder)
        _write_quote_key(folder / "quote-signing-keys.pem")
        write_keys(folder / "edge-keys")
        ensure_key_files(folder / "quote-signing-keys.pem", folder / "quote-verify-keys.pem")
        for service in (*STORES, *WEBHOOKS):
            versions = importlib.import_module(f"{service}.migrations").VERSIONS
            migrate(f"sqlite:///{folder / service}.db", versions)
        yield folder


def _write_quote_key(file: Path) -> None:
    """Write the same key for every world, since quotes are part of what is compared."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _write_secret(file: Path) -> None:
    """Write what events are signed with: the same in every world, too."""
    file.parent.mkdir(parents=True)
    file.write_text("whsec_" + b64encode(bytes(32)).decode(), "ascii")


class _Run:
    def __init__(self, plan: Plan, prepared: Path, folder: Path) -> None:
        seed = plan.seed
        self.plan = plan
        self.story: list[str] = []
        self.chance = random.Random(f"run {seed}")
        self.loop = VirtualLoop(random.Random(f"order {seed}"))
        self.network = Network(random.Random(f"network {seed}"))
        self.market = Market(random.Random(f"market {seed}"))
        self.clock = WorldClock(EPOCH_US, self.loop.time)
        self.world = World(
            random.Random(f"world {seed}"), self.loop, folder, self.clock, self.network,
            self.market, prepared, plan.webhooks,
        )  # fmt: skip
        key = (prepared / "api-key").read_text("ascii").strip()
        self.clients = Clients(self.network, key, self.tell)
        self.receivers = Receivers(random.Random(f"receivers {seed}"), self.network, self.tell)
        self.faults = Faults(self.world, self.receivers, random.Random(f"faults {seed}"), self.tell)
        self.judge = Judge(plan, folder, prepared)
        self.broken: BrokenPromise | None = None
        self.world.on_commit.append(self._committed)

    def tell(self, line: str) -> None:
        """Add a line to the story, with the world's time."""
        self.story.append(f"{self.loop.time():10.4f} {line}")

    def whole(self) -> Outcome:
        """Run to the end; a broken promise ends it at once."""
        asyncio.set_event_loop(self.loop)
        read_monotonic_from(self.clock.monotonic)
        stop, apart = self.world.watch_statements(), share_statements()
        leave, part = read_from(self.market), send_to(self.receivers)
        try:
            self.loop.run_until_complete(self._live())
        except BrokenPromise as broken:
            self.broken = self.broken or broken
        except Stalled as error:
            self.broken = BrokenPromise("something always goes on", str(error))
        except RuntimeError:
            # The loop was stopped by a promise that was broken inside of a commit.
            if self.broken is None:
                raise
        finally:
            stop()
            apart()
            leave()
            part()
        outcome = self._outcome()
        self.judge.close()
        self.loop.close()
        return outcome

    async def _live(self) -> None:
        await self.world.start()
        await asyncio.sleep(_WARM_SECONDS)
        await self.clients.fund()
        begins = self.loop.time()
        tasks = {name: len(tasks) for name, tasks in self.loop.tasks().items()}
        follower = self.loop.create_task(self.clients.follow())
        await asyncio.gather(
            asyncio.sleep(self.plan.seconds),
            *(self.clients.play(session, begins) for session in self.plan.sessions),
            *(self.clients.bring(deposit, begins) for deposit in self.plan.deposits),
            *(self.faults.strike(fault, begins) for fault in self.plan.faults),
        )
        try:
            async with asyncio.timeout(_SETTLE_SECONDS):
                await self.faults.settle()
        except TimeoutError:
            raise BrokenPromise("every process runs again", "not after minutes") from None
        self.tell("all faults have ended")
        await self._settle()
        await self.clients.ask_again(self.chance, _ASKED_AGAIN)
        await self.judge.compare_reads(self.clients)
        await self.judge.compare_deliveries(self.clients)
        follower.cancel()
        await self.judge.leaks(tasks, self.world)
        self.judge.at_end(self.clients, self.market, self.clock.now())
        self.judge.check_receivers(self.receivers)

    async def _settle(self) -> None:
        """Wait until all has ended that ever ends, and a while longer."""
        patience = _DELIVERED_SECONDS if self.plan.webhooks else _SETTLE_SECONDS
        latest = self.loop.time() + patience
        while self.loop.time() < latest and not self.judge.is_quiet():
            for name, after in self.judge.gone():
                await self.clients.replay(name, after)
            await asyncio.sleep(_QUIET_SECONDS)
        await asyncio.sleep(_QUIET_SECONDS)
        if self.plan.webhooks and self.loop.time() < latest and not self.judge.is_quiet():
            # A deposit has its event some seconds later.
            await self._settle()

    def _committed(self, process: Process) -> None:
        try:
            self.judge.at_commit(process, self.world)
        except BrokenPromise as broken:
            self.broken = self.broken or broken
            self.loop.stop()

    def _outcome(self) -> Outcome:
        counts = Counter({f"fault {name}": n for name, n in self.faults.counts.items()})
        counts.update({f"message {name}": n for name, n in self.network.counts.items()})
        counts.update(self.judge.counts())
        counts.update(
            requests=self.clients.requests, deaths=self.world.deaths, steps=self.loop.steps,
            **{"rates fetched": self.market.fetched},
            **{"events taken": sum(len(r.taken) for r in self.receivers.named.values())},
        )  # fmt: skip
        told = "\n".join([*self.story, self.judge.record()])
        trace = hashlib.sha256(told.encode()).hexdigest()
        return Outcome(self.plan, self.broken, self.story, trace, self.loop.time(), counts)


@contextmanager
def _own_chance(seed: int) -> Iterator[None]:
    """Let everything that draws draw from the seed, and keep what is logged to ourselves."""
    random.seed(f"process {seed}")
    logging.disable(logging.CRITICAL)
    gc.disable()
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        read_monotonic_from(time.monotonic)
        logging.disable(logging.NOTSET)
        gc.enable()
