"""How much may come from the outside world: in one deposit, in a day, and in all.

Money that nobody could ever have brings the house's accounts to the edge of 64 bits, and then
nobody can deposit that currency any more. So the sum is bounded far below that edge.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kurs.contracts.wallet import Code
from wallet.domain.transfers import Refusal

ANY = "*"
"""What stands for every currency that is not named itself."""

ByCurrency = Mapping[str, int]
"""Minor units by currency; a currency that is neither named nor covered by `*` gets nothing."""


def most(ceiling: ByCurrency, currency: str) -> int:
    """Return a ceiling in one currency, in its minor units."""
    return ceiling.get(currency, ceiling.get(ANY, 0))


@dataclass(slots=True)
class Room:
    """What may still come in of one currency, in minor units: at once, today, and ever."""

    at_once: int
    today: int
    ever: int

    def take(self, amount: int) -> None:
        """Count a deposit; raises Refusal when it does not fit, and counts nothing then."""
        for room, ceiling in (
            (self.at_once, "of one deposit"),
            (self.today, "of a day's deposits"),
            (self.ever, "of all deposits"),
        ):
            if amount > room:
                message = f"above the ceiling {ceiling} in this currency"
                raise Refusal(Code.CEILING, message, "amount")
        self.today -= amount
        self.ever -= amount


@dataclass(frozen=True, slots=True)
class Ceilings:
    """The bounds of deposits: of one, of those of a day (UTC), and of all together."""

    at_once: ByCurrency
    daily: ByCurrency
    ever: ByCurrency

    def room(self, currency: str, *, today: int, ever: int) -> Room:
        """Return what is left after what came in `today` and `ever`, in minor units."""
        return Room(
            most(self.at_once, currency),
            most(self.daily, currency) - today,
            most(self.ever, currency) - ever,
        )
