"""Identifiers and other small text types of request bodies, with what each may contain."""

from random import getrandbits
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from kurs.kernel.accounts import is_payee_id
from kurs.kernel.currencies import is_payable, no_more
from kurs.kernel.decoder import Number
from kurs.kernel.money import UnknownCurrency, exponent

# A colon is kept out of caller-chosen ids: Kurs joins its own ids with it
# (`<merchant>:<payment_id>`, `house:liquidity`), so that neither can imitate the other.
CALLER_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
TRANSFER_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,199}$"

HOUSE_LIQUIDITY = "house:liquidity"
HOUSE_FX_REVENUE = "house:fx-revenue"
HOUSE_WORLD = "house:world"

_CallerId = StringConstraints(pattern=CALLER_ID_PATTERN)
AccountId = Annotated[str, _CallerId]
PaymentId = Annotated[str, _CallerId]
RESERVED_PAYMENT_IDS = frozenset({"events"})
"""What stands beside `{payment_id}` in a path; a test holds it to the routes."""
DepositId = Annotated[str, _CallerId]
MerchantId = Annotated[str, _CallerId]
TransferId = Annotated[str, StringConstraints(pattern=TRANSFER_ID_PATTERN)]
_NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_REF = f"{_NAME}(/{_NAME})?"
_HOUSE = "house:[a-z-]{1,40}"
ACCOUNT_REF_PATTERN = f"^{_REF}$"
AccountRef = Annotated[str, StringConstraints(pattern=ACCOUNT_REF_PATTERN)]
"""An account as callers name it: their own by its name, another merchant's as `merchant/name` or by
its payee id."""
OwnAccountId = Annotated[str, StringConstraints(pattern=f"^({_HOUSE}|{_NAME})$")]
"""An account of the caller's, or one of the house."""
LedgerAccountId = Annotated[str, StringConstraints(pattern=f"^({_HOUSE}|{_REF})$")]
"""An account as postings name it: a customer's, or one of the house."""
Actor = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(/[!-~]{1,64})?$")
]
"""Who acted: `merchant/key`."""


def _not_reserved(payment_id: str) -> str:
    if payment_id in RESERVED_PAYMENT_IDS:
        message = "{id} is a path of the API itself: such a payment could not be read"
        raise PydanticCustomError("reserved_id", message, {"id": payment_id})
    return payment_id


NewPaymentId = Annotated[PaymentId, AfterValidator(_not_reserved)]


def _no_payee_id(account_id: str) -> str:
    if is_payee_id(account_id):
        message = "{id} has the form of a payee id, which is given and not chosen"
        raise PydanticCustomError("reserved_id", message, {"id": account_id})
    return account_id


NewAccountId = Annotated[AccountId, AfterValidator(_no_payee_id)]


def _known(code: str) -> str:
    try:
        exponent(code)
    except UnknownCurrency as error:
        raise ValueError(str(error)) from None
    return code


CurrencyCode = Annotated[str, StringConstraints(min_length=3, max_length=3), AfterValidator(_known)]
"""A currency of today or of the past, which what is stored may be in."""


def _payable(code: str) -> str:
    if not is_payable(code):
        raise ValueError(no_more(code))
    return code


PayableCurrency = Annotated[CurrencyCode, AfterValidator(_payable)]
"""A currency of today, for what is new and has no id under which it may be asked for again."""


def _amount(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    elif isinstance(value, Number):
        value = value.plain()
    elif not isinstance(value, str):
        raise ValueError('an amount is a decimal string such as "188.52"')
    if len(value) > 64:
        raise ValueError("an amount has at most 64 characters")
    return value


AmountIn = Annotated[
    str,
    BeforeValidator(_amount),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\d{1,19}(\.\d{1,18})?$"},
                {"type": "number", "exclusiveMinimum": 0},
            ],
            "examples": ["188.52"],
            "description": "Major units; a decimal string is preferred.",
        }
    ),
]
"""An amount as it arrives, a text also where a number was sent.

`kurs.kernel.money.parse_amount` reads it once its currency is known.
"""


def new_id(prefix: str, now: int) -> str:
    """Return a new unique id: `prefix_` and a UUID of version 7 (RFC 9562, section 5.7).

    `now` is in microseconds since the epoch. The 74 other bits are random, not secret: an id says
    which, never who may.
    """
    version, variant = 7, 0b10
    number = (now // 1000) << 80 | version << 76 | getrandbits(12) << 64
    return f"{prefix}_{UUID(int=number | variant << 62 | getrandbits(62)).hex}"
