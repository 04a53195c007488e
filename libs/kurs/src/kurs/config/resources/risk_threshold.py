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
    """Currency paid in."""
    destination: Currency = Field(alias="to")
    """Currency received."""


class Scope(StrictModel):
    """The payments that a threshold judges: those in a listed currency or along a listed corridor.

    A scope that lists nothing covers every payment. A payment whose received currency is not known
    is taken to lie on each listed corridor of the paid one.
    """

    currencies: Annotated[tuple[Currency, ...], Field(max_length=200)] = ()
    """Currencies paid in."""
    corridors: Annotated[tuple[Corridor, ...], Field(max_length=500)] = ()
    """Ways of money."""

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
    """Reference currency of the bounds."""
    review_above_minor: Minor
    """Minor units above which a payment is reviewed."""
    decline_above_minor: Minor
    """Minor units above which a payment is declined."""

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
    """Name of the rule; it stands on decisions."""
    window: Seconds
    """Length of the sliding window, "1s" to "744h"."""
    max_count: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = None
    """How many payments it may hold."""
    max_amount_minor: Annotated[Minor, Field(ge=1)] | None = None
    """How much they may be worth, in minor units."""
    currency: Currency | None = None
    """What maxAmountMinor counts in; perPayment.currency when absent."""
    action: Action
    """What happens to a payment beyond it."""

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
    """What maxMinor counts in, the reference currency."""
    max_minor: Annotated[Minor, Field(ge=1)]
    """A payment whose merchant would hold more than this open is declined."""


class NewAccount(StrictModel):
    """Points for a payment from an account that was opened less than `maxAge` ago."""

    max_age: Seconds
    """Accounts younger than this are new."""
    points: Points
    """What is added to the score."""


class Blocklist(StrictModel):
    """Accounts that neither pay nor are paid."""

    accounts: Annotated[tuple[_BlockedAccount, ...], Field(min_length=1, max_length=2000)]
    """merchant/account, or a name alone: that account of every merchant."""


class Score(StrictModel):
    """From which score (0 to 100) a payment is reviewed, and from which declined."""

    review: Points = 50
    """Score from which a payment is reviewed."""
    decline: Points = 80
    """Score from which a payment is declined."""

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
    """Enforce decides; Shadow is evaluated and counted, and decides nothing."""
    scope: Scope = Scope()
    """The payments that it judges; empty, all of them."""
    priority: Priority = DEFAULT_PRIORITY
    """Of two that state the same limit for the same scope, the higher is in force."""
    per_payment: PerPayment | None = None
    """Bounds of one payment."""
    velocity: Annotated[tuple[Velocity, ...], Field(max_length=20)] = ()
    """Bounds of what one account pays within a sliding window."""
    exposure: Exposure | None = None
    """Bound of what one merchant holds open across currencies."""
    new_account: NewAccount | None = None
    """Points for payments from young accounts."""
    blocklist: Blocklist | None = None
    """Accounts that neither pay nor are paid."""
    score: Score = Score()
    """From which score a payment is reviewed, and from which declined."""
    on_missing_data: OnMissingData = "Review"
    """Decides when a limit cannot be evaluated, for want of a rate."""
    effective_from: Moment | None = None
    """Comes into force at this moment, by itself."""
    effective_until: Moment | None = None
    """Is out of force from this moment on, by itself."""
    change_ticket: ChangeTicket | None = None
    """Names the approval of the last loosening; a new one is needed to more than double a limit
    that declines or reviews, to count it in another currency, to remove it, and to loosen
    scores, points or onMissingData or to take an account from a blocklist."""
    suspend: Flag = False
    """Takes the threshold out of use."""

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
