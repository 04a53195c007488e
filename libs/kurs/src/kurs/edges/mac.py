"""What a request between services carries: `X-Kurs-Edge`, a MAC over all that decides what it does.

The header is

    v1 <from> <time> <nonce> <body> <mac>[,<mac>]

with `from` the caller's name, `time` in microseconds since the epoch (UTC), `nonce` 16 hexadecimal
digits that tell one request from another, `body` the SHA-256 of the body's bytes (of no bytes when
there is none), and one or two HMAC-SHA256, each in lower-case hexadecimal. Every MAC is over the
same text, in UTF-8, its lines joined by a line feed and none ending the last:

    v1 <from> <time> <nonce> <body>     as in the header
    <to>                                the name of the service that is called
    <method>
    <target>                            path and query as the server reads them, encoded; an empty
                                        query has no question mark
    <X-Kurs-Merchant>                   of these four `=` and the value as it is sent, or nothing
    <X-Kurs-Key-Id>                     when the header is absent
    <X-Kurs-Roles>
    <Idempotency-Key>

None of them can hold a line feed, so that no two requests have the same text. The Idempotency-Key
is one of them since it decides whether a repeated request is the same payment.

A caller with two keys signs with both: while a key is being replaced it does not matter which end
learns of the new one first. A request is valid for 30 seconds and may be replayed within them, on
purpose: no state is kept, since everything that moves money is done once by its id, whoever repeats
it, and a payment that names neither an id nor a key gets its id from this header (`request_id`).
The deadline and trace headers are not covered: they decide nothing that is stored.
"""

import hmac
from collections.abc import Callable, MutableMapping
from hashlib import sha256
from random import getrandbits
from typing import Final, NamedTuple

from starlette.types import Scope

from kurs.edges.keys import Keys
from kurs.kernel.caller import KEY_ID_HEADER, MERCHANT_HEADER, ROLES_HEADER
from kurs.kernel.clock import MICROS, Clock

EDGE_HEADER: Final = "X-Kurs-Edge"
COVERED_HEADERS: Final = (MERCHANT_HEADER, KEY_ID_HEADER, ROLES_HEADER, "idempotency-key")
VALID_MICROS: Final = 30 * MICROS
_NO_BODY = sha256().hexdigest()
_MERCHANT, _ROLES = map(COVERED_HEADERS.index, (MERCHANT_HEADER, ROLES_HEADER))
_PLACES = {name.encode(): i for i, name in enumerate((*COVERED_HEADERS, EDGE_HEADER.lower()))}
_LINES = 3 + len(COVERED_HEADERS)
_PARTS, _MOST_MACS = 6, 2


class Refused(Exception):
    """A request did not prove its edge; `reason` is one of a few words, the text says more."""

    def __init__(self, reason: str, text: str, hint: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.hint = hint


class Proof(NamedTuple):
    """What a valid header says: who calls, which one request this is, and its body's hash."""

    caller: str
    request_id: bytes
    body_hash: bytes
    merchant: bytes | None
    roles: bytes | None


class Signer:
    """Signs the requests of one edge."""

    def __init__(self, caller: str, callee: str, keys: Callable[[], Keys], clock: Clock) -> None:
        self._caller = caller
        self._callee = callee
        self._keys = keys
        self._clock = clock

    def sign(
        self, method: str, target: str, headers: MutableMapping[str, str], body: bytes | None
    ) -> None:
        """Set `X-Kurs-Edge` in `headers`, which ignore case; `target` is path and query."""
        body_hash = sha256(body).hexdigest() if body else _NO_BODY
        head = f"v1 {self._caller} {self._clock.now()} {getrandbits(64):016x} {body_hash}"
        lines = [head, self._callee, method, target.removesuffix("?")]
        for name in COVERED_HEADERS:
            value = headers.get(name)
            lines.append("" if value is None else "=" + value)
        text = "\n".join(lines).encode()
        macs = [hmac.digest(key, text, "sha256").hex() for key in self._keys()]
        headers[EDGE_HEADER] = f"{head} {','.join(macs)}"


class Verifier:
    """Says what a request to one service proves."""

    def __init__(self, callee: str, keys: Callable[[str], Keys | None], clock: Clock) -> None:
        self._callee = callee.encode()
        self._keys = keys
        self._clock = clock

    def verify(self, scope: Scope) -> Proof:
        """Return what the head proves; the body is still to be compared with its hash.

        Raises Refused.
        """
        values = _covered(scope)
        header = values.pop()
        if header is None:
            raise Refused("missing", "no X-Kurs-Edge header", "call through the api-gateway")
        parts = header.split(b" ")
        if len(parts) != _PARTS or parts[0] != b"v1" or not parts[2].isdigit():
            raise Refused("malformed", "X-Kurs-Edge cannot be read", "kurs.edges.mac describes it")
        # What else these hold is compared with what was signed, or is not looked at before.
        _, name, time, nonce, body_hash, macs = parts
        head = header[: -len(macs) - 1]
        caller = name.decode("latin-1")
        keys = self._keys(caller)
        if keys is None:
            raise Refused("caller", "this service has no such caller", "see the table of edges")
        if not _proven(_text(head, self._callee, scope, values), macs, keys):
            hint = "both ends of the edge need the same key, and nothing between them may change it"
            raise Refused("mac", "the MAC is not of this request and a key of this edge", hint)
        self._require_recent(int(time))
        request_id = b" ".join((name, time, nonce))
        return Proof(caller, request_id, body_hash, values[_MERCHANT], values[_ROLES])

    def _require_recent(self, time: int) -> None:
        off = self._clock.now() - time
        if abs(off) > VALID_MICROS:
            side = "behind" if off > 0 else "ahead of"
            text = f"it was signed {abs(off) / MICROS:.0f} s {side} this service's clock"
            raise Refused("time", text, "at most 30 s: set the clocks of both machines (NTP)")


def _covered(scope: Scope) -> list[bytes | None]:
    """Return the covered headers and then the edge's; raises Refused when one is there twice."""
    values: list[bytes | None] = [None] * len(_PLACES)
    for name, value in scope["headers"]:
        place = _PLACES.get(name)
        if place is not None:
            if values[place] is not None:
                raise Refused("malformed", f"{name.decode()} is there twice", "send it once")
            values[place] = value
    return values


def _text(head: bytes, callee: bytes, scope: Scope, values: list[bytes | None]) -> bytes:
    path, query = scope["raw_path"], scope["query_string"]
    target = path + b"?" + query if query else path
    lines = [head, callee, scope["method"].encode(), target]
    lines += [b"" if value is None else b"=" + value for value in values]
    return b"\n".join(lines)


def _proven(text: bytes, macs: bytes, keys: Keys) -> bool:
    if text.count(b"\n") != _LINES:
        return False
    given = macs.split(b",")[:_MOST_MACS]
    own = [hmac.digest(key, text, "sha256").hex().encode() for key in keys]
    return any(hmac.compare_digest(mac, known) for mac in given for known in own)


def body_fits(body: bytes, body_hash: bytes) -> bool:
    """Return whether these are the bytes that were signed."""
    return (sha256(body).hexdigest() if body else _NO_BODY).encode() == body_hash
