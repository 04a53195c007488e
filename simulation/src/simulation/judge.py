"""The judge of a run: reads what the services stored, and computes anew what it should be."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kurs.kernel.clock import MICROS
from simulation.clients import Clients, minor
from simulation.documents import EDITIONS, SECRET, Edition
from simulation.market import Market
from simulation.oracle.deliveries import DeliveryOracle
from simulation.oracle.ledger import LedgerOracle
from simulation.oracle.payments import PaymentOracle, check_told
from simulation.oracle.promise import BrokenPromise
from simulation.oracle.rates import check_rates
from simulation.oracle.risk import RiskOracle
from simulation.plan import ACCOUNTS, OVERDRAFTS, Plan, first_funds
from simulation.process import Process
from simulation.receivers import Receivers
from simulation.topology import FOREIGN, RECEIVERS, WEBHOOKS
from simulation.world import EPOCH_US, World

_LASTING_SECONDS = 20.0
_MORE_TASKS = 2
"""By how many tasks a process may have grown: a feed that another edition brought, a batch."""


class Judge:
    """Everything that is promised about one run."""

    def __init__(self, plan: Plan, folder: Path, prepared: Path) -> None:
        self._plan = plan
        self._ledger = LedgerOracle(folder / "wallet.db")
        self._payments = PaymentOracle(folder / "payments.db")
        self._editions = _editions(prepared)
        self._risk = RiskOracle(folder / "risk.db", self._editions)
        self._deliveries: DeliveryOracle | None = None
        if plan.webhooks:
            self._deliveries = DeliveryOracle(
                folder / "payments.db",
                folder / "webhooks.db",
                (prepared / "secrets" / SECRET[0] / SECRET[1]).read_text("ascii"),
                EPOCH_US / MICROS,
            )

    def at_commit(self, by: Process, world: World) -> None:
        """Hold what a process committed to its promises; raises BrokenPromise."""
        if by.service == "wallet":
            self._ledger.at_commit()
        elif by.service == "payments":
            theirs = [p for p in world.processes.values() if p.service == by.service]
            agree = not any(process.offset_us for process in theirs)
            self._payments.at_commit(by, world.clock.now(), clocks_agree=agree)

    def is_quiet(self) -> bool:
        """Whether nothing is under way and nothing held."""
        sent = self._deliveries is None or self._deliveries.is_quiet()
        return sent and self._payments.is_quiet() and self._ledger.is_quiet()

    def gone(self) -> list[tuple[str, int]]:
        """Return the destinations that want no more until they are replayed, and after what."""
        return [] if self._deliveries is None else self._deliveries.gone()

    async def compare_reads(self, clients: Clients) -> None:
        """Hold what can be read through the API to what is stored; raises BrokenPromise."""
        held = self._ledger.balances()
        for account in ACCOUNTS:
            read = await clients.read(f"/balance/{account}")
            for balance in read["balances"]:
                currency = balance["currency"]
                total = minor(balance["total"], currency)
                if total != held.get((account, currency), 0):
                    raise BrokenPromise("a balance is told as it is", f"{account}: {read}")
        listed = await clients.pages("/payments")
        stored = self._payments.payments()
        told = {item["payment_id"]: item["status"] for item in listed}
        if len(listed) != len(told) or told != {i: row["status"] for i, row in stored.items()}:
            raise BrokenPromise("lists are whole", f"{len(listed)} of {len(stored)}")
        trial = await clients.read("/ledger/trial-balance")
        if any(minor(total["sum"], total["currency"]) for total in trial["currencies"]):
            raise BrokenPromise("the ledger says that it is balanced", f"{trial}")

    async def leaks(self, began_with: Mapping[str, int], world: World) -> None:
        """Hold processes to as many lasting tasks as they began with; raises BrokenPromise."""
        tasks, requests = world.loop.tasks(), world.network.open()
        await asyncio.sleep(_LASTING_SECONDS)
        for name, process in world.processes.items():
            if not process.alive:
                raise BrokenPromise("every process runs again", name)
            lasting = [task for task in tasks.get(name, ()) if not task.done()]
            # A replica may hold every destination, and began with its share.
            more = _MORE_TASKS + (len(RECEIVERS) if process.service in WEBHOOKS else 0)
            if len(lasting) > began_with.get(name, 0) + more:
                names = [task.get_name() for task in lasting]
                seen = f"{name}: {began_with.get(name)} tasks, and now {names}"
                raise BrokenPromise("nothing leaks", seen)
        if world.network.at_a_loss:
            raise BrokenPromise("no service is at a loss", f"{world.network.at_a_loss[:5]}")
        left = requests & world.network.open()
        if left:
            raise BrokenPromise("every request ends", f"{sorted(map(str, left))}")

    async def compare_deliveries(self, clients: Clients) -> None:
        """Hold what merchants are told of destinations to what is so; raises BrokenPromise."""
        if self._deliveries is None:
            return
        told = (await clients.read("/event-destinations"))["items"]
        seen = {item["name"]: (item["reason"], item["waiting"]) for item in told}
        if seen != dict.fromkeys(RECEIVERS, ("Delivering", 0)):
            raise BrokenPromise("destinations are told as they are", f"{seen}")

    def check_receivers(self, receivers: Receivers) -> None:
        """Hold what receivers took to what happened; raises BrokenPromise."""
        if self._deliveries is None:
            return
        for name, types in RECEIVERS.items():
            self._deliveries.check(name, types, receivers.named[name].taken)
        if receivers.named[FOREIGN].taken:
            raise BrokenPromise("no event is told to another merchant", FOREIGN)

    def at_end(self, clients: Clients, market: Market, now: int) -> None:
        """Hold everything that is stored to its promises; raises BrokenPromise."""
        self._ledger.at_end()
        self._payments.at_end()
        check_told(clients.asked, self._payments, clients.quotes)
        payments = self._payments.payments()
        self._check_deposits(clients)
        self._ledger.check_moves(self._payments.expected_moves(), self._brought())
        check_rates(payments.values(), market.said, self._editions, clients.quotes)
        self._risk.at_end(payments, now)
        seen, there = clients.events, self._payments.events()
        if seen != there:
            missing = [event for event in there if event not in seen][:3]
            raise BrokenPromise(
                "a follower misses no event", f"{len(seen)} of {len(there)}: {missing}"
            )

    def counts(self) -> Counter[str]:
        """Return how many payments came to which end, and how often the wallet committed."""
        payments = self._payments.payments()
        counts = Counter(f"payment {row['status']}" for row in payments.values())
        counts.update(payments=len(payments), commits=self._ledger.commits)
        counts["deposits"] = len(self._ledger.deposited())
        return counts

    def record(self) -> str:
        """Return what is stored at the end, as text to be compared."""
        # Not the token of a quote: it is salted by chance that no seed owns.
        rows = [
            [value for name, value in row.items() if name != "quote"]
            for row in self._payments.payments().values()
        ]
        return f"{rows!r} {self._payments.events()!r} {sorted(self._ledger.balances().items())!r}"

    def close(self) -> None:
        """Let go of the databases."""
        self._ledger.close()
        self._payments.close()
        self._risk.close()
        if self._deliveries is not None:
            self._deliveries.close()

    def _brought(self) -> dict[str, tuple[str, str, int]]:
        """Return every deposit that was asked for, by its id: account, currency, minor units."""
        first = {
            f"{account}-{currency}": (account, currency, amount)
            for account in ACCOUNTS
            for currency, amount in first_funds(account).items()
        }
        later = {f"d{d.number}": (d.account, d.currency, d.amount) for d in self._plan.deposits}
        return first | later

    def _check_deposits(self, clients: Clients) -> None:
        made = self._ledger.deposited()
        for name, asked in clients.asked.items():
            if name.startswith("deposit ") and asked.answers:
                deposit_id = asked.body["deposit_id"]
                if deposit_id not in made:
                    raise BrokenPromise("what was acknowledged exists", name)
        wanted = {
            (account, currency): limit
            for account, limits in OVERDRAFTS.items()
            for currency, limit in limits.items()
        }
        if self._ledger.overdrafts() != wanted:
            raise BrokenPromise("limits stay as they were set", f"{self._ledger.overdrafts()}")


def _editions(prepared: Path) -> dict[str, Edition]:
    """Return which edition each revision is, of fx's documents and of risk's."""
    found = {}
    for number, edition in enumerate(EDITIONS, start=1):
        for service in ("fx", "risk"):
            document: Any = json.loads(
                (prepared / "documents" / str(number) / service / "config.json").read_text("utf-8")
            )
            found[document["revision"]] = edition
    return found
