"""Quotes as fx signs them, with a pair of keys that only the tests of the wallet have."""

import atexit
import tempfile
from decimal import Decimal
from pathlib import Path

from kurs.quotes.keys import ensure_key_files
from kurs.quotes.token import Quote, QuoteSigner, QuoteVerifier
from kurs_testing.telemetry import RecordingTelemetry

_kept = tempfile.TemporaryDirectory(prefix="kurs-wallet-quotes-")
atexit.register(_kept.cleanup)
_FOLDER = Path(_kept.name)
_SIGNING = _FOLDER / "signing.pem"
VERIFY_KEYS = _FOLDER / "verify.pem"
ensure_key_files(_SIGNING, VERIFY_KEYS)
_TELEMETRY = RecordingTelemetry("fx")
_signer = QuoteSigner(_SIGNING, _TELEMETRY)
verify = QuoteVerifier(VERIFY_KEYS, _TELEMETRY).verify

MID = Decimal(16_000)
YEAR_2030 = 1_893_456_000_000_000


def sign(quote: Quote) -> str:
    """Return the token of one quote."""
    return _signer.sign([quote])[0]


def quote(
    quote_id: str,
    merchant: str,
    source_minor: int,
    destination_minor: int,
    *,
    pair: tuple[str, str] = ("USD", "IDR"),
    mid: Decimal = MID,
    expires_at: int = YEAR_2030,
) -> Quote:
    """Return a quote, of USD to IDR unless told otherwise; the spread is what is left of mid."""
    return Quote(
        quote_id, merchant, *pair, source_minor, destination_minor, mid, 50, mid, "static",
        1, expires_at, "r1",
    )  # fmt: skip
