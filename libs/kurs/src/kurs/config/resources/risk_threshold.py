"""The spec of a RiskThreshold: which payments it judges, and what makes it review or decline them.

Every Enforce threshold whose scope covers a payment judges it, and the strictest answer decides: to
add one never loosens another. Every Shadow threshold whose scope covers it is evaluated and
counted, and never decides. Where two Enforce thresholds state the same limit for the same scope,
only the one of higher `priority` is in force (then the older, then by name).
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from kurs.config.resources.fx_rate_source import DEFAULT_PRIORITY, check_window
from kurs.config.resources.scalars import (
    ChangeTicket,
    Currency,
    Flag,
    Label,
    Minor,
    Moment,
    Points,
    Priority,
    Seconds,
    StrictModel,
    wrong,
)
from kurs.kernel.accounts import bare, is_payee_id
from kurs.kernel.ids import AccountRef

Mode = Literal["Enforce", "Shadow"]
Action = Literal["Review", "Decline"]
OnMissingData = Literal["Decline", "Review", "Allow"]

MAX_WINDOW_SECONDS = 31 * 24 * 3600
"""The longest velocity window: what risk has to keep of every account."""
MAX_WINDOWS = 100
"""Velocity windows of different lengths in all thresholds: each is an arm of one statement."""


def _no_payee_id(account: str) -> str:
    """Refuse a payee id: risk judges accounts by name, so that it would never match."""
    if is_payee_id(bare(account)):
        raise wrong("a payee id is no account's name", "name the account: merchant/account")
    return account


# The pattern bounds the length already; the API server's cost estimate reads only maxLength.
_BlockedAccount = Annotated[
    AccountRef, StringConstraints(max_length=129), AfterValidator(_no_payee_id)
]


class Corridor(StrictModel):
    """A way of money: paid in `from`, received in `to`."""

    source: Currency = Field(alias="from")
    destination: Currency = Field(alias="to")


class Scope(StrictModel):
    """The payments that a threshold judges: those in a listed currency or along a listed corridor.

    A scope that lists nothing covers every payment. A payment whose received currency is not known
    is taken to lie on each listed corridor of the paid one.
    """

    currencies: Annotated[tuple[Currency, ...], Field(max_length=200)] = ()
    corridors: Annotated[tuple[Corridor, ...], Field(max_length=500)] = ()

    @model_validator(mode="after")
    def _no_repeats(self) -> "Scope":
        for name in ("currencies", "corridors"):
            items = getattr(self, name)
            for index, item in enumerate(items):
                if item in items[:index]:
                    raise wrong("listed twice", "keep one of the two", f"{name}[{index}]")
        return self


class PerPayment(StrictModel):
    """Bounds of one payment, in minor units of `currency`, the reference currency."""

    currency: Currency
    review_above_minor: Minor
    decline_above_minor: Minor

    @model_validator(mode="after")
    def _ordered(self) -> "PerPayment":
        if self.decline_above_minor < self.review_above_minor:
            hint = f"write at least {self.review_above_minor}, the reviewAboveMinor"
            raise wrong("below reviewAboveMinor", hint, "declineAboveMinor")
        return self


class Velocity(StrictModel):
    """What one account may pay within a sliding `window`, by count, by amount, or both.

    `maxAmountMinor` counts minor units of `currency`, or of `perPayment.currency` when absent.
    """

    name: Label
    window: Seconds
    max_count: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = None
    max_amount_minor: Annotated[Minor, Field(ge=1)] | None = None
    currency: Currency | None = None
    action: Action

    @model_validator(mode="after")
    def _bounded(self) -> "Velocity":
        if not 1 <= self.window <= MAX_WINDOW_SECONDS:
            hint = f'write "1s" to "{MAX_WINDOW_SECONDS // 3600}h"'
            raise wrong("the window is out of range", hint, "window")
        if self.max_count is None and self.max_amount_minor is None:
            raise wrong("it limits nothing", "add maxCount or maxAmountMinor", "maxCount")
        if self.currency is not None and self.max_amount_minor is None:
            raise wrong("it has no amount", "add maxAmountMinor or remove currency", "currency")
        return self


class Exposure(StrictModel):
    """The most that one merchant may hold open across currencies, in minor units of `currency`.

    What is held open is worth what the rate makes of it until it is captured or released: the
    house carries that. A payment that would open more is declined. So is what is quoted, by each
    replica of fx, and what a day's refunds gave back at rates of payments, which go at the present
    rate beyond it.
    """

    currency: Currency
    max_minor: Annotated[Minor, Field(ge=1)]


class NewAccount(StrictModel):
    """Points for a payment from an account that was opened less than `maxAge` ago."""

    max_age: Seconds
    points: Points


class Blocklist(StrictModel):
    """Accounts that neither pay nor are paid."""

    accounts: Annotated[tuple[_BlockedAccount, ...], Field(min_length=1, max_length=2000)]


class Score(StrictModel):
    """From which score (0 to 100) a payment is reviewed, and from which declined."""

    review: Points = 50
    decline: Points = 80

    @model_validator(mode="after")
    def _ordered(self) -> "Score":
        if self.decline < self.review:
            hint = f"write at least {self.review}, the review score"
            raise wrong("below score.review", hint, "decline")
        return self


class RiskThresholdSpec(StrictModel):
    """What a RiskThreshold asks for. Times are microseconds, durations whole seconds.

    `onMissingData` decides when a limit cannot be evaluated (no rate to the reference currency).
    `changeTicket` names the approval of the last loosening of a decline limit.
    """

    mode: Mode = "Enforce"
    scope: Scope = Scope()
    priority: Priority = DEFAULT_PRIORITY
    per_payment: PerPayment | None = None
    velocity: Annotated[tuple[Velocity, ...], Field(max_length=20)] = ()
    exposure: Exposure | None = None
    new_account: NewAccount | None = None
    blocklist: Blocklist | None = None
    score: Score = Score()
    on_missing_data: OnMissingData = "Review"
    effective_from: Moment | None = None
    effective_until: Moment | None = None
    change_ticket: ChangeTicket | None = None
    suspend: Flag = False

    @model_validator(mode="after")
    def _velocity_is_clear(self) -> "RiskThresholdSpec":
        names = [rule.name for rule in self.velocity]
        for index, rule in enumerate(self.velocity):
            if rule.name in names[:index]:
                hint = "give each velocity rule its own name"
                raise wrong(f"{rule.name} is used twice", hint, f"velocity[{index}].name")
            if rule.max_amount_minor is not None and self.currency_of(rule) is None:
                field = f"velocity[{index}].currency"
                hint = "add it, or perPayment with its currency"
                raise wrong("maxAmountMinor needs a currency", hint, field)
        return self

    @model_validator(mode="after")
    def _window_is_open(self) -> "RiskThresholdSpec":
        check_window(self.effective_from, self.effective_until)
        return self

    def currency_of(self, rule: Velocity) -> str | None:
        """Return the currency that `rule.max_amount_minor` counts in."""
        if rule.currency is not None:
            return rule.currency
        return None if self.per_payment is None else self.per_payment.currency
