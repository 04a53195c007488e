"""What fx says to the services that call it."""

from enum import StrEnum

QUOTED = "quoted"
"""The status of an item that got a quote."""


class Code(StrEnum):
    """Why no price can be given."""

    SAME_CURRENCY = "same_currency"
    UNKNOWN_CURRENCY = "unknown_currency"
    PAIR_NOT_SUPPORTED = "pair_not_supported"
    STALE_RATE = "stale_rate"
    AMOUNT_MALFORMED = "amount_malformed"
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    AMOUNT_TOO_PRECISE = "amount_too_precise"
    AMOUNT_TOO_SMALL = "amount_too_small"
    AMOUNT_TOO_LARGE = "amount_too_large"
    EXPOSURE_EXCEEDED = "exposure_exceeded"
