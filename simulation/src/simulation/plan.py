"""What a seed draws before anything runs: who asks for what, and what goes wrong when.

A plan is data, so that a failing one can be cut down: sessions and faults are dropped until none
can go without the failure going, too.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from simulation.topology import RECEIVERS, REPLICAS, STORES, WEBHOOKS

ACCOUNTS: dict[str, str | None] = {
    "ann": None, "ben": "IDR", "cai": "JPY", "dee": "USD", "eve": "BHD", "fay": None,
}  # fmt: skip
"""The accounts of a world, with the currency that each settles in."""
OVERDRAFTS = {"fay": {"USD": 4_000_00, "JPY": 500_000}}
"""How far an account may go below zero, in minor units."""
FUNDS = {"USD": 12_000_00, "IDR": 160_000_000_00, "JPY": 1_500_000, "BHD": 4_000_000}
"""What accounts begin with, in minor units."""
_POOR = {"eve": 20, "dee": 5}
"""Who begins with so many times less: too little for payments that nobody would look into."""


def first_funds(account: str) -> dict[str, int]:
    """Return what an account begins with, by currency, in minor units."""
    return {currency: minor // _POOR.get(account, 1) for currency, minor in FUNDS.items()}


USUAL_SECONDS, USUAL_PAYMENTS, USUAL_FAULTS = 20.0, 40, 12
"""How much a seed has: much of it at once, so that one of a second of CPU meets what is rare."""


class Capture(StrEnum):
    """When a payment takes the money."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class Ending(StrEnum):
    """What a client does with a payment that is held."""

    CAPTURE = "capture"
    PART = "part"
    VOID = "void"
    LEAVE = "leave"


class Quoted(StrEnum):
    """How a client uses a quote of its own."""

    NONE = "none"
    ONCE = "once"
    TWICE = "twice"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Session:
    """What one client does about one payment, from its first request to the last refund.

    Amounts are in minor units, moments and waits in seconds. `racers` clients send the same
    request at once; `other` sends other content under the same key; `refunds` are shares of what
    was captured, in percent; with `rivals` they are asked for at once, and a capture beside a void.
    """

    number: int
    at: float
    source: str
    destination: str
    currency: str
    destination_currency: str | None
    amount: int
    capture: Capture
    ending: Ending
    quoted: Quoted
    racers: int
    other: bool
    replays: int
    refunds: tuple[int, ...]
    approve: bool
    rivals: bool
    pause: float


@dataclass(frozen=True, slots=True)
class Deposit:
    """Money that one client brings, and how it asks; `other` sends another amount under the id."""

    number: int
    at: float
    account: str
    currency: str
    amount: int
    racers: int
    other: bool
    replays: int
    pause: float


class Trouble(StrEnum):
    """What can go wrong; each can be switched off by its name."""

    KILL = "kill"
    KILL_INSIDE = "kill-inside"
    KILL_ASKING = "kill-asking"
    TERMINATE = "terminate"
    FREEZE = "freeze"
    FREEZE_ASKING = "freeze-asking"
    PART = "part"
    LOSE = "lose"
    LATE = "late"
    DOUBLE = "double"
    RESET = "reset"
    CLOCK_STEP = "clock-step"
    CLOCK_RATE = "clock-rate"
    DATABASE_GONE = "database-gone"
    DATABASE_READ_ONLY = "database-read-only"
    DATABASE_FULL = "database-full"
    DATABASE_SLOW = "database-slow"
    RATES_SILENT = "rates-silent"
    RATES_GARBLED = "rates-garbled"
    RATES_JUMP = "rates-jump"
    EDIT = "edit"
    ROLL = "roll"
    RECEIVER_DEAD = "receiver-dead"
    RECEIVER_SLOW = "receiver-slow"
    RECEIVER_FAILS = "receiver-fails"
    RECEIVER_BUSY = "receiver-busy"
    RECEIVER_GONE = "receiver-gone"
    RECEIVER_LATE = "receiver-late"
    RECEIVER_LOSES = "receiver-loses"
    RECEIVER_LIES = "receiver-lies"


_RECEIVERS = frozenset(trouble for trouble in Trouble if trouble.startswith("receiver-"))
_LINKS = frozenset({Trouble.PART, Trouble.LOSE, Trouble.LATE, Trouble.DOUBLE, Trouble.RESET})
_DATABASES = frozenset(
    {
        *(Trouble.DATABASE_GONE, Trouble.DATABASE_READ_ONLY, Trouble.DATABASE_FULL),
        Trouble.DATABASE_SLOW,
    }
)
_PROCESSES = frozenset(
    {
        *(Trouble.KILL, Trouble.KILL_INSIDE, Trouble.TERMINATE, Trouble.FREEZE),
        *(Trouble.CLOCK_STEP, Trouble.CLOCK_RATE),
    }
)
_ASKING = frozenset({Trouble.KILL_ASKING, Trouble.FREEZE_ASKING})
"""What strikes a process whose question was carried out, and who does not know it yet."""
_OF_WEBHOOKS = _RECEIVERS | _LINKS | _DATABASES | _PROCESSES | {Trouble.EDIT, Trouble.ROLL}


@dataclass(frozen=True, slots=True)
class Fault:
    """One trouble: from `at` on for `seconds`; `target` is a process, a link or a service.

    `much` is how bad, 0 to 1; what it means is the trouble's.
    """

    at: float
    trouble: Trouble
    target: str
    seconds: float
    much: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run: `seconds` of it, then the faults end and everything settles."""

    seed: int
    seconds: float
    sessions: tuple[Session, ...]
    deposits: tuple[Deposit, ...]
    faults: tuple[Fault, ...]
    webhooks: bool = False
    """Whether events go to receivers."""


LINKS = (
    "client>gateway", "gateway>payments", "gateway>wallet", "gateway>fx", "payments>risk",
    "payments>fx", "payments>wallet", "risk>fx",
)  # fmt: skip


WEBHOOK_LINKS = (
    "webhooks>payments",
    "webhooks>receivers",
    "webhooks>receivers",
    "gateway>webhooks",
)
EVERY_WEBHOOKS = 3
"""Of how many seeds one has receivers: it costs time, and the others stay as they were."""


def draw(
    seed: int, *, seconds: float, payments: int, troubles: frozenset[Trouble], faults: int
) -> Plan:
    """Return the plan of a seed: `payments` sessions and `faults` faults over `seconds`."""
    chance = random.Random(f"plan {seed}")
    sessions = sorted(
        (_session(chance, number, seconds) for number in range(payments)), key=lambda s: s.at
    )
    wrong = list(_faults(chance, troubles - _RECEIVERS, faults, seconds))
    webhooks = seed % EVERY_WEBHOOKS == 0
    if webhooks:
        # From a stream of its own, so that nothing else of the seed's plan changes by it.
        own = random.Random(f"webhooks {seed}")
        wrong += _webhook_faults(own, troubles & _OF_WEBHOOKS, faults // 2, seconds)
    wrong.sort(key=lambda f: f.at)
    brought = tuple(_deposit(chance, number, seconds) for number in range(payments // 10))
    return Plan(seed, seconds, tuple(sessions), brought, tuple(wrong), webhooks)


def _deposit(chance: random.Random, number: int, seconds: float) -> Deposit:
    currency = chance.choice(list(FUNDS))
    return Deposit(
        number=number,
        at=chance.uniform(0, seconds),
        account=chance.choice(list(ACCOUNTS)),
        currency=currency,
        amount=_amount(chance, currency),
        racers=chance.choice((1, 2, 3)),
        other=chance.random() < 0.2,
        replays=chance.choice((0, 1, 2)),
        pause=chance.choice((0.0, 0.05, 1.0, 8.0)),
    )


def _session(chance: random.Random, number: int, seconds: float) -> Session:
    source, destination = chance.sample(list(ACCOUNTS), 2)
    if chance.random() < 0.02:
        destination = source
    currency = chance.choice(list(FUNDS))
    crosses = chance.random() < 0.5
    wanted = chance.choice([c for c in FUNDS if c != currency]) if crosses else None
    manual = chance.random() < 0.3
    quoted = Quoted.NONE
    if wanted is not None and not manual and chance.random() < 0.3:
        quoted = chance.choice([Quoted.ONCE, Quoted.ONCE, Quoted.TWICE, Quoted.LATE])
    return Session(
        number=number,
        at=chance.uniform(0, seconds),
        source=source,
        destination=destination,
        currency=currency,
        destination_currency=wanted,
        amount=_amount(chance, currency),
        capture=Capture.MANUAL if manual else Capture.AUTOMATIC,
        ending=chance.choice(list(Ending)),
        quoted=quoted,
        racers=chance.choice((1, 1, 1, 2, 3)),
        other=chance.random() < 0.1,
        replays=chance.choice((0, 0, 1, 2)),
        refunds=_refunds(chance),
        approve=chance.random() < 0.6,
        rivals=chance.random() < 0.2,
        pause=chance.choice((0.0, 0.05, 1.0, 4.0, 12.0)),
    )


def _amount(chance: random.Random, currency: str) -> int:
    """From dust to more than there is: accounts run dry, and some payments are reviewed."""
    most = FUNDS[currency]
    share = chance.choice((0.0005, 0.01, 0.1, 0.4, 0.9, 1.5))
    return 1 if chance.random() < 0.05 else max(1, round(most * share * chance.random()))


def _refunds(chance: random.Random) -> tuple[int, ...]:
    return chance.choice(((), (), (), (100,), (50, 50), (33, 33, 34), (70, 70), (1,)))


def _faults(
    chance: random.Random, troubles: frozenset[Trouble], count: int, seconds: float
) -> Iterator[Fault]:
    """Yield a seed's faults: of a few kinds, so that what needs two of them together occurs.

    All kinds at once hide what some of them bring about (Groce et al. 2012, "Swarm Testing").
    """
    yield from _some(chance, troubles, count, seconds, _target)


def _webhook_faults(
    chance: random.Random, troubles: frozenset[Trouble], count: int, seconds: float
) -> Iterator[Fault]:
    """Yield what goes wrong with webhooks, and with receivers."""
    yield from _some(chance, troubles, count, seconds, _target_of_webhooks)


def _some(
    chance: random.Random,
    troubles: frozenset[Trouble],
    count: int,
    seconds: float,
    target: Callable[[random.Random, Trouble], str],
) -> Iterator[Fault]:
    if not troubles:
        return
    kinds = chance.sample(sorted(troubles), chance.randint(min(3, len(troubles)), len(troubles)))
    for _ in range(count):
        trouble = chance.choice(kinds)
        yield Fault(
            at=chance.uniform(0, seconds),
            trouble=trouble,
            target=target(chance, trouble),
            seconds=chance.choice((0.05, 0.5, 2.0, 10.0, 25.0)),
            much=chance.random(),
        )


def _target_of_webhooks(chance: random.Random, trouble: Trouble) -> str:
    if trouble in _RECEIVERS:
        return chance.choice(tuple(RECEIVERS))
    if trouble in _LINKS:
        return chance.choice(WEBHOOK_LINKS)
    (service,) = WEBHOOKS
    if trouble in _PROCESSES:
        return f"{service}-{chance.randint(1, WEBHOOKS[service])}"
    return service


def _target(chance: random.Random, trouble: Trouble) -> str:
    if trouble in _LINKS:
        return "payments>wallet" if chance.random() < 0.3 else chance.choice(LINKS)
    if trouble in _DATABASES:
        return chance.choice(STORES)
    if trouble in (Trouble.RATES_SILENT, Trouble.RATES_GARBLED, Trouble.RATES_JUMP):
        return "market"
    if trouble in _ASKING:
        return f"payments-{chance.randint(1, REPLICAS['payments'])}"
    if trouble is Trouble.ROLL:
        return chance.choice(tuple(REPLICAS))
    if trouble is Trouble.EDIT:
        return chance.choice(("fx", "risk"))
    services = STORES if trouble is Trouble.KILL_INSIDE else tuple(REPLICAS)
    # Where an operation is half done, more is to be lost.
    service = "payments" if chance.random() < 0.4 else chance.choice(services)
    return f"{service}-{chance.randint(1, REPLICAS[service])}"
