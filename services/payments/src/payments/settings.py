"""Settings of the payments service."""

from pathlib import Path

from pydantic import Field

from kurs.data.limits import DatabaseSettings
from kurs.kernel.http_address import HttpAddress
from kurs.kernel.ids import CurrencyCode
from kurs.kernel.settings import MEBIBYTE


class PaymentsSettings(DatabaseSettings):
    """What the payments service is told from outside; times are in seconds."""

    service: str = "payments"
    port: int = 8081
    database_url: str = "sqlite:///var/payments.db"
    max_body_bytes: int = MEBIBYTE
    quote_verify_keys_file: Path | None = None
    """The public keys of quotes (PEM, any number), read anew when it changes."""
    fx_url: HttpAddress = "http://127.0.0.1:8082"
    """Where fx is."""
    wallet_url: HttpAddress = "http://127.0.0.1:8083"
    """Where the wallet is."""
    risk_url: HttpAddress = "http://127.0.0.1:8084"
    """Where risk is."""
    payment_seconds: float = 5.0
    """Seconds that a request waits for its outcome; then it is answered 202."""
    lease_seconds: float = 8.0
    """How long an operation belongs to the process that began it: longer than `payment_seconds`, so
    that nobody takes over what still runs."""
    sweep_seconds: float = 1.0
    """Between two looks for operations that nobody finishes."""
    set_aside_attempts: int = Field(default=100, ge=1)
    """Attempts of sweepers after which an operation is set aside; an outage of another service does
    not count."""
    set_aside_seconds: float = 3600.0
    """Between two attempts at what is set aside."""
    hold_seconds: float = 7 * 24 * 3600.0
    """How long an authorization or a review may wait within one currency."""
    exchange_hold_seconds: float = 900.0
    """The same across currencies, where the house carries the rate."""
    give_up_seconds: float = 900.0
    """After which a payment that risk or fx never answered fails as `timed_out`."""
    refund_rate_window_seconds: float = 30 * 24 * 3600.0
    """After a payment, in which a refund across currencies goes at the payment's rate; later it
    goes at the present one."""
    refund_exposure_seconds: float = 24 * 3600.0
    """How long such a refund counts as open against the house. Beyond the `exposure` that a
    RiskThreshold allows its merchant, the next one goes at the present rate."""
    refund_returns_spread: bool = True
    """Whether such a refund returns the spread."""
    reconcile_seconds: float = 30.0
    """Between two comparisons with the ledger of the wallet."""
    reference_currency: CurrencyCode = "USD"
    """What figures over time are told in; after a change they begin anew."""
    figures_seconds: float = Field(default=10.0, gt=0)
    """Between two countings of what happened, for figures over time."""
    ledger_seconds: float = 5.0
    """Between two readings of the ledger: for deposits, which become events, and for transfers that
    no payment asked for."""
    four_eyes: bool = True
    """Whether a payment under review is approved or refused by another key than the one that made
    it."""
