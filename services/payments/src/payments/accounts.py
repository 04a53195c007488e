"""What payments knows of accounts: looked up in the wallet by who names them, and remembered."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from kurs.calls import Deadline, ServiceClient, TransportError
from kurs.contracts.wallet_reads import AccountLookup, LookupAnswer
from kurs.kernel.accounts import is_payee_id, qualified
from kurs.kernel.batching import Batcher, BatchMetrics
from kurs.kernel.errors import Overloaded, Problem
from payments.clients import LANES, Unanswered, Unusable


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


class Account(Struct, frozen=True):
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
            self._look_up,
            name="http-accounts",
            max_batch=500,
            lanes=LANES,
            metrics=metrics,
        )

    def known(self, named: Named) -> Account | None:
        """Return an account that was looked up before."""
        return self._known.get(named.key or "")

    async def find(
        self, names: Sequence[Named], deadline: Deadline
    ) -> list[Account | Unanswered | None]:
        """Return each account, None if it is not open, or why nobody knows."""
        found = {named: self.known(named) for named in names}
        unknown = [named for named, account in found.items() if account is None]
        if not unknown:
            return [found[named] for named in names]
        answers = dict(zip(unknown, await self._ask(unknown, deadline), strict=True))
        return [found[named] or answers[named] for named in names]

    async def prepare(self, names: Sequence[Named], deadline: Deadline) -> list[str | None]:
        """Look up those that are not known yet, and return by what name all know each.

        None where there is none, or the wallet did not say; `find` says which.
        """
        found = await self.find(names, deadline)
        return [each.name if isinstance(each, Account) else None for each in found]

    async def _ask(
        self, names: Sequence[Named], deadline: Deadline
    ) -> list[Account | Unanswered | None]:
        try:
            answers = await self._batcher.submit_many(
                names, expires_monotonic=deadline.expires_monotonic
            )
        except Overloaded as error:
            answers = [error] * len(names)
        return [self._read(answer) for answer in answers]

    def _read(self, answer: Account | Exception | None) -> Account | Unanswered | None:
        if isinstance(answer, Unanswered) or not isinstance(answer, Exception):
            return answer
        if isinstance(answer, TransportError | Problem):
            return Unanswered(self.client.name, answer.detail)
        return Unusable(self.client.name, repr(answer))

    async def _look_up(self, names: Sequence[Named]) -> Sequence[Account | None]:
        wanted = list(dict.fromkeys(names))
        asked = AccountLookup.model_construct(
            account_ids=[named.account for named in wanted],
            merchants=[named.merchant for named in wanted],
        )
        body = asked.model_dump_json().encode()
        answer = await self.client.request("POST", "/accounts/lookup", body=body, retryable=True)
        if answer.status != 200:
            raise Unanswered(self.client.name, f"answered {answer.status}")
        found: dict[Named, Account] = {}
        told = LookupAnswer.model_validate_json(answer.body)
        for named, row in zip(wanted, told.accounts, strict=True):
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
