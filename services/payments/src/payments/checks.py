"""What is checked of a request beside the form of its body: its key, and its amounts."""

from kurs.kernel.money import InvalidAmount, parse_amount
from payments.errors import AmountInvalid, IdempotencyKeyInvalid


def checked_key(idempotency_key: str | None) -> str:
    """Return an Idempotency-Key, empty without one; raises IdempotencyKeyInvalid."""
    if idempotency_key is None:
        return ""
    printable = all("\x21" <= c <= "\x7e" for c in idempotency_key)
    if not 1 <= len(idempotency_key) <= 255 or not printable:
        raise IdempotencyKeyInvalid
    return idempotency_key


def minor_units(amount: str, currency: str) -> int:
    """Return an amount in minor units; raises AmountInvalid."""
    try:
        return parse_amount(amount, currency)
    except InvalidAmount as error:
        raise AmountInvalid("amount", error.code, error.message, error.hint) from None
