"""What the wallet's public routes refuse.

NotFound 404        AccountNotFound, TransferNotFound
Conflict 409        AccountIdTaken, DepositConflict
Unprocessable 422   BalanceOverflow, CeilingExceeded, DepositRefused
TooManyRequests 429 AccountBudget
"""

from kurs.kernel.errors import Conflict, NotFound, TooManyRequests, Unprocessable


class AccountNotFound(NotFound):
    """There is no such account, or it belongs to another merchant."""

    code = "account_not_found"
    title = "Account not found"


class TransferNotFound(NotFound):
    """No transfer was stored under this id."""

    code = "transfer_not_found"
    title = "Transfer not found"


class AccountIdTaken(Conflict):
    """The merchant has an account of that name with other content."""

    code = "account_id_taken"
    title = "Account id taken"


class DepositConflict(Conflict):
    """The deposit id was used before with other content."""

    code = "deposit_conflict"
    title = "Deposit id used before"


class AccountBudget(TooManyRequests):
    """The merchant has, or has opened today, as many accounts as it may."""

    code = "account_budget"
    title = "No more accounts"


class CeilingExceeded(Unprocessable):
    """More than may be deposited, or than an account may be overdrawn, in this currency."""

    code = "ceiling_exceeded"
    title = "Above the ceiling"


class DepositRefused(Unprocessable):
    """The ledger refused a deposit, and why has no code here."""

    code = "deposit_refused"
    title = "Deposit refused"


class BalanceOverflow(Unprocessable):
    """The balance would leave what a 64-bit number of minor units holds."""

    code = "amount_overflow"
    title = "Balance too large"
