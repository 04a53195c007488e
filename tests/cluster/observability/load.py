"""A load with everything in it: successes, refusals, repeats, holds, refunds, stale rates."""

import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from tests.cluster.observability.http_api import Gateway
from tests.cluster.observability.sources import STALE_PAIR

QUOTED = {"source_currency": "USD", "destination_currency": "IDR", "source_amount": "1.00"}


def prepare(gateway: Gateway, run: str) -> None:
    """Open and fund the accounts of a run."""
    accounts = [
        {"account_id": f"payer-{run}"},
        {"account_id": f"shop-{run}", "settlement_currency": "IDR"},
    ]
    assert gateway.call("/accounts", accounts)[0] == 200
    for currency, amount in (("USD", "90000.00"), ("EUR", "90000.00")):
        deposit = {"deposit_id": f"{run}-{currency}", "account_id": f"payer-{run}"}
        answer = gateway.call("/deposits", {**deposit, "currency": currency, "amount": amount})
        assert answer[0] == 200, answer


def body(run: str, number: int | str, **changes: Any) -> dict[str, Any]:
    """Return a payment of a run."""
    return {
        "payment_id": f"{run}-{number}",
        "amount": "10.00",
        "currency": "USD",
        "source_account": f"payer-{run}",
        "destination_account": f"shop-{run}",
        **changes,
    }


def pay(gateway: Gateway, run: str, seconds: float, *, threads: int = 8) -> list[int]:
    """Pay for some seconds from several threads; returns the status of each first answer."""
    until = time.monotonic() + seconds

    def one(worker: int) -> list[int]:
        statuses = []
        number = 0
        while time.monotonic() < until:
            number += 1
            statuses.append(_round(gateway, run, f"{worker}-{number}"))
        return statuses

    with ThreadPoolExecutor(threads) as pool:
        return [status for statuses in pool.map(one, range(threads)) for status in statuses]


@contextmanager
def under_load(gateway: Gateway) -> Iterator[str]:
    """Pay in the background until the block ends; yields what the payments' ids begin with."""
    name = uuid.uuid4().hex[:8]
    stop = threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            # Ids of a run are used once: the same ones again would only be replays.
            again = f"{name}-{uuid.uuid4().hex[:6]}"
            # Whoever loads a gateway that is made to fail must go on.
            with suppress(OSError, AssertionError):
                prepare(gateway, again)
                pay(gateway, again, 3, threads=4)

    worker = threading.Thread(target=go_on)
    worker.start()
    try:
        yield name
    finally:
        stop.set()
        worker.join()


def _round(gateway: Gateway, run: str, name: str) -> int:
    try:
        status, _ = gateway.call("/payments", body(run, name))
        gateway.call("/payments", body(run, name))
        gateway.call("/payments", body(run, f"{name}-y", destination_account="nobody-here"))
        held = body(run, f"{name}-h", currency="EUR", capture="manual")
        gateway.call("/payments", held)
        gateway.call(f"/payments/{run}-{name}-h/void", {})
        key = {"Idempotency-Key": f"r-{run}-{name}"}
        gateway.call(f"/payments/{run}-{name}/refunds", {"amount": "1.00"}, **key)
        gateway.call("/payments", body(run, f"{name}-b", amount="1000000.00"))
        # The shop has rupiah only: the wallet refuses.
        poor = {"source_account": f"shop-{run}", "destination_account": f"payer-{run}"}
        gateway.call("/payments", body(run, f"{name}-p", **poor))
        gateway.call("/payments", {"payment_id": f"{run}-{name}-z"})
        gateway.call("/quotes", QUOTED)
        gateway.call("/quotes", STALE_PAIR)
        Gateway(gateway.address, "not-a-key").call("/rates")
        gateway.call("/rates")
    except OSError:
        return 0
    return status
