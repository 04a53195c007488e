"""The attempt to pay that is scored, and when a repetition of it is another attempt."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from kurs.kernel.accounts import qualified

_IDENTITY = (
    "merchant", "amount_minor", "currency", "source_account", "destination_account",
)  # fmt: skip
_OPTIONAL = ("destination_currency", "source_opened_at")
# What a caller calls a field that is stored under another name.
_PUBLIC_NAMES = {"amount_minor": "amount"}


class Attempt(NamedTuple):
    """What one decision is about.

    `payment_id` is the stored id, "<merchant>:<payment_id>"; `amount_minor` is in minor units of
    `currency`; `source_opened_at` is in microseconds since the epoch, None when not known.
    """

    payment_id: str
    merchant: str
    amount_minor: int
    currency: str
    source_account: str
    destination_account: str
    destination_currency: str | None = None
    source_opened_at: int | None = None
    exposure: tuple[tuple[str, int], ...] = ()
    """What its merchant holds open across currencies, this one included: currencies and minor
    units. It is no part of what makes two attempts the same."""
    named_payee: str | None = None
    """The account that is paid as `merchant/name`, where the destination does not say it."""

    @property
    def payer(self) -> str:
        """Return the account that pays, as `merchant/name`."""
        return qualified(self.merchant, self.source_account)

    @property
    def payee(self) -> str:
        """Return the account that is paid, as `merchant/name`."""
        return self.named_payee or qualified(self.merchant, self.destination_account)

    @property
    def counter_key(self) -> str:
        """Return the key of the source account's velocity counters.

        It holds the merchant, so that nobody can use up the limits of another merchant's account
        by naming it as a source.
        """
        return f"{self.merchant}:{self.source_account}"

    def inputs(self) -> str:
        """Return the inputs as they are stored beside the decision: JSON, equal for equal inputs.

        Written out, since it is made for every payment: ids and codes hold no character that JSON
        would escape.
        """
        received, opened = self.destination_currency, self.source_opened_at
        return (
            f'{{"merchant":"{self.merchant}","amount_minor":{self.amount_minor},'
            f'"currency":"{self.currency}","source_account":"{self.source_account}",'
            f'"destination_account":"{self.destination_account}"'
            + ("" if received is None else f',"destination_currency":"{received}"')
            + ("}" if opened is None else f',"source_opened_at":{opened}}}')
        )

    def conflict_with(self, stored: Mapping[str, Any]) -> str | None:
        """Return the first field that differs from the stored inputs, or None if it is the same.

        A fact about the accounts that one side did not know contradicts nothing: a payment that
        is retried after its account was opened is still the same payment.
        """
        for name in _IDENTITY:
            if getattr(self, name) != stored[name]:
                return _PUBLIC_NAMES.get(name, name)
        for name in _OPTIONAL:
            mine, theirs = getattr(self, name), stored.get(name)
            if mine is not None and theirs is not None and mine != theirs:
                return name
        return None
