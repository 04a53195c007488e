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

GATEWAY = sys.argv[1]
PATIENCE_SECONDS = 60.0


def call(path, body=None):
    """Return status, document and headers of an answer; waits for a gateway that is not there yet."""
    headers = {"Authorization": f"Bearer {os.environ['API_KEY'].strip()}"}
    data = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        data = json.dumps(body).encode()
    request = urllib.request.Request(GATEWAY + path, data=data, headers=headers)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                return answer.status, json.load(answer), answer.headers
        except urllib.error.HTTPError as error:
            if error.code not in (409, 502, 503, 504) or time.monotonic() > deadline:
                return error.code, json.load(error), error.headers
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def must(what, holds, answer):
    """Say what was seen; end with 1 when it does not hold."""
    print(("ok: " if holds else "FAILED: ") + what, flush=True)
    if not holds:
        sys.exit(f"the answer was {answer[0]}: {json.dumps(answer[1])}")


def main():
    """Open, fund, pay, pay again, and look at the ledger."""
    run = uuid.uuid4().hex[:12]
    answer = call(
        "/accounts",
        [
            {"account_id": "helm-test-payer"},
            {"account_id": "helm-test-shop", "settlement_currency": "IDR"},
        ],
    )
    must("two accounts are open", answer[0] == 200, answer)
    deposit = {"deposit_id": f"helm-test-{run}", "account_id": "helm-test-payer"}
    answer = call("/deposits", {**deposit, "currency": "USD", "amount": "10.00"})
    must("the payer has ten dollars", answer[0] == 200, answer)

    payment = {
        "payment_id": f"helm-test-{run}",
        "amount": "10.00",
        "currency": "USD",
        "source_account": "helm-test-payer",
        "destination_account": "helm-test-shop",
    }
    answer = call("/payments", payment)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while answer[1].get("status") == "PROCESSING" and time.monotonic() < deadline:
        time.sleep(0.5)
        answer = call("/payments", payment)
    must("a payment from dollars to rupiah is captured", answer[1].get("status") == "CAPTURED", answer)
    again = call("/payments", payment)
    must(
        "the same request again is the same payment",
        again[2]["Idempotent-Replayed"] == "true" and again[1] == answer[1],
        again,
    )
    answer = call("/ledger/trial-balance")
    sums = {row["currency"]: float(row["sum"]) for row in answer[1].get("currencies", [])}
    must("every currency sums to zero", bool(sums) and not any(sums.values()), answer)


if __name__ == "__main__":
    main()
