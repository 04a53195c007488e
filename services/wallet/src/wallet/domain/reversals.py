"""The rule of refunds: a transfer gives back at most what its original moved, in total."""

from kurs.contracts.wallet import Code, TransferStatus
from wallet.domain.content import postings_of
from wallet.domain.conversions import (
    Conversion,
    check_quoted,
    check_unquoted,
    conversion_of,
    moves_of,
)
from wallet.domain.transfers import Record, Refusal, Transfer
from wallet.domain.view import Key, View, net


class Reversals:
    """What is left to reverse of each original that a batch names, per account and currency."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._left: dict[str, dict[Key, int]] = {}

    def check(self, transfer: Transfer, now: int) -> None:
        """Raise Refusal unless the transfer stays within what is left of its original.

        Each net amount must run against the original's, and may not be larger than the rest. Of a
        conversion, only what the payer gets back is counted, and bounds the rest: at the
        original's rate its postings are exactly that part's; at the present rate they are its own
        quote's, from the receiver to the payer.
        """
        original = self._original_of(transfer)
        left = self._left_of(original)
        conversion = conversion_of(postings_of(original))
        if conversion is not None:
            self._check_conversion(transfer, conversion, left[conversion.payer], now)
            return
        moved = net(transfer.postings)
        for key, amount in moved.items():
            rest = left.get(key, 0)
            if amount * rest < 0 or abs(amount) > abs(rest):
                raise _exceeds(transfer, key)
        check_unquoted(transfer)

    def record(self, transfer: Transfer) -> None:
        """Count an applied reversal."""
        assert transfer.reverses is not None
        left = self._left[transfer.reverses]
        for key, amount in net(transfer.postings).items():
            left[key] = left.get(key, 0) - amount

    def _check_conversion(
        self, transfer: Transfer, original: Conversion, left: int, now: int
    ) -> None:
        moved = moves_of(transfer.postings)
        if not 0 < moved.get(original.payer, 0) <= left:
            raise _exceeds(transfer, original.payer)
        if transfer.quote is not None:
            back = check_quoted(transfer, now)
            if (back.payer, back.receiver) != (original.receiver, original.payer):
                raise _exceeds(transfer, back.payer)
        elif not original.gives_back(moved, original.legs.source - left):
            raise Refusal(
                Code.HOUSE_DEBIT_FORBIDDEN,
                f"the postings are not what gives back a part of {transfer.reverses} at its rate",
                "postings",
            )

    def _original_of(self, transfer: Transfer) -> Record:
        original = self._view.transfers.get(transfer.reverses or "")
        if original is None or original.merchant != transfer.merchant or not _moved(original):
            message = f"there is no applied transfer {transfer.reverses} to reverse"
            raise Refusal(Code.ORIGINAL_NOT_FOUND, message, "reverses")
        return original

    def _left_of(self, original: Record) -> dict[Key, int]:
        left = self._left.get(original.transfer_id)
        if left is None:
            left = {key: -amount for key, amount in net(postings_of(original)).items()}
            for reversal in self._view.reversals.get(original.transfer_id, ()):
                for key, amount in net(postings_of(reversal)).items():
                    left[key] = left.get(key, 0) - amount
            self._left[original.transfer_id] = left
        return left


def _exceeds(transfer: Transfer, key: Key) -> Refusal:
    return Refusal(
        Code.REVERSAL_EXCEEDS_ORIGINAL,
        f"more than is left to reverse of {transfer.reverses} on {key[0]} in {key[1]}",
        "postings",
    )


def _moved(original: Record) -> bool:
    return original.status == TransferStatus.APPLIED and bool(postings_of(original))
