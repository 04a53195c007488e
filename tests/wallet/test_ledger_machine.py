"""The ledger against a plain-dict model, over the real store, the same on both databases.

The merchants share the names of accounts, and some accounts have the bare ids of earlier releases.
After every step the money of each currency sums to zero, every balance is the sum of its postings,
nobody is below a limit, and the ledger agrees with the model.
"""

import asyncio
import itertools
from collections.abc import Awaitable
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, select
from tests.wallet.harness import (
    MERCHANT,
    cancel,
    capture,
    find_broken,
    fx,
    fx_back,
    hold,
    leg,
    open_as_before,
    pay,
    post,
    void,
)
from tests.wallet.model import Model
from tests.wallet.quotes import verify

from kurs.data.database import Database
from kurs.kernel.batching import BatchMetrics
from kurs.kernel.caller import Caller
from kurs_testing.clock import ManualClock
from kurs_testing.telemetry import RecordingTelemetry
from wallet.directory import AccountDirectory
from wallet.expiry import release_expired
from wallet.ledger import Ledger, Submission
from wallet.metrics import WalletMetrics
from wallet.opening import Budget
from wallet.schemas.batch import BATCH, to_transfer
from wallet.schemas.public import AccountRequest, DepositRequest
from wallet.service import WalletService
from wallet.settings import WalletSettings
from wallet.store import reports, tables

Result = TypeVar("Result")
MERCHANTS = ("demo", "shop")
AMOUNTS = st.integers(1, 60_00)
PICKS = st.integers(0, 99)
EXAMPLES = itertools.count()


class LedgerMachine(RuleBasedStateMachine):
    """Each example has names of its own, so that all can share one ledger."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.clock = ManualClock()
        self.loop = asyncio.new_event_loop()
        self.model = Model()
        self.prefix = f"e{next(EXAMPLES)}"
        self.numbers = itertools.count()
        self.pending: list[dict[str, Any]] = []
        self.old: dict[str, str] = {}
        self.unseen = False
        self.start()

    def start(self) -> None:
        telemetry = RecordingTelemetry("wallet")
        self.database = Database.open(self.url)
        self.ledger = Ledger(
            self.database,
            clock=self.clock,
            stripe=next(self.numbers) % tables.STRIPES,
            telemetry=telemetry,
            metrics=WalletMetrics(telemetry),
            batch_metrics=BatchMetrics(telemetry.registry),
            ceilings=WalletSettings().ceilings(),
        )
        directory = AccountDirectory(self.database)
        ceiling = {"*": 10**12}
        log = telemetry.logger
        self.wallet = WalletService(
            self.database, self.ledger, directory, self.clock, log, ceiling, Budget(10**6, 10**6)
        )

    def wait(self, work: Awaitable[Result]) -> Result:
        self.unseen = True
        return self.loop.run_until_complete(work)

    def stop(self) -> None:
        self.wait(self.ledger.close())
        self.wait(self.database.close())

    def teardown(self) -> None:
        self.stop()
        self.loop.close()

    @initialize()
    def two_merchants_with_money(self) -> None:
        for merchant in (*MERCHANTS, MERCHANTS[0]):
            self.open_account(merchant, 0)
            self.deposit(len(self.model.owners) - 1, 100_00)

    def next_name(self, merchant: str) -> str:
        """Return the first name that the merchant has no account of."""
        return f"{self.prefix}-a{list(self.model.owners.values()).count(merchant)}"

    @rule(merchant=st.sampled_from(MERCHANTS))
    def open_account_as_before(self, merchant: str) -> None:
        account = self.next_name(merchant)
        if account in self.old:
            return
        self.wait(open_as_before(self.url, (account, merchant)))
        self.old[account] = merchant
        self.model.owners[f"{merchant}/{account}"] = merchant

    @rule(merchant=st.sampled_from(MERCHANTS), overdraft=st.sampled_from([0, 0, 25_00]))
    def open_account(self, merchant: str, overdraft: int) -> None:
        account = self.next_name(merchant)
        limits = [{"currency": "USD", "amount": f"{overdraft / 100:.2f}"}] if overdraft else []
        wanted = AccountRequest.model_validate({"account_id": account, "overdrafts": limits})
        caller = Caller(merchant, roles=frozenset({"treasury", "audit"}))
        for _ in range(2):
            self.wait(self.wallet.open_accounts(caller, [wanted], many=False))
        self.model.owners[f"{merchant}/{account}"] = merchant
        self.model.limits[f"{merchant}/{account}", "USD"] = overdraft

    @rule(pick=PICKS, amount=AMOUNTS, whole=st.booleans())
    def deposit(self, pick: int, amount: int, whole: bool = False) -> None:
        account = self.account(pick)
        number = next(self.numbers)
        body = DepositRequest.model_validate(
            {
                "deposit_id": f"{self.prefix}-d{number}",
                "account_id": account if whole else account.partition("/")[2],
                "currency": "USD", "amount": f"{amount / 100:.2f}",
            }
        )  # fmt: skip
        caller = Caller(self.model.owners[account])
        first, minor = self.wait(self.wallet.deposit(caller, body))
        again, _ = self.wait(self.wallet.deposit(caller, body))
        assert (first.replayed, again.replayed, minor) == (False, True, amount)
        for key, moved in (((account, "USD"), amount), (("house:world", "USD"), -amount)):
            self.model.posted[key] = self.model.posted.get(key, 0) + moved

    @rule(source=PICKS, to=PICKS, amount=AMOUNTS, quote=st.sampled_from([None, "q1", "q2", "q3"]))
    def ask_payment(self, source: int, to: int, amount: int, quote: str | None) -> None:
        more = {"quote_id": f"{self.prefix}-{quote}"} if quote else {}
        self.ask(pay(self.name(), self.account(source), self.account(to), amount, **more), source)

    @rule(source=PICKS, to=PICKS, amount=AMOUNTS)
    def ask_fx_payment(self, source: int, to: int, amount: int) -> None:
        payer, receiver = self.account(source), self.account(to)
        # A quote is its merchant's, so a stranger brings one of its own.
        owner = self.model.owners[payer]
        stranger = MERCHANTS[owner == MERCHANTS[0]]
        merchant = stranger if source % 11 == 10 else owner
        self.pending.append(fx(self.name(), payer, receiver, amount, merchant=merchant))

    @precondition(lambda self: self.model.conversions())
    @rule(pick=PICKS, percent=st.integers(1, 110), before=st.none() | st.integers(0, 60_00))
    def ask_refund(self, pick: int, percent: int, before: int | None) -> None:
        """Mostly of what is left just now; what is pending may come in between."""
        made = self.model.conversions()
        original = made[pick % len(made)]
        paid = -original["postings"][0]["amount_minor"]
        if before is None:
            before = self.model.given_back(original)
        self.pending.append(fx_back(self.name(), original, max(1, paid * percent // 100), before))

    @rule(source=PICKS, amount=AMOUNTS | st.just(100_00), seconds=st.integers(0, 60))
    def ask_hold(self, source: int, amount: int, seconds: int) -> None:
        expires_at = self.clock.now() + seconds * 1_000_000
        terms = {"expires_at": expires_at}
        self.ask(hold(self.name(), self.account(source), amount, self.clock, **terms), source)

    @precondition(lambda self: self.model.holds)
    @rule(pick=PICKS, to=PICKS, percent=st.integers(1, 110) | st.just(100))
    def ask_capture(self, pick: int, to: int, percent: int) -> None:
        held = self.hold(pick)
        amount = max(1, held["amount_minor"] * percent // 100)
        item = capture(
            self.name(), held["transfer_id"], held["account_id"], self.account(to), amount,
            merchant=held["merchant"],
        )  # fmt: skip
        self.pending.append(item)

    @precondition(lambda self: self.model.holds)
    @rule(pick=PICKS)
    def ask_void(self, pick: int) -> None:
        held = self.hold(pick)
        self.pending.append(void(self.name(), held["transfer_id"], merchant=held["merchant"]))

    @precondition(lambda self: self.model.asked)
    @rule(pick=PICKS, percent=st.integers(1, 100))
    def ask_reversal(self, pick: int, percent: int) -> None:
        original = self.earlier(pick)
        legs = [
            leg(p["account_id"], -p["amount_minor"] * percent // 100, p["currency"])
            for p in original.get("postings", [])[:2]
        ]
        if len(legs) == 2 and legs[0]["currency"] == legs[1]["currency"]:
            legs[1]["amount_minor"] = -legs[0]["amount_minor"]
            if legs[0]["amount_minor"]:
                more = {"merchant": original["merchant"], "reverses": original["transfer_id"]}
                self.pending.append(post(self.name(), *legs, **more))

    @precondition(lambda self: self.model.asked)
    @rule(pick=PICKS, change=st.sampled_from(["same", "same", "context", "cancel"]))
    def ask_again(self, pick: int, change: str) -> None:
        item = dict(self.earlier(pick))
        if change == "context":
            item["context"] = {"try": next(self.numbers)}
        elif change == "cancel":
            item = cancel(item["transfer_id"], merchant=item["merchant"])
        self.pending.append(item)

    @rule()
    def ask_cancel(self) -> None:
        self.pending.append(cancel(self.name()))

    @precondition(lambda self: self.pending)
    @rule(bare=st.booleans())
    def submit(self, bare: bool) -> None:
        written = map(self.as_before, self.pending) if bare else self.pending
        batch = BATCH.validate_python({"items": list(written)})
        self.wait(self.wallet.directory.name_as_stored(batch.items))
        submissions = [Submission(to_transfer(item, verify)) for item in batch.items]
        outcomes = self.wait(self.ledger.submit(submissions))
        expected = [self.model.answer(item, self.clock.now()) for item in self.pending]
        assert [(o.status, o.code, o.replayed) for o in outcomes] == expected
        self.pending = []

    @rule(seconds=st.integers(1, 45))
    def expire(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)
        self.wait(release_expired(self.database, self.ledger, self.clock))
        self.model.expire(self.clock.now())

    @rule()
    def restart(self) -> None:
        self.stop()
        self.start()

    @invariant()
    def the_ledger_is_whole_and_agrees_with_the_model(self) -> None:
        # A step that only queues an item has not come near the database.
        if self.unseen:
            self.wait(self.database.read(self.compare))
            self.unseen = False

    def compare(self, connection: Connection) -> None:
        assert find_broken(connection) == []
        for account in self.model.owners:
            for line in reports.positions(connection, self.stored(account)):
                key = (account, line.currency)
                assert line.posted == self.model.posted.get(key, 0), key
                assert line.held == self.model.held(key), key
        query = select(tables.holds.c.hold_id, tables.holds.c.state)
        states = {row.hold_id: row.state for row in connection.execute(query)}
        for hold_id, held in self.model.holds.items():
            assert states[hold_id] == held["state"]

    def stored(self, account: str) -> str:
        """Return the ledger's id of an account."""
        merchant, _, name = account.partition("/")
        return name if self.old.get(name) == merchant else account

    def as_before(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return an item with its merchant's accounts by their bare names, if that says which."""

        def written(leg: dict[str, Any]) -> dict[str, Any]:
            merchant, _, name = leg["account_id"].partition("/")
            if merchant != item["merchant"] or self.old.get(name, merchant) != merchant:
                return leg
            return {**leg, "account_id": name}

        if "account_id" in item:
            return written(item)
        if "postings" in item:
            return {**item, "postings": [written(leg) for leg in item["postings"]]}
        return item

    def name(self) -> str:
        return f"{self.prefix}-t{next(self.numbers)}"

    def account(self, pick: int) -> str:
        return list(self.model.owners)[pick % len(self.model.owners)]

    def hold(self, pick: int) -> dict[str, Any]:
        return list(self.model.holds.values())[pick % len(self.model.holds)]

    def earlier(self, pick: int) -> dict[str, Any]:
        return list(self.model.asked.values())[pick % len(self.model.asked)]

    def ask(self, item: dict[str, Any], source: int) -> None:
        """Queue an item, mostly by the owner of its source."""
        owner = self.model.owners[self.account(source)]
        stranger = MERCHANTS[owner == MERCHANTS[0]]
        merchant = stranger if source % 11 == 10 else owner
        name = item["transfer_id"].replace(f":{MERCHANT}:", f":{merchant}:")
        self.pending.append({**item, "transfer_id": name, "merchant": merchant})


def run(url: str, examples: int) -> None:
    class Machine(LedgerMachine):
        def __init__(self) -> None:
            super().__init__(url)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_ledger_follows_its_model_on_sqlite(sqlite_ledger: str) -> None:
    run(sqlite_ledger, examples=25)


@pytest.mark.postgres
def test_the_ledger_follows_its_model_on_postgresql(postgres_ledger: str) -> None:
    run(postgres_ledger, examples=10)
