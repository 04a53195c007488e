"""Random histories of payments, time, restarts and new documents, against a plain model.

The same machine runs on SQLite and on PostgreSQL.
"""

import asyncio
import itertools
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from tests.risk.harness import limits, policy
from tests.risk.services import service_on

from kurs.data.database import Database
from kurs.data.migrations import migrate
from kurs.kernel.clock import MICROS
from kurs_testing.clock import ManualClock
from risk.domain.attempt import Attempt
from risk.domain.batch import Conflict, Scored
from risk.domain.policy import Policy
from risk.migrations import VERSIONS
from risk.service import RiskService, Skipped, WaitingAttempt
from risk.store import remove_expired

MINUTE, HOUR = 60, 3600
REVIEW_ABOVE = 50_00
HOURLY = 120_00
IDR_PER_USD = 16_000
COUNTS = (2, 4)
"""The attempts a minute of the two documents that take turns."""


def document(attempts: int) -> Policy:
    return policy(
        standard={
            "perPayment": limits(REVIEW_ABOVE, 10**12),
            "velocity": [
                {"name": "m", "window": "1m", "maxCount": attempts, "action": "Decline"},
                {"name": "h", "window": "1h", "maxAmountMinor": HOURLY, "action": "Review"},
            ],
        }
    )


POLICIES = {attempts: document(attempts) for attempts in COUNTS}


@dataclass
class Model:
    """What risk promises, written down the slow way: a list of everything that was attempted."""

    attempted: list[tuple[int, str, int]] = field(default_factory=list)
    """Moment in seconds, account, amount in hundredths of a dollar (rounded up)."""
    decided: dict[str, tuple[Attempt, str, int]] = field(default_factory=dict)
    counted: int = 0

    def score(self, payment: Attempt, now: int, attempts: int) -> tuple[str, Any]:
        known = self.decided.get(payment.payment_id)
        if known is not None:
            same = known[0] == payment
            return ("replayed", known[1:]) if same else ("conflict", payment.payment_id)
        dollars = payment.amount_minor
        if payment.currency == "IDR":
            dollars = -(-payment.amount_minor // IDR_PER_USD)
        self.attempted.append((now, payment.source_account, dollars))
        points = 50 if dollars > REVIEW_ABOVE else 0
        if len(self._within(payment.source_account, now, MINUTE)) > attempts:
            points += 100
        if sum(self._within(payment.source_account, now, HOUR)) > HOURLY:
            points += 50
        score = min(points, 100)
        outcome = "decline" if score >= 80 else "review" if score >= 50 else "approve"
        self.decided[payment.payment_id] = (payment, outcome, score)
        return ("scored", (outcome, score))

    def _within(self, account: str, now: int, window: int) -> list[int]:
        width = window // 12
        begin = (now - window) // width * width
        return [a for at, who, a in self.attempted if who == account and at >= begin]


class RiskMachine(RuleBasedStateMachine):
    """One replica that is restarted now and then."""

    url: ClassVar[str]
    histories: ClassVar[Iterator[int]] = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = ManualClock()
        self.model = Model()
        self.attempts = COUNTS[0]
        # Histories share a database; a merchant's payments and counters are its own.
        self.merchant = f"m{next(self.histories)}"

    @initialize()
    def start(self) -> None:
        self.stack = AsyncExitStack()
        self.database = Database.open(self.url)
        running = service_on(self.database, self.clock, lambda: POLICIES[self.attempts])
        self.service: RiskService = self.runner.run(self.stack.enter_async_context(running))

    @rule()
    def restart(self) -> None:
        self.stop()
        self.start()

    @rule(
        payments=st.lists(
            st.tuples(
                st.integers(0, 12),
                st.sampled_from(("alice", "bob")),
                st.sampled_from((("USD", 1_00), ("USD", 50_01), ("IDR", 160_000), ("IDR", 1))),
                st.sampled_from((False, False, False, True)),
            ),
            min_size=1,
            max_size=6,
        )
    )
    def score(self, payments: list[tuple[int, str, tuple[str, int], bool]]) -> None:
        orders = [self._waiting(*payment) for payment in payments]
        expected = [
            ("skipped", order.attempt.payment_id)
            if order.expires_monotonic is not None
            else self.model.score(order.attempt, self.clock.now() // MICROS, self.attempts)
            for order in orders
        ]
        results = self.runner.run(self.service.score(orders))

        assert [_plain(result) for result in results] == expected

    @rule(seconds=st.sampled_from((0.4, 4, 5, 59, 60, 65, 300, 3600, 3900)))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)

    @rule(attempts=st.sampled_from(COUNTS))
    def swap_the_document(self, attempts: int) -> None:
        self.attempts = attempts

    @rule()
    def clean_up(self) -> None:
        now = self.clock.now() // MICROS
        self.runner.run(self.database.write(lambda c: remove_expired(c, now, 1_000)))

    @invariant()
    def what_is_stored_is_what_was_decided(self) -> None:
        if not hasattr(self, "database"):
            return
        query = (
            "SELECT payment_id, outcome, score FROM decisions "
            f"WHERE payment_id LIKE '{self.merchant}:%'"
        )
        found = self.runner.run(self.database.read(lambda c: c.exec_driver_sql(query).all()))
        stored = {payment_id: (outcome, score) for payment_id, outcome, score in found}

        assert stored == {
            k: (outcome, score) for k, (_, outcome, score) in self.model.decided.items()
        }

    def stop(self) -> None:
        async def run() -> None:
            await self.stack.aclose()
            await self.database.close()

        self.runner.run(run())

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.stop()
        self.runner.close()

    def _waiting(
        self, number: int, source: str, money: tuple[str, int], late: bool
    ) -> WaitingAttempt:
        payment = Attempt(
            f"{self.merchant}:p{number}", self.merchant, money[1], money[0], source, "x"
        )
        return WaitingAttempt(payment, expires_monotonic=0.0 if late else None)


def _plain(result: object) -> tuple[str, Any]:
    if isinstance(result, Skipped):
        return ("skipped", result.payment_id)
    if isinstance(result, Conflict):
        return ("conflict", result.payment_id)
    assert isinstance(result, Scored), result
    decision = result.decision
    assert bool(json.loads(decision.reasons)) == (decision.score > 0)
    return ("replayed" if result.replayed else "scored", (decision.outcome, decision.score))


def test_every_history_agrees_with_the_model(database_url: str) -> None:
    migrate(database_url, VERSIONS)
    machine = type("Machine", (RiskMachine,), {"url": database_url})

    # The rules are the same code on both; PostgreSQL takes several times as long for a history.
    histories = 20 if database_url.startswith("sqlite") else 8
    run_state_machine_as_test(
        machine, settings=settings(max_examples=histories, stateful_step_count=15, deadline=None)
    )
