"""A tally: one number that stands for a set of legs, in whatever order they were counted.

It is the sum of keyed hashes. Two ways through the ledger that tell of the same legs come to the
same number, and others do not. The key is random and stays in one process, so that nobody can
choose legs whose hashes sum up alike.
"""

import secrets
from hashlib import blake2b

from wallet.domain.content import postings_of
from wallet.domain.transfers import Record

_BYTES = 16


class Tally:
    """Counts transfers, and legs, that were made before `before`, in microseconds.

    Of those that were asked for before `since` no leg counts: all of them are archived.
    """

    def __init__(self, before: int, key: bytes | None = None, *, since: int = -(2**63)) -> None:
        self.before = before
        self.since = since
        self.transfers = 0
        self.legs = 0
        self._key = key or secrets.token_bytes(_BYTES)

    def other(self) -> "Tally":
        """Return one that comes to the same number for the same legs, at nothing yet."""
        return Tally(self.before, self._key, since=self.since)

    def ask(self, record: Record) -> None:
        """Count a transfer, and the legs that it asked for if it was applied.

        A content that cannot be read counts as what no posting is.
        """
        if record.created_at >= self.before:
            return
        self.transfers += 1
        if record.status != "applied" or record.created_at < self.since:
            return
        try:
            legs = [leg for leg in postings_of(record) if leg.amount]
        except Exception:  # whoever wrote it chose how it cannot be read
            self.legs += 1
            return
        for leg in legs:
            self.book(record.transfer_id, *leg, record.created_at)

    def book(
        self, transfer_id: str, account_id: str, currency: str, amount: int, created_at: int
    ) -> None:
        """Count one leg; `amount` in minor units."""
        if created_at < self.before:
            told = f"{transfer_id}\0{account_id}\0{currency}\0{amount}\0{created_at}".encode(
                errors="surrogatepass"
            )
            hashed = blake2b(told, digest_size=_BYTES, key=self._key).digest()
            self.legs += int.from_bytes(hashed, "big")
