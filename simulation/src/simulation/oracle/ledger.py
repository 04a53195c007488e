"""Promises about the ledger, held at every commit of the wallet and once more at the end."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulation.oracle.files import beside
from simulation.oracle.funds import check_refusals
from simulation.oracle.promise import BrokenPromise
from simulation.oracle.terms import Moves


class LedgerOracle:
    """Reads the wallet's database beside the wallet, by SQL of its own."""

    def __init__(self, file: Path) -> None:
        self._connection = beside(file)
        self.commits = 0

    def at_commit(self) -> None:
        """Hold balances to zero sums and customers to their limits; raises BrokenPromise."""
        self.commits += 1
        self._none(
            "every currency sums to zero",
            "SELECT currency, sum(posted) FROM balances GROUP BY currency HAVING sum(posted) <> 0",
        )
        self._none(
            "no customer goes below its limit",
            "SELECT account_id, currency, posted, held, overdraft FROM balances "
            "WHERE overdraft IS NOT NULL AND (posted - held + overdraft < 0 OR held < 0)",
        )

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
        self._none(
            "every transfer sums to zero",
            "SELECT transfer_id, currency, sum(amount) FROM postings GROUP BY 1, 2 "
            "HAVING sum(amount) <> 0",
        )
        self._none(
            "a quote is used once",
            "SELECT quote_id, count(*) FROM transfers WHERE quote_id IS NOT NULL "
            "AND status = 'applied' GROUP BY 1 HAVING count(*) > 1",
        )
        self._none(
            "a hold ends once",
            "SELECT hold_id, count(*) FROM transfers WHERE hold_id IS NOT NULL AND status = "
            "'applied' AND kind IN ('capture', 'void', 'expiry') GROUP BY 1 HAVING count(*) <> 1",
        )
        self._none(
            "a hold ends in time, or is released",
            "SELECT h.hold_id, h.state, h.expires_at, t.created_at FROM holds h LEFT JOIN "
            "transfers t ON t.transfer_id = h.closed_by WHERE h.state = 'held' "
            "OR (h.state = 'captured' AND t.created_at >= h.expires_at)",
        )
        self._none(
            "what is refused moves nothing",
            "SELECT p.transfer_id FROM postings p JOIN transfers t USING (transfer_id) "
            "WHERE t.status <> 'applied' OR t.kind NOT IN ('post', 'capture', 'deposit')",
        )

        check_refusals(self._connection)

    def check_moves(self, wanted: Mapping[str, Moves], deposits: Mapping[str, Any]) -> None:
        """Hold every transfer to what was asked for: no more, no less; raises BrokenPromise."""
        made = self._moves()
        for name, moves in wanted.items():
            if made.pop(name, {}) != moves:
                seen = f"{name}: {self._moves().get(name)}, and not {moves}"
                raise BrokenPromise("money moves exactly as its payments say", seen)
        for name, moves in made.items():
            kind, _, rest = name.partition(":")
            deposit = deposits.get(rest.rpartition(":")[2])
            if kind != "dep" or deposit is None or moves.get(deposit[:2]) != deposit[2]:
                raise BrokenPromise("nothing moves that nobody asked for", f"{name}: {moves}")

    def deposited(self) -> set[str]:
        """Return the ids of the deposits that were made."""
        query = "SELECT transfer_id FROM transfers WHERE kind = 'deposit' AND status = 'applied'"
        return {row[0].rpartition(":")[2] for row in self._connection.execute(query)}

    def overdrafts(self) -> dict[tuple[str, str], int]:
        """Return how far accounts may go below zero, where they may."""
        query = "SELECT account_id, currency, overdraft FROM balances WHERE overdraft > 0"
        return {(_own(row[0]), row[1]): row[2] for row in self._connection.execute(query)}

    def _moves(self) -> dict[str, Moves]:
        found: dict[str, Moves] = defaultdict(dict)
        query = "SELECT transfer_id, account_id, currency, sum(amount) FROM postings GROUP BY 1,2,3"
        for name, account, currency, amount in self._connection.execute(query):
            if amount:
                found[name][_own(account), currency] = amount
        return found

    def balances(self) -> dict[tuple[str, str], int]:
        """Return what every account holds by its postings, by account and currency."""
        found: dict[tuple[str, str], int] = defaultdict(int)
        query = "SELECT account_id, currency, sum(amount) FROM postings GROUP BY 1, 2"
        for account, currency, amount in self._connection.execute(query):
            found[_own(account), currency] += amount
        return found

    def is_quiet(self) -> bool:
        """Whether nothing is held."""
        query = "SELECT EXISTS (SELECT 1 FROM holds WHERE state = 'held')"
        return not self._connection.execute(query).fetchone()[0]

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def _none(self, promise: str, query: str) -> None:
        rows = self._connection.execute(query).fetchall()
        if rows:
            raise BrokenPromise(promise, f"{[tuple(row) for row in rows[:5]]}")

    def _same(self, promise: str, left: str, right: str) -> None:
        one, other = (dict(self._connection.execute(query).fetchall()) for query in (left, right))
        differ = {
            name: (one.get(name, 0), other.get(name, 0))
            for name in {*one, *other}
            if (one.get(name) or 0) != (other.get(name) or 0)
        }
        if differ:
            raise BrokenPromise(promise, f"{sorted(differ.items())[:5]}")


def _own(account: str) -> str:
    return account.rpartition("/")[2]
