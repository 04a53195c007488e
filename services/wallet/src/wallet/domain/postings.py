"""The rules of postings: which accounts they may touch, and how far."""

from kurs.contracts.wallet import Code, unbalanced
from kurs.kernel.accounts import shown
from kurs.kernel.money import format_amount
from wallet.domain.transfers import Refusal, Transfer
from wallet.domain.view import Balance, Hold, View

Moves = dict[Balance, int]
"""What a transfer changes: the net amount per balance, in minor units."""


def plan(transfer: Transfer, view: View) -> Moves:
    """Return the transfer's net effect per balance.

    Raises Refusal for an account that does not exist, and for a debit of another merchant's
    account, in the same words: whether it exists is not the caller's to know.
    """
    legs = ((currency, amount) for _, currency, amount in transfer.postings)
    assert not unbalanced(legs), "postings sum to zero in every currency"
    balances, merchant = view.balances, transfer.merchant
    moves: Moves = {}
    for index, (account_id, currency, amount) in enumerate(transfer.postings):
        balance = balances.get((account_id, currency))
        if balance is None or (
            amount < 0 and balance.overdraft is not None and balance.merchant != merchant
        ):
            raise unknown_account(shown(merchant, account_id), f"postings.{index}.account_id")
        moves[balance] = moves.get(balance, 0) + amount
    return moves


def check(moves: Moves, *, released: tuple[Balance, int] | None = None) -> None:
    """Raise Refusal when a balance would go below its limit or leave 64 bits.

    `released` is a balance and the held amount that the transfer itself gives back to it.
    """
    for balance, amount in moves.items():
        if amount < 0 and balance.overdraft is not None:
            free = released[1] if released is not None and released[0] is balance else 0
            if balance.available + free + amount < 0:
                raise insufficient(balance, -amount)
        if balance.would_overflow(amount):
            raise Refusal(
                Code.AMOUNT_OVERFLOW,
                f"an account cannot hold that much {balance.currency}: "
                "a balance is at most a 64-bit number of minor units",
            )


def check_capture(hold: Hold, debit: int) -> None:
    """Raise Refusal unless `debit` (minor units) takes some, and at most all, of the hold."""
    if debit <= 0:
        raise Refusal(
            Code.CAPTURE_WITHOUT_DEBIT,
            f"a capture debits the held account: {shown(hold.merchant, hold.account_id)} "
            f"in {hold.currency}",
            "postings",
        )
    if debit > hold.amount:
        raise Refusal(
            Code.CAPTURE_EXCEEDS_HOLD,
            f"{_money(debit, hold.currency)} is more than the held "
            f"{_money(hold.amount, hold.currency)}",
            "postings",
        )


def insufficient(balance: Balance, needed: int) -> Refusal:
    """Return the refusal of a debit of `needed` minor units."""
    available = _money(balance.available, balance.currency)
    return Refusal(
        Code.INSUFFICIENT_FUNDS,
        f"account {shown(balance.merchant, balance.account_id)} has {available} available, "
        f"{_money(needed, balance.currency)} is needed",
        "amount",
    )


def unknown_account(account_id: str, field: str) -> Refusal:
    """Return the refusal that names an account."""
    return Refusal(Code.ACCOUNT_NOT_FOUND, f"there is no account {account_id}", field)


def _money(minor: int, currency: str) -> str:
    return f"{format_amount(minor, currency)} {currency}"
