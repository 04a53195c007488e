"""The rule of refunds: a transfer gives back at most what its original moved, in total."""

from collections.abc import Iterable

from wallet.domain.content import postings_of
from wallet.domain.transfers import Code, Record, Refusal, Status, Transfer
from wallet.domain.view import Key, View, is_house, net


class Reversals:
    """What is left to reverse of each original that a batch names, per account and currency."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._left: dict[str, dict[Key, int]] = {}

    def check(self, transfer: Transfer) -> None:
        """Raise Refusal unless the transfer stays within what is left of its original.

        Each net amount must run against the original's, and may not be larger than the rest. Where
        customers' amounts bound the transfer, the house's only balance them: rounding a part of a
        conversion in its favour may put a unit on another account of the house.
        """
        assert transfer.reverses is not None
        left = self._left_of(transfer.reverses, transfer.merchant)
        moved = net(transfer.postings)
        free = _house_currencies(left) if any(not is_house(a) for a, _ in moved) else set()
        for key, amount in moved.items():
            if is_house(key[0]) and key[1] in free:
                continue
            rest = left.get(key, 0)
            if amount * rest < 0 or abs(amount) > abs(rest):
                raise Refusal(
                    Code.REVERSAL_EXCEEDS_ORIGINAL,
                    f"more than is left to reverse of {transfer.reverses} on {key[0]} in {key[1]}",
                    "postings",
                )

    def record(self, transfer: Transfer) -> None:
        """Count an applied reversal."""
        assert transfer.reverses is not None
        left = self._left[transfer.reverses]
        for key, amount in net(transfer.postings).items():
            left[key] = left.get(key, 0) - amount

    def _left_of(self, original_id: str, merchant: str) -> dict[Key, int]:
        original = self._view.transfers.get(original_id)
        if original is None or original.merchant != merchant or not _moved(original):
            message = f"there is no applied transfer {original_id} to reverse"
            raise Refusal(Code.ORIGINAL_NOT_FOUND, message, "reverses")
        left = self._left.get(original_id)
        if left is None:
            left = {key: -amount for key, amount in net(postings_of(original)).items()}
            for reversal in self._view.reversals.get(original_id, ()):
                for key, amount in net(postings_of(reversal)).items():
                    left[key] = left.get(key, 0) - amount
            self._left[original_id] = left
        return left


def _house_currencies(keys: Iterable[Key]) -> set[str]:
    return {currency for account_id, currency in keys if is_house(account_id)}


def _moved(original: Record) -> bool:
    return original.status == Status.APPLIED and bool(postings_of(original))
