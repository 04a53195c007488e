"""Which accounts a file needs, and with how much."""

from loadtest.preparation import accounts_of, funds_of
from loadtest.rows import Row

ROWS = [
    Row("P-1", "IDR", "188.52", "ACC_SRC_1000", "ACC_DST_1003"),
    Row("P-2", "IDR", "0.48", "ACC_SRC_1000", "ACC_MISSING_7"),
    Row("P-3", "JPY", "500", "ACC_SRC_1000", "ACC_DST_1001"),
    Row("P-4", "USD", "1.00", "ACC_POOR_2", "ACC_DST_1001"),
    Row("P-5", "BHD", "1.005", "ACC_MISSING_9", "ACC_DST_1001"),
    Row("P-6", "EUR", "250000.00", "ACC_LARGE_3", "ACC_DST_1001"),
]


def test_every_account_is_opened_once_but_the_missing_ones() -> None:
    assert accounts_of(ROWS) == [
        {"account_id": "ACC_DST_1001"},
        {"account_id": "ACC_DST_1003", "settlement_currency": "IDR"},
        {"account_id": "ACC_LARGE_3"},
        {"account_id": "ACC_POOR_2"},
        {"account_id": "ACC_SRC_1000"},
    ]


def test_payers_get_what_they_pay_per_currency_and_the_poor_get_nothing() -> None:
    assert funds_of(ROWS) == {
        ("ACC_SRC_1000", "IDR"): 18_900,
        ("ACC_SRC_1000", "JPY"): 500,
        ("ACC_LARGE_3", "EUR"): 25_000_000,
    }
