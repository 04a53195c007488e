"""The signed quote: what fx promises to a merchant, readable by everybody, writable by fx alone.

A token is `q2.<payload>.<proof>`, both in base64url without padding (RFC 4648, section 5). The
payload is the quote's fields joined by a unit separator. The quotes of one batch are signed
together: each `q2.<payload>` is a leaf of a tree of hashes (see `merkle`), whose root is signed
once, and the proof is the id of the key, the signature, and the path from the leaf to the root.
Whoever verifies remembers what the signature said of a root, so that a batch costs one
verification, too. A path tells nothing of the other quotes: each holds a random id.

A token is signed, not secret: it may be shown to the customer it was made for.
"""

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

from kurs.config.renewed_file import RenewedFile
from kurs.contracts.fx import MAX_TOKEN_LENGTH
from kurs.quotes.keys import KEY_ID_BYTES, SIGNATURE_BYTES, SigningKey, VerifyKeys, named
from kurs.quotes.merkle import HASH_BYTES, leaf_hash, root_of, tree
from kurs.telemetry import Telemetry

VERSION = "q2"
_PREFIX = b"q2."
_PURPOSE = b"kurs quotes q2\n"
"""Signed before the root, so that no signature made for something else fits."""
_PATH = KEY_ID_BYTES + SIGNATURE_BYTES
_SEPARATOR = "\x1f"
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


class InvalidToken(ValueError):
    """The text is no quote, or none that was signed with a key we know."""


class Quote(NamedTuple):
    """A promise to `merchant`: `source_minor` of one currency buys `destination_minor` of another.

    Amounts are minor units. `rate` and `mid` are units of destination for one unit of source,
    `rate` being `mid` less the spread (basis points, 1/10,000). `as_of` (when the rate was true)
    and `expires_at` (until when the promise holds) are microseconds since the epoch. `source`
    names the rate source. `side` says which amount the customer fixed: source or destination.
    """

    quote_id: str
    merchant: str
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


class QuoteSigner:
    """Signs quotes with the newest key of a file, which is read anew when it changes."""

    def __init__(self, path: Path | None, telemetry: Telemetry) -> None:
        """Raises CannotRun without a key."""
        path = named(path, "KURS_QUOTE_SIGNING_KEYS_FILE")
        self._key = RenewedFile(path, SigningKey, telemetry=telemetry)

    def sign(self, quotes: Sequence[Quote]) -> list[str]:
        """Return the token of each of `quotes`, at least one, for one signature in all.

        Raises ValueError for a field that could be taken for two (one that contains the separator)
        and for a token that would be too long.
        """
        key = self._key.get()
        texts = [_text(quote) for quote in quotes]
        root, paths = tree([leaf_hash(text) for text in texts])
        signed = key.key_id + key.sign(_PURPOSE + root)
        return [_token(text, signed + path) for text, path in zip(texts, paths, strict=True)]


class QuoteVerifier:
    """Reads tokens that were signed with one of the keys of a file, read anew when it changes."""

    def __init__(self, path: Path | None, telemetry: Telemetry) -> None:
        """Raises CannotRun without a key."""
        path = named(path, "KURS_QUOTE_VERIFY_KEYS_FILE")
        self._keys = RenewedFile(path, VerifyKeys, telemetry=telemetry)

    def verify(self, token: str) -> Quote:
        """Return the quote in `token`; whose it is and when it expires is the caller's question.

        Raises InvalidToken. A changed character anywhere, the unused bits of the last base64
        character included, is no longer the same token.
        """
        text, encoded = _parts(token)
        proof = _proof(encoded)
        root = root_of(leaf_hash(text), proof[_PATH:])
        name, signature = proof[:KEY_ID_BYTES], proof[KEY_ID_BYTES:_PATH]
        if not self._keys.get().confirms(name, signature, _PURPOSE + root):
            raise InvalidToken("the quote was not signed by this gateway, or was changed")
        return _read(text[len(_PREFIX) :])


def read_token(token: str) -> Quote:
    """Return the quote in `token`, whoever signed it.

    For one that fx has just answered, and that the wallet verifies before the house pays by it.
    Raises InvalidToken when it is none.
    """
    text, _ = _parts(token)
    return _read(text[len(_PREFIX) :])


def _parts(token: str) -> tuple[bytes, bytes]:
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        raise InvalidToken("this is not a quote")
    text, dot, encoded = token.encode().rpartition(b".")
    if not dot or not text.startswith(_PREFIX):
        raise InvalidToken("this is not a quote of a version this service knows")
    return text, encoded


def _text(quote: Quote) -> bytes:
    fields = (
        quote.quote_id,
        quote.merchant,
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
    return _PREFIX + _encode(payload.encode())


def _token(text: bytes, proof: bytes) -> str:
    token = (text + b"." + _encode(proof)).decode()
    if len(token) > MAX_TOKEN_LENGTH:
        raise ValueError(f"the quote's token is longer than {MAX_TOKEN_LENGTH} characters")
    return token


def _proof(encoded: bytes) -> bytes:
    try:
        proof = _decode(encoded)
    except (ValueError, Base64Error):
        raise InvalidToken("this is not a quote") from None
    whole = len(proof) >= _PATH and (len(proof) - _PATH) % HASH_BYTES == 0
    if not whole or _encode(proof) != encoded:
        raise InvalidToken("this is not a quote")
    return proof


def _read(payload: bytes) -> Quote:
    try:
        fields = _decode(payload).decode().split(_SEPARATOR)
        quote_id, merchant, source_currency, destination_currency = fields[:4]
        source_minor, destination_minor, mid, spread_bps, rate = fields[4:9]
        source, as_of, expires_at, config_revision, side = fields[9:]
        return Quote(
            quote_id,
            merchant,
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


def _encode(raw: bytes) -> bytes:
    return b2a_base64(raw, newline=False).rstrip(b"=").translate(_TO_URL)


def _decode(text: bytes) -> bytes:
    return a2b_base64(text.translate(_FROM_URL) + b"=" * (-len(text) % 4), strict_mode=True)
