"""What the demo pays: steps of load, and the accounts and amounts that the k6 script takes, too."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from loadtest.catalogue import PAYEE, PAYER
from loadtest.preparation import Funding
from loadtest.rows import Row

PAYERS = 50
AMOUNTS: Mapping[str, str] = MappingProxyType({"EUR": "1.10", "IDR": "20000.00", "USD": "1.25"})
"""The amount of each payment, in major units, by currency."""
MOST_PER_SECOND, MOST_SECONDS = 2000, 3600


@dataclass(frozen=True, slots=True)
class Plan:
    """Payments per second in each of the steps, which last `step_seconds` each."""

    run: str
    steps: tuple[int, ...]
    step_seconds: int

    def __post_init__(self) -> None:
        if not self.steps or not all(0 < step <= MOST_PER_SECOND for step in self.steps):
            raise ValueError(f"steps are 1 to {MOST_PER_SECOND} payments/s each")
        if not self.step_seconds >= 5 or self.seconds > MOST_SECONDS:
            raise ValueError(f"a step takes 5 s or more, all of them {MOST_SECONDS} s at most")

    @property
    def seconds(self) -> int:
        """How long the load lasts."""
        return len(self.steps) * self.step_seconds

    @property
    def most_payments(self) -> int:
        """How many payments are begun at most."""
        return sum(self.steps) * self.step_seconds

    def wanted(self, second: float) -> int:
        """Return the payments per second that are wanted at a time since the load began."""
        step = int(second // self.step_seconds)
        return self.steps[step] if 0 <= step < len(self.steps) else 0

    def rows(self) -> list[Row]:
        """Return a payment of every payer in every currency: what has to be opened and funded."""
        currencies = sorted(AMOUNTS)
        return [
            Row(
                f"{self.run}-{number}",
                currency := currencies[number % len(currencies)],
                AMOUNTS[currency],
                f"{PAYER}{self.run}_{number % PAYERS}",
                f"{PAYEE}{self.run}_{number % (PAYERS + 1)}",
            )
            for number in range(PAYERS * len(currencies))
        ]

    def funding(self) -> Funding:
        """Return how often each of the rows is paid at most."""
        return Funding(self.run, math.ceil(self.most_payments / (PAYERS * len(AMOUNTS))) + 1)
