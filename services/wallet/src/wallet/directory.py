"""Finds accounts by their names, and remembers them: an account never changes once it is open."""

from collections.abc import Iterable, Sequence

from kurs.contracts.wallet import HoldItem, PostingItem, TransferItem
from kurs.data.database import Database
from kurs.kernel.accounts import is_payee_id
from wallet.store.accounts import Account, find_by_name

_REMEMBERED = 100_000

Names = tuple[str, ...]
"""What an account may be named by, the first that exists counts: `merchant/name`, a payee id, or
the ledger's own id."""


def written_by(merchant: str | None, account: str) -> Names:
    """Return what a merchant means by `account`: its own of that name, if it has one.

    Else the account of another merchant that an earlier release opened under this bare id.
    """
    if merchant is None or "/" in account or ":" in account or is_payee_id(account):
        return (account,)
    return (f"{merchant}/{account}", account)


def posted_to(merchant: str, account: str) -> Names:
    """Return what payments means by `account`: a release that wrote a bare name knew no other."""
    return written_by(merchant, account)[::-1]


class AccountDirectory:
    """Accounts by name, from memory where it can; every payment names two."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, Account] = {}

    async def find(self, wanted: Sequence[Names]) -> list[Account | None]:
        """Return the account of each, in order; None where there is none.

        Only the first of its names is looked for in memory: before a later one counts, the database
        is asked whether the first has been opened.
        """
        known = self._known
        missing = {name for names in wanted if names[0] not in known for name in names}
        if not missing:
            return [known[names[0]] for names in wanted]
        found = await self._database.read(lambda c: find_by_name(c, missing))
        accounts = [_first(names, found) or known.get(names[0]) for names in wanted]
        if len(known) + len(found) > _REMEMBERED:
            known.clear()
        known.update(found)
        return accounts

    async def name_as_stored(self, items: Iterable[TransferItem]) -> None:
        """Let items name accounts by the ledger's ids, so that their contents and postings do.

        The same item names the same account whenever it comes: what it was refused for once, it is
        refused for again.
        """
        legs, wanted = [], []
        for item in items:
            for leg in _legs(item):
                if not self._is_stored(leg["account_id"]):
                    legs.append(leg)
                    wanted.append(posted_to(item["merchant"], leg["account_id"]))
        if not legs:
            return
        for leg, names, account in zip(legs, wanted, await self.find(wanted), strict=True):
            leg["account_id"] = names[-1] if account is None else account.account_id

    def _is_stored(self, account: str) -> bool:
        """Tell whether a leg's account is known to be named as the ledger does."""
        if "/" not in account:
            return ":" in account
        known = self._known.get(account)
        return known is not None and known.account_id == account


def _legs(item: TransferItem) -> Sequence[PostingItem | HoldItem]:
    if item["kind"] == "hold":
        return (item,)
    return item["postings"] if item["kind"] == "post" or item["kind"] == "capture" else ()


def _first(names: Names, found: dict[str, Account]) -> Account | None:
    return next((found[name] for name in names if name in found), None)
