"""The `dummygen` command: sample payments, the same ones for the same seed on every machine.

Only `random.Random.random` is drawn from, whose sequence Python guarantees; the rest (normal
quantiles, weighted choice) is computed here, so that a newer Python writes the same file.
"""

import argparse
import math
import random
import sys
from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from statistics import NormalDist

from kurs.kernel.money import exponent, format_amount
from loadtest.catalogue import (
    CURRENCIES,
    LARGE,
    MISSING,
    PAYEE,
    PAYER,
    POOR,
    SampleCurrency,
)
from loadtest.rows import MAX_ROWS, Row, write_rows

FAILING_SHARES = {"same": 0.01, "missing": 0.02, "poor": 0.03, "large": 0.02}
"""Share of rows that must fail, by why; each is rounded to whole rows."""
HOME_SHARE = 0.85
"""Of a payer's payments, those in its home currency."""
LARGE_EUROS = 250_000.0
"""Worth of the smallest payment that risk must decline; far above its limit, whatever the rate."""

_NORMAL = NormalDist()


class Draw:
    """The random choices, from one seed."""

    def __init__(self, seed: int) -> None:
        self._unit = random.Random(seed).random

    def below(self, bound: int) -> int:
        """Return a whole number from 0 to `bound` - 1."""
        return int(self._unit() * bound)

    def chance(self, share: float) -> bool:
        """Return True in `share` of the calls."""
        return self._unit() < share

    def normal(self) -> float:
        """Return a standard normal number, by inverse transform."""
        return _NORMAL.inv_cdf(min(max(self._unit(), 1e-9), 1 - 1e-9))

    def weighted(self, cumulative: Sequence[float]) -> int:
        """Return an index with the probabilities that `cumulative` adds up."""
        return min(bisect(cumulative, self._unit() * cumulative[-1]), len(cumulative) - 1)

    def shuffle(self, items: list[str]) -> None:
        """Shuffle in place (Fisher and Yates)."""
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]


class Population:
    """Numbered accounts of one kind, a few of them busy: the r-th has weight 1 / r ** skew."""

    def __init__(self, draw: Draw, prefix: str, size: int, skew: float) -> None:
        low = 10 ** max(3, len(str(size)))
        numbers: dict[int, None] = {}
        while len(numbers) < size:
            numbers[low + draw.below(9 * low)] = None
        self.names = [f"{prefix}{number}" for number in numbers]
        self._cumulative = list(accumulate(rank**-skew for rank in range(1, size + 1)))

    def pick(self, draw: Draw) -> int:
        """Return the index of an account, busy ones more often."""
        return draw.weighted(self._cumulative)


class Generator:
    """Makes the rows; `accounts` is the number of payers, half as many payees receive."""

    def __init__(self, seed: int, *, accounts: int, failing: bool = True) -> None:
        self._draw = Draw(seed)
        self._failing = failing
        self._shares = list(accumulate(c.share for c in CURRENCIES))
        # The skews put about 6 % of payments on the busiest payer and 15 % on the busiest payee.
        self._payers = Population(self._draw, PAYER, accounts, 0.7)
        self._payees = Population(self._draw, PAYEE, max(accounts // 2, 10), 0.9)
        self._homes = [self._currency() for _ in self._payers.names]

    def rows(self, count: int) -> Iterator[Row]:
        """Yield `count` rows, the failing ones spread among them by chance."""
        for number, kind in enumerate(self._kinds(count), 1):
            yield self._row(f"PAY-{number:06d}", kind)

    def _kinds(self, count: int) -> list[str]:
        kinds: list[str] = []
        for kind, share in FAILING_SHARES.items() if self._failing else ():
            kinds += [kind] * round(count * share)
        kinds += ["paid"] * (count - len(kinds))
        self._draw.shuffle(kinds)
        return kinds

    def _row(self, payment_id: str, kind: str) -> Row:
        payer = self._payers.pick(self._draw)
        home = self._homes[payer]
        currency = home if self._draw.chance(HOME_SHARE) else self._currency()
        source = self._payers.names[payer]
        destination = self._payees.names[self._payees.pick(self._draw)]
        minor = self._amount(currency)
        if kind == "same":
            destination = source
        elif kind == "missing" and self._draw.chance(0.5):
            source = self._special(MISSING)
        elif kind == "missing":
            destination = self._special(MISSING)
        elif kind == "poor":
            source = self._special(POOR)
        elif kind == "large":
            source, minor = self._special(LARGE), self._large(currency)
        return Row(
            payment_id, currency.code, format_amount(minor, currency.code), source, destination
        )

    def _currency(self) -> SampleCurrency:
        return CURRENCIES[self._draw.weighted(self._shares)]

    def _special(self, prefix: str) -> str:
        return f"{prefix}{1000 + self._draw.below(9000)}"

    def _amount(self, currency: SampleCurrency) -> int:
        """Return a log-normal amount in minor units, within a factor 30 of the median."""
        factor = math.exp(currency.sigma * self._draw.normal())
        return _minor(currency.median * min(max(factor, 1 / 30), 30.0), currency.code)

    def _large(self, currency: SampleCurrency) -> int:
        euros = LARGE_EUROS * math.exp(abs(self._draw.normal()) / 4)
        return _minor(euros * currency.per_euro, currency.code)


def generate(
    count: int, seed: int, *, accounts: int | None = None, failing: bool = True
) -> list[Row]:
    """Return `count` sample payments.

    `accounts` payers take part (by default two for five payments). Without `failing` every one
    of them is to be captured. Raises ValueError for a count outside 1 to a million.
    """
    if not 1 <= count <= MAX_ROWS:
        raise ValueError(f"the number of payments goes from 1 to {MAX_ROWS}")
    payers = accounts if accounts is not None else min(max(count * 2 // 5, 20), 50_000)
    return list(Generator(seed, accounts=payers, failing=failing).rows(count))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="dummygen", description="Write a file of sample payments."
    )
    parser.add_argument("-n", "--count", type=int, default=1000, help="payments (default 1000)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the CSV file to write")
    parser.add_argument("--seed", type=int, default=7, help="same seed, same file (default 7)")
    parser.add_argument("--all-paid", action="store_true", help="no payment that must fail")
    chosen = parser.parse_args(arguments)
    try:
        rows = generate(chosen.count, chosen.seed, failing=not chosen.all_paid)
        write_rows(chosen.output, rows)
    except (OSError, ValueError) as error:
        print(f"dummygen: {error}", file=sys.stderr)
        return 2
    print(f"{len(rows)} payments written to {chosen.output}")
    return 0


def _minor(major: float, currency: str) -> int:
    return max(1, round(major * 10.0 ** exponent(currency)))


if __name__ == "__main__":
    sys.exit(main())
