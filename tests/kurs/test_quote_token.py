"""Quote tokens: what was signed comes back, and nothing else is believed."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kurs.contracts.fx import MAX_TOKEN_LENGTH
from kurs.quotes.keys import ensure_key_files
from kurs.quotes.token import (
    InvalidToken,
    Quote,
    QuoteSigner,
    QuoteVerifier,
    read_token,
)
from kurs_testing.telemetry import RecordingTelemetry

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
QUOTE = Quote(
    quote_id="fxq_01",
    merchant="shop",
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
    merchant=names,
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


class Pair:
    """A signer and the verifier that knows its key."""

    def __init__(self, folder: Path) -> None:
        files = folder / "signing.pem", folder / "verify.pem"
        ensure_key_files(*files)
        telemetry = RecordingTelemetry("fx")
        self.signer = QuoteSigner(files[0], telemetry)
        self.verify = QuoteVerifier(files[1], telemetry).verify

    def sign(self, *quotes: Quote) -> list[str]:
        return self.signer.sign(quotes)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def token(keys: Pair) -> str:
    """A token with two steps to its root."""
    return keys.sign(QUOTE, *(QUOTE._replace(quote_id=f"other_{i}") for i in range(2)))[0]


@settings(deadline=None)
@given(st.lists(quotes, min_size=1, max_size=9))
def test_what_was_signed_together_comes_back_to_the_last_digit(
    keys: Pair, quotes: list[Quote]
) -> None:
    read = [keys.verify(token) for token in keys.sign(*quotes)]

    assert read == quotes
    assert [str(q.rate) for q in read] == [str(q.rate) for q in quotes]


def test_every_quote_of_a_full_batch_is_believed_by_itself(keys: Pair) -> None:
    batch = [QUOTE._replace(quote_id=f"fxq_{i}") for i in range(1_000)]
    tokens = keys.sign(*batch)

    assert [keys.verify(token) for token in reversed(tokens)] == batch[::-1]
    assert max(map(len, tokens)) < MAX_TOKEN_LENGTH / 2


@settings(deadline=None)
@given(st.data())
def test_a_token_changed_at_any_place_is_refused(
    keys: Pair, token: str, data: st.DataObject
) -> None:
    assert keys.verify(token) == QUOTE  # so that its root is remembered
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from(ALPHABET + ".=+/ \x1f"))
    changed = token[:place] + letter + token[place + 1 :]

    if changed == token:
        assert keys.verify(changed) == QUOTE
    else:
        with pytest.raises(InvalidToken):
            keys.verify(changed)


def test_the_unused_bits_of_the_last_character_are_signed_too(keys: Pair) -> None:
    for count in range(1, 9):
        token = keys.sign(*(QUOTE._replace(quote_id=f"q{i}") for i in range(count)))[0]
        for twin in (token[:-1] + letter for letter in ALPHABET if letter != token[-1]):
            with pytest.raises(InvalidToken):
                keys.verify(twin)


def test_a_proof_vouches_for_no_other_quote(keys: Pair) -> None:
    one, other = keys.sign(QUOTE, QUOTE._replace(destination_minor=1))
    bare = keys.sign(QUOTE._replace(quote_id="alone"))[0]
    swapped = [
        f"{a.rpartition('.')[0]}.{b.rpartition('.')[2]}"
        for a, b in ((one, other), (other, one), (one, bare), (bare, one))
    ]

    for token in swapped:
        with pytest.raises(InvalidToken, match="not signed by this gateway"):
            keys.verify(token)


def test_an_inner_node_is_no_quote(keys: Pair) -> None:
    """Its content, taken for a token's text, hashes to something else than the node did."""
    token = keys.sign(QUOTE, QUOTE._replace(quote_id="b"))[0]
    text, _, proof = token.rpartition(".")

    with pytest.raises(InvalidToken):
        keys.verify(f"q2.{proof}.{proof}")
    with pytest.raises(InvalidToken):
        keys.verify(f"{text}.{proof[: 72 * 4 // 3]}")


def test_another_pair_of_keys_signs_nothing_here(keys: Pair, tmp_path: Path) -> None:
    foreign = Pair(tmp_path)

    with pytest.raises(InvalidToken, match="not signed by this gateway"):
        keys.verify(foreign.sign(QUOTE)[0])


@settings(deadline=None)
@given(st.text(max_size=80) | st.text(ALPHABET + ".", max_size=200).map("q2.".__add__))
def test_any_text_that_was_not_signed_is_refused(keys: Pair, text: str) -> None:
    with pytest.raises(InvalidToken):
        keys.verify(text)


@pytest.mark.parametrize(
    "shape",
    [
        lambda _: "", lambda _: ".", lambda _: "q2", lambda _: "q2.", lambda _: "q2..",
        lambda token: "q1" + token[2:], lambda token: token[3:],
        lambda token: token + "A" * 43, lambda token: token[:-43],
        lambda _: "q2." + "A" * MAX_TOKEN_LENGTH + ".A",
    ],
)  # fmt: skip
def test_another_shape_or_version_is_refused(
    keys: Pair, token: str, shape: Callable[[str], str]
) -> None:
    with pytest.raises(InvalidToken):
        keys.verify(shape(token))


@pytest.mark.parametrize("field", ["quote_id", "merchant", "source", "config_revision"])
def test_two_quotes_never_share_a_payload(keys: Pair, field: str) -> None:
    with pytest.raises(ValueError, match="separator"):
        keys.sign(QUOTE._replace(**{field: "a\x1fb"}))


def test_a_name_too_long_for_a_token_is_refused_when_signing(keys: Pair) -> None:
    with pytest.raises(ValueError, match="longer than"):
        keys.sign(QUOTE._replace(source="s" * 2000))


def test_a_token_can_be_read_without_a_key_but_only_as_a_quote(token: str) -> None:
    assert read_token(token) == QUOTE
    for text in ("", "q2.", "q1" + token[2:], "q2.bm9uc2Vuc2U.AAAA", "q2.A.A", "é"):
        with pytest.raises(InvalidToken):
            read_token(text)
