"""How accounts are named: an account is `merchant/name` to all, and `name` to its own merchant.

Accounts that an earlier release opened keep the one id that they have in the ledger, their bare
name. A public payee id stands for one account and says nothing of it: whoever knows one can pay to
it, and can neither guess another nor learn whose it is.
"""

from secrets import token_hex

_PAYEE = "payee_"
_PAYEE_BYTES = 16
_PAYEE_LENGTH = len(_PAYEE) + 2 * _PAYEE_BYTES
PAYEE_ID_PATTERN = f"{_PAYEE}.{{{2 * _PAYEE_BYTES}}}"
"""The form of a payee id, for who has only patterns."""


def shown(merchant: str, account: str) -> str:
    """Return an account as `merchant` sees it: its own ones by their bare names."""
    return account.removeprefix(f"{merchant}/")


def qualified(merchant: str, account: str) -> str:
    """Return an account as all name it, where `merchant` wrote it perhaps by its bare name."""
    return account if "/" in account else f"{merchant}/{account}"


def bare(account: str) -> str:
    """Return the name of an account without its merchant's."""
    return account.rpartition("/")[2]


def new_payee_id() -> str:
    """Return a payee id that nobody can guess: 128 random bits."""
    return _PAYEE + token_hex(_PAYEE_BYTES)


def is_payee_id(account: str) -> bool:
    """Tell whether it has the form of a payee id; no account can be opened under such a name."""
    return account.startswith(_PAYEE) and len(account) == _PAYEE_LENGTH
