"""The rules of two-phase transfers: a hold is captured, voided or expires, once."""

from kurs.contracts.wallet import Code
from kurs.kernel.accounts import shown
from kurs.kernel.money import MAX_MINOR
from wallet.domain.postings import insufficient, unknown_account
from wallet.domain.transfers import Refusal, Transfer
from wallet.domain.view import Hold, HoldState, View


def open_hold(transfer: Transfer, view: View, now: int) -> Hold:
    """Return the hold that a transfer asks for; raises Refusal when it cannot be had."""
    terms = transfer.hold
    assert terms is not None, "a transfer of kind hold has terms"
    balance = view.balances.get((terms.account_id, terms.currency))
    if balance is None or not balance.limited or balance.merchant != transfer.merchant:
        raise unknown_account(shown(transfer.merchant, terms.account_id), "account_id")
    if terms.expires_at <= now:
        raise Refusal(Code.HOLD_EXPIRED, "the hold would be expired already", "expires_at")
    if balance.available < terms.amount:
        raise insufficient(balance, terms.amount)
    if balance.held + terms.amount > MAX_MINOR:
        raise Refusal(Code.AMOUNT_OVERFLOW, "holds are at most a 64-bit number of minor units")
    return Hold(
        transfer.transfer_id, transfer.merchant, terms.account_id, terms.currency, terms.amount,
        HoldState.HELD, terms.expires_at,
    )  # fmt: skip


def check_open(transfer: Transfer, view: View, now: int) -> Hold:
    """Return the hold that a capture or a void names; raises Refusal unless it is open."""
    hold = view.holds.get(transfer.hold_id or "")
    if hold is None or hold.merchant != transfer.merchant:
        raise Refusal(Code.HOLD_NOT_FOUND, f"there is no hold {transfer.hold_id}", "hold_id")
    if hold.state == HoldState.EXPIRED or (hold.state == HoldState.HELD and hold.expires_at <= now):
        raise Refusal(Code.HOLD_EXPIRED, f"hold {hold.hold_id} has expired", "hold_id")
    if hold.state != HoldState.HELD:
        raise Refusal(Code.HOLD_CLOSED, f"hold {hold.hold_id} was {hold.state} before", "hold_id")
    return hold
