"""What must become of a sample payment, told from its row alone.

| row                                    | outcome                       |
| source and destination are the same    | FAILED, `same_account`        |
| either account is an ACC_MISSING_ one  | FAILED, `account_not_found`   |
| the source is an ACC_POOR_ account     | FAILED, `insufficient_funds`  |
| the source is an ACC_LARGE_ account    | FAILED, `risk_declined`       |
| anything else                          | CAPTURED                      |
"""

from dataclasses import dataclass

from loadtest.catalogue import LARGE, MISSING, POOR
from loadtest.rows import Row


@dataclass(frozen=True, slots=True)
class Outcome:
    """A payment's status and, when it failed, the failure's code."""

    status: str
    code: str = ""

    def __str__(self) -> str:
        return f"{self.status} ({self.code})" if self.code else self.status


CAPTURED = Outcome("CAPTURED")
SAME_ACCOUNT = Outcome("FAILED", "same_account")
ACCOUNT_NOT_FOUND = Outcome("FAILED", "account_not_found")
INSUFFICIENT_FUNDS = Outcome("FAILED", "insufficient_funds")
RISK_DECLINED = Outcome("FAILED", "risk_declined")


def expected(row: Row) -> Outcome:
    """Return the outcome that the gateway must give to `row`."""
    if row.source_account == row.destination_account:
        return SAME_ACCOUNT
    if row.source_account.startswith(MISSING) or row.destination_account.startswith(MISSING):
        return ACCOUNT_NOT_FOUND
    if row.source_account.startswith(POOR):
        return INSUFFICIENT_FUNDS
    if row.source_account.startswith(LARGE):
        return RISK_DECLINED
    return CAPTURED
