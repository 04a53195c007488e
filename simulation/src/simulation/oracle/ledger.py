"""Promises about the ledger, held at every commit of the wallet and once more at the end."""

import sqlite3
from collections import defaultdict
from pathlib import Path

from simulation.oracle.promise import BrokenPromise


class LedgerOracle:
    """Reads the wallet's database beside the wallet, by SQL of its own."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None)
        self.commits = 0

    def at_commit(self) -> None:
        """Hold balances to zero sums and customers to their limits; raises BrokenPromise."""
        self.commits += 1
        rows = self._connection.execute(
            "SELECT currency, sum(posted) FROM balances GROUP BY currency HAVING sum(posted) <> 0"
        ).fetchall()
        if rows:
            raise BrokenPromise("every currency sums to zero", f"{rows}")
        rows = self._connection.execute(
            "SELECT account_id, currency, posted, held, overdraft FROM balances "
            "WHERE overdraft IS NOT NULL AND (posted - held + overdraft < 0 OR held < 0)"
        ).fetchall()
        if rows:
            raise BrokenPromise("no customer goes below its limit", f"{rows}")

    def at_end(self) -> None:
        """Hold balances to postings and holds, and transfers to zero; raises BrokenPromise."""
        self.at_commit()
        self._same(
            "every balance equals its postings",
            "SELECT account_id || ' ' || currency, sum(posted) FROM balances GROUP BY 1",
            "SELECT account_id || ' ' || currency, sum(amount) FROM postings GROUP BY 1",
        )
        self._same(
            "what is held equals the open holds",
            "SELECT account_id || ' ' || currency, sum(held) FROM balances GROUP BY 1",
            "SELECT account_id || ' ' || currency, sum(amount) FROM holds "
            "WHERE state = 'held' GROUP BY 1",
        )
        rows = self._connection.execute(
            "SELECT transfer_id, currency, sum(amount) FROM postings GROUP BY 1, 2 "
            "HAVING sum(amount) <> 0"
        ).fetchall()
        if rows:
            raise BrokenPromise("every transfer sums to zero", f"{rows[:5]}")
        rows = self._connection.execute(
            "SELECT quote_id, count(*) FROM transfers WHERE quote_id IS NOT NULL "
            "AND status = 'applied' GROUP BY 1 HAVING count(*) > 1"
        ).fetchall()
        if rows:
            raise BrokenPromise("a quote is used once", f"{rows[:5]}")

    def balances(self) -> dict[tuple[str, str], int]:
        """Return what every account holds by its postings, by account and currency."""
        found: dict[tuple[str, str], int] = defaultdict(int)
        query = "SELECT account_id, currency, sum(amount) FROM postings GROUP BY 1, 2"
        for account, currency, amount in self._connection.execute(query):
            found[account.rpartition("/")[2], currency] += amount
        return found

    def open_holds(self) -> int:
        """Return how many holds are open."""
        (count,) = self._connection.execute(
            "SELECT count(*) FROM holds WHERE state = 'held'"
        ).fetchone()
        return int(count)

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def _same(self, promise: str, left: str, right: str) -> None:
        one, other = (dict(self._connection.execute(query).fetchall()) for query in (left, right))
        differ = {
            name: (one.get(name, 0), other.get(name, 0))
            for name in {*one, *other}
            if (one.get(name) or 0) != (other.get(name) or 0)
        }
        if differ:
            raise BrokenPromise(promise, f"{sorted(differ.items())[:5]}")
