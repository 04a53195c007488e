"""The payment flow as a state machine against a plain model, on SQLite and on PostgreSQL.

After every step each currency sums to zero and every balance is exactly the model's.
"""

import asyncio
import tempfile
from collections.abc import Awaitable
from decimal import ROUND_DOWN, Context, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from tests.system.databases import create_databases

from kurs_testing.clock import ManualClock
from kurs_testing.joined import JoinedGateway

SAMPLES = Path(__file__).parents[1] / "data" / "resources"
ACCOUNTS = ("ann", "ben", "cai")
RATE = {"USD": 1, "IDR": 16000, "JPY": 150}
EXPONENT = {"USD": 100, "IDR": 100, "JPY": 1}
amounts = st.integers(min_value=1, max_value=400)


def bought(minor: int, source: str, destination: str) -> int:
    """What a source amount buys at the fixed test rates.

    Each leg over the base USD costs 50 basis points; a derived mid is cut to 16 digits.
    """
    if source == destination:
        return minor
    legs = (source, destination).count("USD") or 2
    mid = Context(prec=16, rounding=ROUND_DOWN).divide(
        Decimal(RATE[destination]), Decimal(RATE[source])
    )
    scale = Fraction(EXPONENT[destination], EXPONENT[source])
    return int(minor * Fraction(mid) * Fraction(10_000 - 50 * legs, 10_000) * scale)


class PaymentMachine(RuleBasedStateMachine):
    """Random requests through the gateway; the model is two dictionaries."""

    postgres: ClassVar[str | None] = None
    payments = Bundle("payments")
    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory(prefix="kurs-machine-")
        self.balances: dict[tuple[str, str], int] = {}
        self.known: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, bytes] = {}
        self.count = 0

    def run(self, work: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(work)

    @initialize()
    def start(self) -> None:
        urls = self.run(create_databases(self.postgres)) if self.postgres else {}
        overrides = {
            "payments": {"sweep_seconds": 3600.0, "payment_seconds": 60.0},
            "wallet": {"audit_seconds": 3600.0},
            "api-gateway": {"request_seconds": 90.0},
        }
        self.gateway = JoinedGateway(
            Path(self.folder.name) / "kurs",
            SAMPLES,
            databases=urls,
            clock=ManualClock(),
            overrides=overrides,
        )
        self.run(self.gateway.__aenter__())
        settle = {"ann": None, "ben": "IDR", "cai": "JPY"}
        for account in ACCOUNTS:
            self.run(self.gateway.open_and_fund(account, settlement_currency=settle[account]))
        self.settle = settle

    def teardown(self) -> None:
        if hasattr(self, "gateway"):
            self.run(self.gateway.__aexit__())
        self.loop.close()
        self.folder.cleanup()

    @rule(account=st.sampled_from(ACCOUNTS), currency=st.sampled_from(sorted(RATE)), minor=amounts)
    def deposit(self, account: str, currency: str, minor: int) -> None:
        self.count += 1
        body = {
            "deposit_id": f"d{self.count}",
            "account_id": account,
            "currency": currency,
            "amount": _major(minor, currency),
        }
        for _ in range(2):
            assert self.call("POST", "/deposits", body).status == 200
        self._add(account, currency, minor)

    @rule(
        target=payments,
        source=st.sampled_from(ACCOUNTS),
        destination=st.sampled_from(ACCOUNTS),
        currency=st.sampled_from(sorted(RATE)),
        minor=amounts,
    )
    def pay(self, source: str, destination: str, currency: str, minor: int) -> Any:
        name, answer, expected = self._request(source, destination, currency, minor, "automatic")
        assert answer["status"] == ("FAILED" if expected else "CAPTURED"), answer
        if expected:
            assert answer["failure"]["code"] == expected
            return multiple()
        self._add(source, currency, -minor)
        got = bought(minor, currency, self.settle[destination] or currency)
        self._add(destination, self.settle[destination] or currency, got)
        self.known[name] |= {"captured": minor, "refunded": 0, "got": got}
        return name

    @rule(
        target=held,
        source=st.sampled_from(ACCOUNTS),
        destination=st.sampled_from(ACCOUNTS),
        currency=st.sampled_from(sorted(RATE)),
        minor=amounts,
    )
    def authorize(self, source: str, destination: str, currency: str, minor: int) -> Any:
        name, answer, expected = self._request(source, destination, currency, minor, "manual")
        assert answer["status"] == ("FAILED" if expected else "AUTHORIZED"), answer
        if expected:
            return multiple()
        self._add(source, currency, -minor)
        self.known[name]["held"] = True
        return name

    @rule(target=payments, name=held, part=st.integers(min_value=1, max_value=100))
    def capture(self, name: str, part: int) -> Any:
        known = self.known[name]
        minor = max(1, known["minor"] * part // 100)
        body = {"amount": _major(minor, known["currency"])}
        answer = self.call("POST", f"/payments/{name}/capture", body)
        if not known.get("held"):
            assert answer.status in (200, 409)
            return multiple()
        full = bought(known["minor"], known["currency"], known["to"])
        got = full * minor // known["minor"]
        if got == 0:
            assert answer.json()["code"] == "amount_too_small"
            return multiple()
        assert answer.json()["status"] == "CAPTURED", answer.body
        known["held"] = False
        self._add(known["source"], known["currency"], known["minor"] - minor)
        self._add(known["destination"], known["to"], got)
        known |= {"captured": minor, "refunded": 0, "got": got}
        return name

    @rule(name=held)
    def void(self, name: str) -> None:
        known = self.known[name]
        answer = self.call("POST", f"/payments/{name}/void")
        if not known.get("held"):
            assert answer.status in (200, 409)
            return
        assert answer.json()["status"] == "VOIDED"
        known["held"] = False
        self._add(known["source"], known["currency"], known["minor"])

    @rule(name=payments, minor=amounts)
    def refund(self, name: str, minor: int) -> None:
        known = self.known[name]
        self.count += 1
        path, headers = f"/payments/{name}/refunds", {"idempotency-key": f"r{self.count}"}
        body = {"amount": _major(minor, known["currency"])}
        answer = self.call("POST", path, body, headers)
        again = self.call("POST", path, body, headers)
        if minor > known["captured"] - known["refunded"]:
            assert answer.status == 409
            return
        assert again.body == answer.body
        before = -(-known["got"] * known["refunded"] // known["captured"])
        after = -(-known["got"] * (known["refunded"] + minor) // known["captured"])
        has = self.balances.get((known["destination"], known["to"]), 0)
        if after - before > has:
            assert answer.json()["failure"]["code"] == "insufficient_funds"
            return
        assert answer.json()["status"] == "SUCCEEDED", answer.body
        known["refunded"] += minor
        self._add(known["source"], known["currency"], minor)
        self._add(known["destination"], known["to"], before - after)

    @rule(name=payments)
    def replay(self, name: str) -> None:
        known = self.known[name]
        if name in self.answers:
            again = self.call("POST", "/payments", known["body"])
            assert again.body == self.answers[name]

    @rule()
    def restart(self) -> None:
        self.run(self.gateway.restart())

    @invariant()
    def every_currency_sums_to_zero(self) -> None:
        if hasattr(self, "settle"):
            assert all(float(total) == 0 for total in self.run(self.gateway.sums()).values())

    @invariant()
    def balances_are_the_models(self) -> None:
        for (account, currency), minor in self.balances.items():
            assert minor >= 0
            got = self.run(self.gateway.balance(account, currency))
            assert round(float(got) * EXPONENT[currency]) == minor, (account, currency)

    def call(self, method: str, path: str, body: Any = None, headers: Any = None) -> Any:
        return self.run(self.gateway.call(method, path, body, headers=headers))

    def _request(
        self, source: str, destination: str, currency: str, minor: int, capture: str
    ) -> tuple[str, Any, str]:
        self.count += 1
        name = f"p{self.count}"
        body = {
            "payment_id": name,
            "amount": _major(minor, currency),
            "currency": currency,
            "source_account": source,
            "destination_account": destination,
            "capture": capture,
        }
        answer = self.call("POST", "/payments", body)
        self.answers[name] = answer.body
        to = self.settle[destination] or currency
        self.known[name] = {
            "body": body, "source": source, "destination": destination,
            "currency": currency, "to": to, "minor": minor,
        }  # fmt: skip
        return name, answer.json(), self._refusal(source, destination, currency, minor, to)

    def _refusal(self, source: str, destination: str, currency: str, minor: int, to: str) -> str:
        if source == destination:
            return "same_account"
        if bought(minor, currency, to) == 0:
            return "amount_too_small"
        if self.balances.get((source, currency), 0) < minor:
            return "insufficient_funds"
        return ""

    def _add(self, account: str, currency: str, minor: int) -> None:
        key = (account, currency)
        self.balances[key] = self.balances.get(key, 0) + minor


def _major(minor: int, currency: str) -> str:
    return f"{minor // 100}.{minor % 100:02d}" if EXPONENT[currency] == 100 else str(minor)


MACHINE = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_payments_agree_with_the_model_on_sqlite() -> None:
    PaymentMachine.postgres = None
    run_state_machine_as_test(PaymentMachine, settings=MACHINE)


@pytest.mark.postgres
def test_payments_agree_with_the_model_on_postgresql(postgres_server: str) -> None:
    PaymentMachine.postgres = postgres_server
    run_state_machine_as_test(PaymentMachine, settings=settings(MACHINE, max_examples=4))
