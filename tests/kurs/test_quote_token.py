"""Quote tokens: what was signed comes back, and nothing else is believed."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kurs.quote_token import MAX_TOKEN_LENGTH, InvalidToken, Quote, sign, verify

KEY, OTHER_KEY, THIRD_KEY = b"first-key-of-the-tests-0123456789", b"o" * 32, b"t" * 64
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
QUOTE = Quote(
    quote_id="fxq_01",
    source_currency="USD",
    destination_currency="IDR",
    source_minor=10_000,
    destination_minor=162_837_010,
    mid=Decimal("16324.5123456789"),
    spread_bps=25,
    rate=Decimal("16283.70106481470275"),
    source="ecb",
    as_of=1_767_225_600_000_000,
    expires_at=1_767_225_660_000_000,
    config_revision="0123456789abcdef",
    side="source",
)

names = st.text(st.characters(exclude_characters="\x1f", exclude_categories=("Cs",)), max_size=40)
minors = st.integers(min_value=1, max_value=2**63 - 1)
rates = st.decimals(min_value="1e-12", max_value="1e12", allow_nan=False)
quotes = st.builds(
    Quote,
    quote_id=names,
    source_currency=names,
    destination_currency=names,
    source_minor=minors,
    destination_minor=minors,
    mid=rates,
    spread_bps=st.integers(0, 10_000),
    rate=rates,
    source=names,
    as_of=minors,
    expires_at=minors,
    config_revision=names,
    side=st.sampled_from(["source", "destination"]),
)


@settings(deadline=None)
@given(quotes)
def test_what_was_signed_comes_back_to_the_last_digit(quote: Quote) -> None:
    read = verify(sign(quote, [KEY]), [KEY])

    assert quote == read
    assert str(quote.rate) == str(read.rate)


@settings(deadline=None)
@given(st.data())
def test_a_token_changed_at_any_place_is_refused(data: st.DataObject) -> None:
    token = sign(QUOTE, [KEY])
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from(ALPHABET + ".=+/ \x1f"))
    changed = token[:place] + letter + token[place + 1 :]

    if changed == token:
        assert verify(changed, [KEY]) == QUOTE
    else:
        with pytest.raises(InvalidToken):
            verify(changed, [KEY])


def test_the_unused_bits_of_the_last_character_are_signed_too() -> None:
    token = sign(QUOTE, [KEY])
    twins = [token[:-1] + letter for letter in ALPHABET if letter != token[-1]]

    for twin in twins:
        with pytest.raises(InvalidToken):
            verify(twin, [KEY])


def test_the_first_key_signs_and_every_key_verifies() -> None:
    old = sign(QUOTE, [KEY])
    new = sign(QUOTE, [OTHER_KEY, KEY])

    assert verify(old, [OTHER_KEY, KEY]) == QUOTE
    assert verify(new, [OTHER_KEY]) == QUOTE
    assert verify(new, [THIRD_KEY, KEY, OTHER_KEY]) == QUOTE
    with pytest.raises(InvalidToken, match="not signed by this gateway"):
        verify(old, [OTHER_KEY, THIRD_KEY])


@settings(deadline=None)
@given(st.text(max_size=80) | st.text(ALPHABET + ".", max_size=80).map("q1.".__add__))
def test_any_text_that_was_not_signed_is_refused(text: str) -> None:
    with pytest.raises(InvalidToken):
        verify(text, [KEY])


@pytest.mark.parametrize(
    "text",
    ["", ".", "q1", "q1.", "q1..", "q2" + sign(QUOTE, [KEY])[2:], sign(QUOTE, [KEY])[3:]],
)
def test_another_shape_or_version_is_refused(text: str) -> None:
    with pytest.raises(InvalidToken):
        verify(text, [KEY])


def test_a_very_long_text_is_refused_before_it_is_read() -> None:
    with pytest.raises(InvalidToken):
        verify("q1." + "A" * MAX_TOKEN_LENGTH + ".A", [KEY])


def test_no_key_verifies_nothing() -> None:
    with pytest.raises(InvalidToken):
        verify(sign(QUOTE, [KEY]), [])


def test_signing_needs_a_key_as_long_as_the_digest() -> None:
    with pytest.raises(ValueError, match="needs a key"):
        sign(QUOTE, [])
    with pytest.raises(ValueError, match="at least 32 bytes"):
        sign(QUOTE, [b"short"])


@pytest.mark.parametrize("field", ["quote_id", "source", "config_revision"])
def test_two_quotes_never_share_a_payload(field: str) -> None:
    with pytest.raises(ValueError, match="separator"):
        sign(replace(QUOTE, **{field: "a\x1fb"}), [KEY])


def test_a_name_too_long_for_a_token_is_refused_when_signing() -> None:
    with pytest.raises(ValueError, match="longer than"):
        sign(replace(QUOTE, source="s" * 2000), [KEY])
