"""Settings of the payments service."""

from pathlib import Path

from pydantic import Field

from kurs.kernel.settings import MEBIBYTE, ServiceSettings


class PaymentsSettings(ServiceSettings):
    """What the payments service is told from outside; times are in seconds.

    `hold_seconds` is how long an authorization or a review may wait within one currency,
    `exchange_hold_seconds` the same across currencies, where the house carries the rate.
    `lease_seconds` is how long an operation belongs to the process that began it: longer than
    `payment_timeout`, so that nobody takes over what still runs. What sweepers have failed to
    finish `set_aside_attempts` times (an outage of another service does not count) is set aside
    and tried again only every `set_aside_seconds`. `quote_verify_keys_file` holds the public keys
    of quotes (PEM, any number), read anew when it changes. With `four_eyes` a payment under review
    is approved or refused by another key than the one that made it. A refund across currencies goes
    at the payment's rate for `refund_rate_window_seconds` after the payment was made, and returns
    the spread if `refund_returns_spread`; later it goes at the present rate.
    """

    service: str = "payments"
    port: int = 8081
    database_url: str = "sqlite:///var/payments.db"
    max_body_bytes: int = MEBIBYTE
    quote_verify_keys_file: Path | None = None
    fx_url: str = "http://127.0.0.1:8082"
    wallet_url: str = "http://127.0.0.1:8083"
    risk_url: str = "http://127.0.0.1:8084"
    payment_timeout: float = 5.0
    lease_seconds: float = 8.0
    sweep_seconds: float = 1.0
    set_aside_attempts: int = Field(default=100, ge=1)
    set_aside_seconds: float = 3600.0
    hold_seconds: float = 7 * 24 * 3600.0
    exchange_hold_seconds: float = 900.0
    give_up_seconds: float = 900.0
    refund_rate_window_seconds: float = 30 * 24 * 3600.0
    refund_returns_spread: bool = True
    reconcile_seconds: float = 30.0
    four_eyes: bool = True
