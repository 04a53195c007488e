"""What the sample payments are made of: currencies, typical amounts and account names.

Account names are the convention by which anyone can tell from a row alone what must become of
it (`loadtest.expectations`) and what its destination account settles in:

    ACC_SRC_5081      a funded payer
    ACC_DST_1228      a payee; its last digit chooses the settlement currency
    ACC_POOR_2044     a payer that is opened and never funded
    ACC_LARGE_7310    a funded payer whose payments are above the limit that risk declines at
    ACC_MISSING_3391  an account that nobody opens
"""

from dataclasses import dataclass

PAYER = "ACC_SRC_"
PAYEE = "ACC_DST_"
POOR = "ACC_POOR_"
LARGE = "ACC_LARGE_"
MISSING = "ACC_MISSING_"

# Payees whose name ends in 0, 1 or 2 keep the currency that they are paid in.
_SETTLEMENT = {"3": "IDR", "4": "USD", "5": "EUR", "6": "SGD", "7": "JPY", "8": "GBP", "9": "AUD"}


@dataclass(frozen=True, slots=True)
class SampleCurrency:
    """How a currency occurs among the sample payments.

    `share` is its weight among payers' home currencies; `median` and `sigma` describe the
    log-normal amount (major units; sigma of the logarithm); `per_euro` is a rough rate, used
    only to size amounts that risk must decline.
    """

    code: str
    share: float
    median: float
    sigma: float
    per_euro: float


# Each of them is quoted by a source among the sample resources (k8s/samples).
CURRENCIES = (
    SampleCurrency("IDR", 0.24, 185_000, 0.95, 19_000),
    SampleCurrency("USD", 0.15, 42, 0.90, 1.15),
    SampleCurrency("EUR", 0.12, 38, 0.85, 1.0),
    SampleCurrency("SGD", 0.10, 46, 0.90, 1.50),
    SampleCurrency("JPY", 0.08, 4_800, 0.85, 175),
    SampleCurrency("GBP", 0.06, 33, 0.85, 0.87),
    SampleCurrency("AUD", 0.05, 56, 0.85, 1.75),
    SampleCurrency("MYR", 0.05, 118, 0.85, 4.85),
    SampleCurrency("THB", 0.04, 860, 0.90, 37.5),
    SampleCurrency("KRW", 0.03, 39_000, 0.85, 1_650),
    SampleCurrency("INR", 0.03, 1_900, 0.90, 102),
    SampleCurrency("PHP", 0.02, 1_450, 0.85, 67),
    SampleCurrency("BHD", 0.015, 12.5, 0.80, 0.435),
    SampleCurrency("JOD", 0.015, 23.5, 0.80, 0.82),
)


def settlement_currency(account_id: str) -> str | None:
    """Return what `account_id` converts incoming payments to, or None to keep what is paid.

    Only payees convert; the last character of the name decides, so every reader of a file
    comes to the same answer.
    """
    if not account_id.startswith(PAYEE):
        return None
    return _SETTLEMENT.get(account_id[-1])
