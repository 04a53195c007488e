"""A ledger without a database: one view for ever, for tests of the rules."""

from collections.abc import Mapping
from typing import Any

from tests.wallet.harness import MERCHANT, named
from tests.wallet.quotes import verify

from kurs_testing.clock import ManualClock
from wallet.domain.deposits import Room
from wallet.domain.evaluate import Evaluation
from wallet.domain.transfers import Kind, Outcome, Posting, Transfer
from wallet.domain.view import Balance, Key, View, is_house
from wallet.schemas.batch import BATCH, to_transfer

HOUSE = {f"house:{name}": "house:" for name in ("world", "liquidity", "fx-revenue")}


class MemoryLedger:
    """Evaluates items over a view that plays the database. `accounts` are ids and merchants."""

    def __init__(
        self, accounts: Mapping[str, str], overdrafts: Mapping[Key, int] | None = None
    ) -> None:
        self.view = View()
        self.clock = ManualClock()
        self._merchants = {**HOUSE, **accounts}
        self._overdrafts = overdrafts or {}

    def submit(self, *items: dict[str, Any]) -> list[Outcome]:
        batch = BATCH.validate_python({"items": list(items)})
        return self._run([to_transfer(item, verify) for item in batch.items])

    def ask(self, item: dict[str, Any]) -> Outcome:
        return self.submit(item)[0]

    def apply(self, *items: dict[str, Any]) -> None:
        outcomes = self.submit(*items)
        assert [o.status for o in outcomes] == ["applied"] * len(items), outcomes

    def fund(self, account_id: str, minor: int, currency: str = "USD") -> None:
        """Put money into an account, as a deposit does."""
        for account, amount in (("house:world", -minor), (account_id, minor)):
            self._add(account, currency)
            self.view.balances[account, currency].post(amount)

    def expire(self, hold_id: str) -> Outcome:
        transfer = Transfer(
            transfer_id=f"expire:{named(hold_id)}", kind=Kind.EXPIRY, merchant=MERCHANT,
            content="{}", hold_id=named(hold_id),
        )  # fmt: skip
        return self._run([transfer])[0]

    def deposit(self, account_id: str, amount: int, room: Room) -> Outcome:
        """Deposit minor units of USD while `room` is left."""
        self.view.rooms["USD"] = room
        legs = (Posting("house:world", "USD", -amount), Posting(account_id, "USD", amount))
        transfer = Transfer(
            transfer_id="deposit:demo:d", kind=Kind.DEPOSIT, merchant=MERCHANT, content="{}",
            postings=legs,
        )  # fmt: skip
        return self._run([transfer])[0]

    def totals(self) -> dict[Key, tuple[int, int]]:
        """Return posted and held of every balance that is not zero."""
        balances = self.view.balances.items()
        return {key: (b.posted, b.held) for key, b in balances if b.posted or b.held}

    def _run(self, transfers: list[Transfer]) -> list[Outcome]:
        for transfer in transfers:
            for posting in transfer.postings:
                self._add(posting.account_id, posting.currency)
            if transfer.hold is not None:
                self._add(transfer.hold.account_id, transfer.hold.currency)
        evaluation = Evaluation(self.view, self.clock.now())
        outcomes = evaluation.run(transfers)
        for record in evaluation.changes.transfers:
            if record.reverses is not None and record.status == "applied":
                self.view.reversals.setdefault(record.reverses, []).append(record)
        return outcomes

    def _add(self, account_id: str, currency: str) -> None:
        key = (account_id, currency)
        if account_id in self._merchants and key not in self.view.balances:
            limit = None if is_house(account_id) else self._overdrafts.get(key, 0)
            self.view.balances[key] = Balance(
                account_id, currency, self._merchants[account_id], overdraft=limit
            )
