"""What a person is told of limits is what the rules do."""

import re

import pytest

from risk.domain.outcome import Outcome
from risk.domain.policy import (
    AmountLimit,
    AmountSum,
    ExposureLimit,
    NewAccount,
    Scope,
    Threshold,
    VelocityLimit,
)
from risk.domain.wording import limits_in_words, scope_in_words

PER_HOUR = VelocityLimit("hour", 3600, 20, action=Outcome.REVIEW)
PER_DAY = VelocityLimit("day", 86_400, 1, AmountSum("JPY", 5_000))
PER_WEEK = VelocityLimit("week", 604_800, None, AmountSum("JPY", 9_000))

DECLINED = "what is beyond is declined."
MARKS = "from 50 on a payment waits for a person, from 80 on it is declined."


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (Scope(), "every payment"),
        (Scope(frozenset({"IDR"})), "payments in IDR"),
        (Scope(frozenset({"IDR", "EUR", "USD"})), "payments in EUR, IDR or USD"),
        (
            Scope(frozenset({"IDR"}), frozenset({("SGD", "IDR")})),
            "payments in IDR or from SGD to IDR",
        ),
    ],
)
def test_a_scope_names_its_payments(scope: Scope, words: str) -> None:
    assert scope_in_words(scope) == words


def test_every_kind_of_limit_is_a_sentence() -> None:
    threshold = Threshold(
        "all",
        amount=AmountLimit("USD", 500_000, 2_000_000),
        velocity=(PER_HOUR, PER_DAY, PER_WEEK),
        exposure=ExposureLimit("USD", 50_000_000),
        new_account=NewAccount(86_400, 20),
        blocked=frozenset({"a", "b"}),
        on_missing=Outcome.DECLINE,
    )

    assert limits_in_words(threshold) == [
        "A payment is at most 20,000.00 USD.",
        "Above 5,000.00 USD it waits for a person.",
        "An account attempts at most 20 payments within 1 hour; what is beyond waits for a person.",
        f"An account attempts at most 1 payment and 5,000 JPY within 1 day; {DECLINED}",
        f"An account attempts at most 9,000 JPY within 7 days; {DECLINED}",
        "A merchant holds at most 500,000.00 USD open across currencies.",
        f"An account younger than 1 day adds 20 points: {MARKS}",
        "2 accounts neither pay nor are paid.",
        "Without a rate to compare by, it is declined.",
    ]


def test_a_limit_without_a_place_for_reviews_says_nothing_of_them() -> None:
    (most, _) = limits_in_words(Threshold("t", amount=AmountLimit("USD", 100, 100)))

    assert most == "A payment is at most 1.00 USD."


def test_what_needs_no_rate_says_nothing_of_one() -> None:
    (said,) = limits_in_words(Threshold("t", velocity=(PER_HOUR,)))

    assert not re.search("rate", said)


def test_one_account_is_told_as_one() -> None:
    assert limits_in_words(Threshold("t", blocked=frozenset({"a"}))) == [
        "1 account neither pays nor is paid."
    ]
