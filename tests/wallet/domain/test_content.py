"""Two requests with one id: what makes them the same, and which field is named when they differ."""

import json
from typing import Any

import pytest
from tests.wallet.harness import capture, hold, leg, pay, post
from tests.wallet.memory import MemoryLedger
from tests.wallet.quotes import verify

from wallet.domain.content import first_difference
from wallet.schemas.batch import BATCH, to_transfer

LEDGER = MemoryLedger({})
POST = pay("t", "alice", "bob", 5, quote_id="q", config_revision="r")
HOLD = hold("t", "alice", 5, LEDGER.clock)
CAPTURE = capture("t", "h", "alice", "bob", 5)


def content(item: dict[str, Any]) -> str:
    return to_transfer(BATCH.validate_python({"items": [item]}).items[0], verify).content


@pytest.mark.parametrize(
    "more",
    [{"context": {"a": 1}}, {"traceparent": f"00-{1:032x}-{1:016x}-01"}, {"deadline_ms": 5}],
    ids=["context", "traceparent", "deadline_ms"],
)
def test_what_travels_along_is_no_content(more: dict[str, Any]) -> None:
    assert first_difference(content(POST), content({**POST, **more})) is None


@pytest.mark.parametrize(
    ("item", "change", "field"),
    [
        (POST, {"merchant": "shop", "transfer_id": "pay:shop:t"}, "merchant"),
        (POST, {"config_revision": "other"}, "config_revision"),
        (POST, {"config_revision": None}, "config_revision"),
        (POST, {"quote_id": "other"}, "quote_id"),
        (POST, {"quote_id": None}, "quote_id"),
        (POST, {"reverses": "p"}, "reverses"),
        (POST, {"postings": [leg("alice", -6), leg("bob", 6)]}, "postings.0.amount_minor"),
        (POST, {"postings": [leg("alice", -5), leg("carol", 5)]}, "postings.1.account_id"),
        (
            POST,
            {"postings": [leg("alice", -5, "JPY"), leg("bob", 5, "JPY")]},
            "postings.0.currency",
        ),
        (POST, {"postings": [leg("alice", -5), leg("bob", 4), leg("carol", 1)]}, "postings"),
        (HOLD, {"account_id": "bob"}, "account_id"),
        (HOLD, {"amount_minor": 6}, "amount_minor"),
        (HOLD, {"currency": "JPY"}, "currency"),
        (HOLD, {"expires_at": 7}, "expires_at"),
        (HOLD, {"quote_id": "q"}, "quote_id"),
        (CAPTURE, {"hold_id": "other"}, "hold_id"),
    ],
)
def test_the_first_differing_field_is_named(
    item: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    assert first_difference(content(item), content({**item, **change})) == field


def test_another_kind_is_named() -> None:
    assert first_difference(content(POST), content(HOLD)) == "kind"


def test_the_order_of_keys_does_not_matter() -> None:
    stored = content(post("t", leg("a", -1), leg("b", 1)))
    turned = json.dumps(dict(reversed(json.loads(stored).items())))
    assert first_difference(stored, turned) is None
