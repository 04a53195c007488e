"""Finds accounts, and remembers them: an account never changes once it is open."""

from collections.abc import Sequence

from kurs.data.database import Database
from wallet.store.accounts import Account, find_accounts

_REMEMBERED = 20_000


class AccountDirectory:
    """Accounts by id, from memory where it can; every payment asks for two."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, Account] = {}

    async def find(self, account_ids: Sequence[str]) -> list[Account | None]:
        """Return the account of each id, in order; None where there is none."""
        known = self._known
        missing = {account_id for account_id in account_ids if account_id not in known}
        if not missing:
            return [known[account_id] for account_id in account_ids]
        found = await self._database.read(lambda c: find_accounts(c, missing))
        if len(known) + len(found) > _REMEMBERED:
            found |= {i: known[i] for i in account_ids if i in known}
            known.clear()
        known.update(found)
        return [known.get(account_id) for account_id in account_ids]
