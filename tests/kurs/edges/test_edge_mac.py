"""The text under a MAC is the described one, and no two requests have the same."""

import hmac
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from kurs.edges.mac import Refused, Signer, Verifier, body_fits
from kurs.edges.table import EDGES, Permissions
from kurs_testing.clock import ManualClock

KEYS = (b"n" * 32, b"o" * 32)
CLOCK = ManualClock()
BODY = b'{"a": 1}'
VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"))


def request(
    method: str = "POST", target: str = "/x?y=1", keys: tuple[bytes, ...] = KEYS[:1], **more: str
) -> dict[str, Any]:
    """Return the scope of a signed request from payments to the wallet."""
    headers: CIMultiDict[str] = CIMultiDict(more)
    Signer("payments", "wallet", lambda: keys, CLOCK).sign(method, target, headers, BODY)
    path, _, query = target.partition("?")
    raw = [(n.lower().encode(), v.encode()) for n, v in headers.items()]
    return {
        "method": method, "raw_path": path.encode(), "query_string": query.encode(), "headers": raw,
    }  # fmt: skip


def verifier(keys: tuple[bytes, ...] = KEYS[:1], callee: str = "wallet") -> Verifier:
    return Verifier(callee, {"payments": keys}.get, CLOCK)


def test_the_header_is_what_the_description_says() -> None:
    scope = request(**{"X-Kurs-Merchant": "shop", "X-Kurs-Roles": ""})
    header = dict(scope["headers"])[b"x-kurs-edge"]
    head, mac = header.decode().rsplit(" ", 1)
    text = f"{head}\nwallet\nPOST\n/x?y=1\n=shop\n\n=\n"

    assert head.startswith(f"v1 payments {CLOCK.now()} ")
    assert head.endswith(" " + sha256(BODY).hexdigest())
    assert mac == hmac.new(KEYS[0], text.encode(), sha256).hexdigest()


@given(
    merchant=VALUE,
    key=VALUE,
    target=st.from_regex(r"/[a-z%0-9/]{0,9}(\?[a-z=&]{0,9})?", fullmatch=True),
)
def test_what_was_signed_is_proven(merchant: str, key: str, target: str) -> None:
    scope = request(target=target, **{"X-Kurs-Merchant": merchant, "Idempotency-Key": key})
    proof = verifier().verify(scope)

    assert proof.caller == "payments"
    assert proof.merchant == merchant.encode()
    assert body_fits(BODY, proof.body_hash)
    assert not body_fits(b"", proof.body_hash)


@pytest.mark.parametrize(
    ("signed", "known"),
    [(KEYS, KEYS[:1]), (KEYS, KEYS[1:]), (KEYS[:1], KEYS), (KEYS[1:], KEYS), (KEYS, KEYS)],
)
def test_one_key_in_common_is_enough(signed: tuple[bytes, ...], known: tuple[bytes, ...]) -> None:
    assert verifier(known).verify(request(keys=signed)).caller == "payments"


def test_no_key_in_common_is_not() -> None:
    with pytest.raises(Refused) as refused:
        verifier(KEYS[1:]).verify(request(keys=KEYS[:1]))
    assert refused.value.reason == "mac"


def test_a_request_to_another_service_is_refused() -> None:
    with pytest.raises(Refused):
        Verifier("risk", {"payments": KEYS}.get, CLOCK).verify(request())


def test_a_line_feed_moves_nothing_from_one_line_to_another() -> None:
    whole = request(**{"X-Kurs-Merchant": "a", "X-Kurs-Key-Id": "b"})
    joined = {**whole, "headers": [h for h in whole["headers"] if h[0] == b"x-kurs-edge"]}
    joined["headers"] = [*joined["headers"], (b"x-kurs-merchant", b"a\n=b")]

    assert verifier().verify(whole).merchant == b"a"
    with pytest.raises(Refused):
        verifier().verify(joined)


def test_two_requests_have_two_ids() -> None:
    ids = {verifier().verify(request()).request_id for _ in range(100)}
    assert len(ids) == 100


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("GET", "/transfers/pay:demo:1", True),
        ("GET", "/transfers/a/b", False),
        ("GET", "/transfers/", False),
        ("GET", "/transfers/batch", True),
        ("POST", "/transfers/batch", True),
        ("POST", "/transfers/batch\n", False),
        ("POST", "/transfers/batch/", False),
        ("post", "/transfers/batch", False),
        ("POST", "/deposits", False),
    ],
)
def test_an_edge_has_its_routes_by_method_and_whole_path(
    method: str, path: str, found: bool
) -> None:
    assert (Permissions(EDGES["payments", "wallet"]).find(method, path) is not None) == found
