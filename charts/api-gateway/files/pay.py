"""What `helm test` does: pays across currencies through the gateway, twice under one key.

`python pay.py http://api-gateway:8080` with an API key of every role in the variable API_KEY. Uses
the standard library only. Its two accounts stay, and each run moves ten dollars between them.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from email.message import Message
from typing import Any, NamedTuple

GATEWAY = sys.argv[1]
PATIENCE_SECONDS = 60.0
RETRIED = (409, 502, 503, 504)


class Answer(NamedTuple):
    """What the gateway answered."""

    status: int
    document: Any
    headers: Message


def call(path: str, body: object = None) -> Answer:
    """Return the answer; waits for a gateway that is not there yet."""
    request = urllib.request.Request(GATEWAY + path)
    request.add_header("Authorization", f"Bearer {os.environ['API_KEY'].strip()}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                return Answer(answer.status, json.load(answer), answer.headers)
        except urllib.error.HTTPError as error:
            if error.code not in RETRIED or time.monotonic() > deadline:
                return Answer(error.code, json.load(error), error.headers)
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def must(what: str, holds: bool, answer: Answer) -> None:
    """Say what was seen; end with 1 when it does not hold."""
    print(("ok: " if holds else "FAILED: ") + what, flush=True)
    if not holds:
        sys.exit(f"the answer was {answer.status}: {json.dumps(answer.document)}")


def paid(payment: dict[str, str]) -> Answer:
    """Pay, and ask again until the outcome is known."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = call("/payments", payment)
        if answer.document.get("status") != "PROCESSING" or time.monotonic() > deadline:
            return answer
        time.sleep(0.5)


def main() -> None:
    """Open, fund, pay, pay again, and look at the ledger."""
    run = f"helm-test-{uuid.uuid4().hex[:12]}"
    payer, shop = "helm-test-payer", "helm-test-shop"
    answer = call(
        "/accounts", [{"account_id": payer}, {"account_id": shop, "settlement_currency": "IDR"}]
    )
    must("two accounts are open", answer.status == 200, answer)
    ten = {"currency": "USD", "amount": "10.00"}
    answer = call("/deposits", {"deposit_id": run, "account_id": payer, **ten})
    must("the payer has ten dollars", answer.status == 200, answer)

    payment = {"payment_id": run, "source_account": payer, "destination_account": shop, **ten}
    first = paid(payment)
    captured = first.document.get("status") == "CAPTURED"
    must("a payment from dollars to rupiah is captured", captured, first)
    again = call("/payments", payment)
    replayed = again.headers["Idempotent-Replayed"] == "true" and again.document == first.document
    must("the same request again is the same payment", replayed, again)

    answer = call("/ledger/trial-balance")
    sums = {row["currency"]: float(row["sum"]) for row in answer.document.get("currencies", [])}
    must("every currency sums to zero", bool(sums) and not any(sums.values()), answer)


if __name__ == "__main__":
    main()
