"""The signed quote: what fx promises, readable by whoever holds a key, and by fx alone writable.

A token is `q1.<payload>.<mac>`: the payload is the quote's fields joined by a unit separator,
the mac is HMAC-SHA256 over `q1.<payload>`, both in base64url without padding (RFC 4648, section 5).
A token is signed, not secret: it may be shown to the customer it was made for.
"""

import hmac
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

VERSION = "q1"
MAX_TOKEN_LENGTH = 2048
"""Characters; longer text is refused before any work is done on it."""
MIN_KEY_BYTES = 32
"""As long as the digest: a shorter key is weaker than the MAC (RFC 2104, section 3)."""

_SEPARATOR = "\x1f"
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


class InvalidToken(ValueError):
    """The text is no quote, or none that was signed with a key we hold."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A promise: `source_minor` of one currency buys `destination_minor` of the other.

    Amounts are minor units. `rate` and `mid` are units of destination for one unit of source,
    `rate` being `mid` less the spread (basis points, 1/10,000). `as_of` (when the rate was true)
    and `expires_at` (until when the promise holds) are microseconds since the epoch. `source`
    names the rate source. `side` says which amount the customer fixed: source or destination.
    """

    quote_id: str
    source_currency: str
    destination_currency: str
    source_minor: int
    destination_minor: int
    mid: Decimal
    spread_bps: int
    rate: Decimal
    source: str
    as_of: int
    expires_at: int
    config_revision: str
    side: str = "source"


def sign(quote: Quote, keys: Sequence[bytes]) -> str:
    """Return the token of `quote`, signed with the first of `keys`.

    Raises ValueError without a key, for a key under 32 bytes, and for a field that could be
    taken for two (one that contains the separator).
    """
    if not keys:
        raise ValueError("a quote needs a key to be signed with")
    fields = (
        quote.quote_id,
        quote.source_currency,
        quote.destination_currency,
        str(quote.source_minor),
        str(quote.destination_minor),
        str(quote.mid),
        str(quote.spread_bps),
        str(quote.rate),
        quote.source,
        str(quote.as_of),
        str(quote.expires_at),
        quote.config_revision,
        quote.side,
    )
    payload = _SEPARATOR.join(fields)
    if payload.count(_SEPARATOR) != len(fields) - 1:
        raise ValueError("a field of the quote contains the separator")
    signed = b"q1." + _encode(payload.encode())
    token = (signed + b"." + _mac(keys[0], signed)).decode()
    if len(token) > MAX_TOKEN_LENGTH:
        raise ValueError(f"the quote's token is longer than {MAX_TOKEN_LENGTH} characters")
    return token


def verify(token: str, keys: Sequence[bytes]) -> Quote:
    """Return the quote in `token` if one of `keys` signed it; expiry is the caller's question.

    Raises InvalidToken. A changed character anywhere, the unused bits of the last base64
    character included, is no longer the same token.
    """
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        raise InvalidToken("this is not a quote")
    raw = token.encode()
    signed, dot, mac = raw.rpartition(b".")
    if not dot or not signed.startswith(b"q1."):
        raise InvalidToken("this is not a quote of a version this service knows")
    # Every key is tried, so that the time taken tells nothing about which one matched.
    genuine = False
    for key in keys:
        genuine |= hmac.compare_digest(_mac(key, signed), mac)
    if not genuine:
        raise InvalidToken("the quote was not signed by this gateway, or was changed")
    return _read(signed[3:])


def _read(payload: bytes) -> Quote:
    try:
        fields = _decode(payload).decode().split(_SEPARATOR)
        quote_id, source_currency, destination_currency, source_minor, destination_minor = fields[
            :5
        ]
        mid, spread_bps, rate, source, as_of, expires_at, config_revision, side = fields[5:]
        return Quote(
            quote_id,
            source_currency,
            destination_currency,
            int(source_minor),
            int(destination_minor),
            Decimal(mid),
            int(spread_bps),
            Decimal(rate),
            source,
            int(as_of),
            int(expires_at),
            config_revision,
            side,
        )
    except (ValueError, InvalidOperation, Base64Error) as error:
        raise InvalidToken("the quote is signed but cannot be read") from error


def _mac(key: bytes, signed: bytes) -> bytes:
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(f"a quote key has at least {MIN_KEY_BYTES} bytes, this one {len(key)}")
    return _encode(hmac.digest(key, signed, "sha256"))


def _encode(raw: bytes) -> bytes:
    return b2a_base64(raw, newline=False).rstrip(b"=").translate(_TO_URL)


def _decode(text: bytes) -> bytes:
    return a2b_base64(text.translate(_FROM_URL) + b"=" * (-len(text) % 4), strict_mode=True)
