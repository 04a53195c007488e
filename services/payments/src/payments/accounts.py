"""What payments knows of accounts: looked up in the wallet by who names them, and remembered."""

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydantic_core import to_json

from kurs.calls import Deadline, ServiceClient, TransportError
from kurs.kernel.accounts import is_payee_id, qualified
from kurs.kernel.batching import Batcher, BatchMetrics, DeadlineExceeded
from kurs.kernel.errors import Overloaded
from payments.clients import Unanswered


class Named(NamedTuple):
    """An account as a merchant names it; by None it is named by the ledger's own id."""

    merchant: str | None
    account: str

    @property
    def key(self) -> str | None:
        """What it is remembered by; None for what may come to name another account."""
        if is_payee_id(self.account):
            return self.account
        return None if self.merchant is None else qualified(self.merchant, self.account)


@dataclass(frozen=True, slots=True)
class Account:
    """What payments needs to know of an account; none of it ever changes.

    `name` is what all name it by, `merchant/name`.
    """

    name: str
    merchant: str
    settlement_currency: str | None
    opened_at: int


class AccountDirectory:
    """Looks accounts up in the wallet, and remembers those it found (not those it did not)."""

    def __init__(
        self, client: ServiceClient, *, metrics: BatchMetrics, remembered: int = 100_000
    ) -> None:
        self.client = client
        self._remembered = remembered
        self._known: OrderedDict[str, Account] = OrderedDict()
        self._batcher: Batcher[Named, Account | None] = Batcher(
            self._look_up, name="http-accounts", max_batch=500, metrics=metrics
        )

    async def find(self, named: Named, deadline: Deadline) -> Account | None:
        """Return the account, None if it is not open; raises Unanswered."""
        known = self._known.get(named.key or "")
        if known is not None:
            return known
        try:
            return await self._batcher.submit(named, expires=deadline.expires_at)
        except (TransportError, Overloaded, DeadlineExceeded) as error:
            raise Unanswered(self.client.name, error.detail) from error

    async def prepare(self, names: Sequence[Named], deadline: Deadline) -> Sequence[str | None]:
        """Look up those that are not known yet, and return by what name all know each.

        None where there is none, or the wallet did not say; `find` says which.
        """
        known = [a.name for n in names if (a := self._known.get(n.key or "")) is not None]
        if len(known) == len(names):
            return known
        try:
            answers = await self._batcher.submit_many(names, expires=deadline.expires_at)
        except Overloaded:
            return [None] * len(names)
        return [each.name if isinstance(each, Account) else None for each in answers]

    async def _look_up(self, names: Sequence[Named]) -> Sequence[Account | None]:
        wanted = list(dict.fromkeys(names))
        merchants, account_ids = zip(*wanted, strict=True)
        body = to_json({"account_ids": account_ids, "merchants": merchants})
        answer = await self.client.request("POST", "/accounts/lookup", body=body, retryable=True)
        if answer.status != 200:
            raise Unanswered(self.client.name, f"answered {answer.status}")
        found: dict[Named, Account] = {}
        for named, row in zip(wanted, json.loads(answer.body)["accounts"], strict=True):
            if row is not None and row["kind"] == "customer":
                found[named] = account = Account(
                    row["account_id"], row["merchant"], row["settlement_currency"], row["opened_at"]
                )
                self._remember(account.name, account)
                if is_payee_id(named.account):
                    self._remember(named.account, account)
        return [found.get(named) for named in names]

    def _remember(self, key: str, account: Account) -> None:
        self._known[key] = account
        if len(self._known) > self._remembered:
            self._known.popitem(last=False)
