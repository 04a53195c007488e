"""Payments that go on while something else happens, and the account of them afterwards."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from kurs.kernel.money import parse_amount
from loadtest.catalogue import PAYEE, PAYER
from loadtest.client import UNRESOLVED, GatewayClient, Result
from loadtest.expectations import Outcome
from loadtest.preparation import funds_of, prepare
from loadtest.rows import Row
from loadtest.summary import unbalanced

_PAYERS = 20
_CURRENCIES = ("USD", "EUR", "IDR")
_AMOUNTS = {"USD": "1.25", "EUR": "1.10", "IDR": "20000.00"}


def payments(run: str, count: int) -> list[Row]:
    """Return small payments among accounts of this run, within and across currencies."""
    return [
        Row(
            f"{run}-{number:06}",
            currency := _CURRENCIES[number % 3],
            _AMOUNTS[currency],
            f"{PAYER}{run}_{number % _PAYERS}",
            f"{PAYEE}{run}_{number % (_PAYERS + 1)}",
        )
        for number in range(count)
    ]


@dataclass
class Account:
    """What a load came to: every payment that was begun, and the ledger afterwards."""

    results: Sequence[Result]
    wrong_balances: dict[str, str]
    unbalanced: list[str]

    @property
    def failed(self) -> list[str]:
        """The payments that were not captured, with what became of them."""
        return [
            f"{r.row.payment_id}: {r.outcome}"
            for r in self.results
            if r.outcome != Outcome("CAPTURED", "")
        ]

    @property
    def repeated(self) -> int:
        """How many took more than one request."""
        return sum(result.attempts != 1 for result in self.results)

    @property
    def faults(self) -> list[str]:
        """What is wrong: payments that failed, and money that was lost, or moved twice."""
        wrong = [f"lost or moved twice: {self.wrong_balances}"] if self.wrong_balances else []
        failed = [f"{len(self.failed)} failed: {self.failed[:20]}"] if self.failed else []
        return [*failed, *wrong, *self.unbalanced]

    def prove(self, at_least: int) -> None:
        """Assert that nothing failed, was lost, or moved twice, and that enough was paid."""
        print(f"{len(self.results)} payments, {self.repeated} of them sent more than once")
        assert not self.faults, self.faults
        assert len(self.results) >= at_least, "too little load to prove anything"


class Load:
    """Pays from a thread, `workers` at a time, until it is told to stop.

    `pause` is how long a worker rests after a payment, in seconds. With `repeat`, what was not
    final in time is sent once more at the end, under its own key, as whoever pays must.
    """

    def __init__(
        self,
        gateway: str,
        key: str,
        run: str,
        *,
        workers: int = 4,
        pause: float = 0.05,
        repeat: bool = False,
    ) -> None:
        self._gateway, self._key = gateway, key
        self._rows = payments(run, 60_000)
        self._workers, self._pause, self._repeat = workers, pause, repeat
        self._results: list[Result] = []
        self._stop = threading.Event()
        self._funded = threading.Event()
        self._error: BaseException | None = None
        self._account: Account | None = None
        self._thread = threading.Thread(target=self._run, name=f"load {run}")

    def __enter__(self) -> "Load":
        self._thread.start()
        self._funded.wait(300)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def count(self) -> int:
        """How many payments are final."""
        return len(self._results)

    def finish(self) -> Account:
        """Stop, wait for what is in flight, and return the account."""
        self._stop.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._account is not None
        return self._account

    def _run(self) -> None:
        try:
            self._account = asyncio.run(self._pay())
        except BaseException as error:  # handed to the thread that waits
            self._error = error
        finally:
            self._funded.set()

    async def _pay(self) -> Account:
        async with GatewayClient(self._gateway, self._key, self._workers + 4) as client:
            await prepare(client, self._rows)
            self._funded.set()
            waiting = iter(self._rows)

            async def work() -> None:
                for row in waiting:
                    if self._stop.is_set():
                        return
                    self._results.append(await client.pay(row))
                    await asyncio.sleep(self._pause)

            await asyncio.gather(*(work() for _ in range(self._workers)))
            if self._repeat:
                self._results = [
                    await client.pay(r.row) if r.outcome.status == UNRESOLVED else r
                    for r in self._results
                ]
            return await self._audit(client)

    async def _audit(self, client: GatewayClient) -> Account:
        left = defaultdict(int, funds_of(self._rows))
        for result in self._results:
            if result.outcome.status == "CAPTURED":
                row = result.row
                left[row.source_account, row.currency] -= parse_amount(row.amount, row.currency)
        wrong = {}
        for account in sorted({account for account, _ in left}):
            answer = await client.get(f"/balance/{account}")
            for balance in answer.document["balances"]:
                currency = balance["currency"]
                held = parse_amount(balance["available"], currency)
                if held != left[account, currency]:
                    wrong[f"{account} {currency}"] = (
                        f"{held}, and must be {left[account, currency]}"
                    )
        trial = await client.get("/ledger/trial-balance")
        return Account(self._results, wrong, unbalanced(trial.document))
