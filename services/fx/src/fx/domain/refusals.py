"""Why no price can be given.

Refusal
├── SameCurrency       source and destination are one currency
├── PairNotSupported   no source knows the pair
├── StaleRate          sources know it, none recently enough
├── AmountTooSmall     the amount converts to nothing
├── AmountTooLarge     an amount does not fit 64 bits of minor units
└── ExposureExceeded   too much is quoted to one merchant at once
"""

from typing import ClassVar

from kurs.contracts.fx import Code


class Refusal(Exception):
    """A question without a price; `field` is the field of the request to change, if one is."""

    code: ClassVar[Code]

    def __init__(self, message: str, *, field: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.hint = hint


class SameCurrency(Refusal):
    """Source and destination are one currency."""

    code = Code.SAME_CURRENCY


class PairNotSupported(Refusal):
    """No source knows the pair."""

    code = Code.PAIR_NOT_SUPPORTED


class StaleRate(Refusal):
    """Every source that knows the pair heard of it too long ago."""

    code = Code.STALE_RATE


class AmountTooSmall(Refusal):
    """The amount converts to less than the smallest unit of the destination."""

    code = Code.AMOUNT_TOO_SMALL


class AmountTooLarge(Refusal):
    """The other side of the conversion does not fit 64 bits of minor units."""

    code = Code.AMOUNT_TOO_LARGE


class ExposureExceeded(Refusal):
    """More would be quoted to one merchant at once than is allowed."""

    code = Code.EXPOSURE_EXCEEDED
