"""The load: accounts with money, and payments with what follows them, all drawn from one seed.

Everything that a round makes carries the round's name, so that rounds can share a gateway and
each is judged by itself.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

EXPONENTS = {"USD": 2, "EUR": 2, "IDR": 2, "JPY": 0, "BHD": 3}
_PAYERS = 5
_FUNDS = {"USD": 100_000_000, "EUR": 20_000_000, "JPY": 20_000_000, "BHD": 90_000_000}
_POOR_FUNDS = 10_000
_SETTLES_IN = (None, "IDR", "JPY", "EUR", "BHD")
_LARGEST = {"USD": 9_000, "EUR": 9_000, "JPY": 12_000, "BHD": 30_000}
_REVIEWED = 600_000
"""USD 6,000.00: over the limit of the sample resources, so that a person has to decide."""


@dataclass(frozen=True, slots=True)
class Step:
    """One request about a payment: `pay` makes it, the others act on it.

    `amount` is in minor units of the payment's currency, 0 for all of it.
    """

    name: str
    action: str
    path: str
    body: dict[str, Any] | None
    key: str = ""
    amount: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """One payment and what is to become of it.

    `follow` is sent when it is authorized, `decision` when it is in review, `refunds` when it is
    captured. `may_fail` and `must_fail` are failure codes. A `patient` one is not repeated before
    the services have finished by themselves what they began.
    """

    payment_id: str
    pay: Step
    decision: Step
    follow: Step | None = None
    refunds: Sequence[Step] = ()
    may_fail: frozenset[str] = frozenset()
    must_fail: str | None = None
    patient: bool = False

    def steps(self) -> list[Step]:
        """Return every request that the payment may need."""
        follow = [] if self.follow is None else [self.follow]
        return [self.pay, *follow, self.decision, *self.refunds]


@dataclass(slots=True)
class Plan:
    """A round: who has which money at first (minor units), and the payments in their order."""

    name: str
    seed: int
    accounts: dict[str, str | None] = field(default_factory=dict)
    funds: dict[tuple[str, str], int] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)


def mixed_plan(name: str, seed: int, count: int) -> Plan:
    """Return a round of `count` payments of every sort over a few accounts."""
    plan = Plan(name, seed)
    payers = [f"{name}-payer-{i}" for i in range(_PAYERS)]
    for payer in payers:
        plan.accounts[payer] = None
        plan.funds.update({(payer, currency): minor for currency, minor in _FUNDS.items()})
    plan.accounts[f"{name}-poor"] = None
    plan.funds[f"{name}-poor", "USD"] = _POOR_FUNDS
    for i, currency in enumerate(_SETTLES_IN):
        plan.accounts[f"{name}-receiver-{i}"] = currency
    chance = random.Random(f"{seed}:{name}")
    plan.jobs = [_drawn(plan, chance, i) for i in range(count)]
    return plan


def overdrawing_plan(name: str, seed: int, count: int) -> Plan:
    """Return a round of `count` equal payments from one account that has money for half of them."""
    plan = Plan(name, seed, {f"{name}-hot": None, f"{name}-cold": None})
    plan.funds[f"{name}-hot", "USD"] = 700 * (count // 2)
    for i in range(count):
        body = _pay_body(f"{name}-{i:04}", 700, "USD", f"{name}-hot", f"{name}-cold")
        plan.jobs.append(_job(body, 700, may_fail=frozenset({"insufficient_funds"})))
    return plan


def funding(plan: Plan) -> Iterator[tuple[str, Any]]:
    """Yield path and body of the requests that open and fund the accounts; all are repeatable."""
    yield (
        "/accounts",
        [
            {"account_id": account} | ({"settlement_currency": currency} if currency else {})
            for account, currency in plan.accounts.items()
        ],
    )
    for (account, currency), minor in plan.funds.items():
        yield (
            "/deposits",
            {
                "deposit_id": f"{account}-{currency}",
                "account_id": account,
                "currency": currency,
                "amount": major(minor, currency),
            },
        )


def major(minor: int, currency: str) -> str:
    """Render minor units as an amount of the API."""
    digits = EXPONENTS[currency]
    whole, part = divmod(minor, 10**digits)
    return f"{whole}.{part:0{digits}}" if digits else str(whole)


def _drawn(plan: Plan, chance: random.Random, index: int) -> Job:
    payment_id = f"{plan.name}-{index:04}"
    # Half of the money goes through one account: its row is where everyone waits.
    source = f"{plan.name}-payer-{chance.choice((0, 0, 0, 1, 2, 3, 4))}"
    target = f"{plan.name}-receiver-{chance.randrange(len(_SETTLES_IN))}"
    currency = chance.choice(("USD", "USD", "USD", "EUR", "JPY", "BHD"))
    amount = chance.randint(_LARGEST[currency] // 20, _LARGEST[currency])
    body = _pay_body(payment_id, amount, currency, source, target)
    options: dict[str, Any] = {"patient": chance.random() < 0.4}
    options["key"] = f"key-{payment_id}" if chance.random() < 0.5 else ""
    options["refuses"] = chance.random() < 0.3
    sort = chance.choices(
        ("paid", "captured", "voided", "left", "refunded", "reviewed", "broken", "poor"),
        (35, 20, 8, 7, 14, 6, 4, 6),
    )[0]
    if sort in ("captured", "voided", "left"):
        body["capture"] = "manual"
    if sort == "captured":
        part = chance.choice((0, 0, chance.randint(amount // 2, amount)))
        options["follow"] = _act("capture", payment_id, part, currency)
    elif sort == "voided":
        options["follow"] = _act("void", payment_id)
    elif sort == "refunded":
        parts = chance.choice(((amount,), (amount // 3, amount // 3), (amount // 7,)))
        options["refunds"] = [
            _refund(payment_id, number, part, currency) for number, part in enumerate(parts)
        ]
    elif sort == "reviewed":
        amount, body["currency"] = _REVIEWED, "USD"
        body["amount"] = major(amount, "USD")
    elif sort == "poor":
        amount = chance.randint(1_000, 4_000)
        body = _pay_body(payment_id, amount, "USD", f"{plan.name}-poor", target)
        options["may_fail"] = frozenset({"insufficient_funds"})
    elif sort == "broken":
        options["must_fail"] = _break(body, chance)
    return _job(body, amount, **options)


def _break(body: dict[str, Any], chance: random.Random) -> str:
    code = chance.choice(("account_not_found", "same_account", "pair_not_supported"))
    if code == "account_not_found":
        body["destination_account"] += "-missing"
    elif code == "same_account":
        body["destination_account"] = body["source_account"]
    else:
        body["destination_currency"] = "THB"
    return code


def _job(
    body: dict[str, Any], amount: int, *, key: str = "", refuses: bool = False, **options: Any
) -> Job:
    payment_id = body["payment_id"]
    pay = Step(f"{payment_id} pay", "pay", "/payments", body, key, amount)
    decision = _act("refuse" if refuses else "approve", payment_id)
    return Job(payment_id, pay, decision, **options)


def _pay_body(
    payment_id: str, amount: int, currency: str, source: str, target: str
) -> dict[str, Any]:
    return {
        "payment_id": payment_id,
        "amount": major(amount, currency),
        "currency": currency,
        "source_account": source,
        "destination_account": target,
    }


def _act(action: str, payment_id: str, amount: int = 0, currency: str = "USD") -> Step:
    body = {"amount": major(amount, currency)} if amount else None
    path = f"/payments/{payment_id}/{action}"
    return Step(f"{payment_id} {action}", action, path, body, "", amount)


def _refund(payment_id: str, number: int, amount: int, currency: str) -> Step:
    path, name = f"/payments/{payment_id}/refunds", f"{payment_id} refund {number}"
    body = {"amount": major(amount, currency)}
    return Step(name, "refund", path, body, f"{payment_id}-refund-{number}", amount)
