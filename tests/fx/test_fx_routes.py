"""The public routes of fx: their answers, and a problem that names the field for bad input."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from kurs.config.resources import FxDocument, SourceRef
from kurs.quotes.token import Quote

ORDER = {"source_currency": "EUR", "destination_currency": "IDR", "source_amount": "100.00"}


async def test_a_rate_says_all_that_it_rests_on(fx: Any) -> None:
    answer = (await fx.get("/rate", base="EUR", quote="IDR")).json()

    assert answer == {
        "base": "EUR",
        "quote": "IDR",
        "mid": "17012.33",
        "spread_bps": 50,
        "rate": "16927.26835",
        "source": "ecb",
        "as_of": "2026-01-01T00:00:00.000000Z",
        "age_seconds": 0,
        "config_revision": answer["config_revision"],
    }
    assert len(answer["config_revision"]) == 16


async def test_crossed_rates_have_at_least_ten_digits(fx: Any) -> None:
    answer = (await fx.get("/rate", base="USD", quote="IDR")).json()

    assert len(Decimal(answer["mid"]).as_tuple().digits) >= 10
    assert Decimal(answer["rate"]) == Decimal(answer["mid"]) * Decimal("0.99")


@pytest.mark.parametrize(
    ("question", "converted"),
    [
        ({"from": "EUR", "to": "IDR", "amount": "100"}, "1692726.83"),
        ({"from": "EUR", "to": "JPY", "amount": "1.5"}, "243"),
        ({"from": "JPY", "to": "BHD", "amount": "1000"}, "2.473"),
        ({"from": "BHD", "to": "EUR", "amount": "0.005"}, "0.01"),
    ],
)
async def test_a_conversion_is_rounded_down_in_its_own_decimals(
    fx: Any, question: dict[str, str], converted: str
) -> None:
    answer = (await fx.get("/convert", **question)).json()

    assert answer["converted"] == converted
    assert set(answer) == {
        "from", "to", "amount", "converted", "rate", "mid", "spread_bps", "source", "as_of",
        "config_revision",
    }  # fmt: skip


async def test_the_amount_of_a_conversion_comes_back_in_all_its_decimals(fx: Any) -> None:
    answer = (await fx.get("/convert", **{"from": "EUR", "to": "IDR", "amount": "7"})).json()

    assert (answer["from"], answer["to"], answer["amount"]) == ("EUR", "IDR", "7.00")


async def test_rates_lists_pairs_and_sources(fx: Any) -> None:
    answer = (await fx.get("/rates")).json()

    assert [(r["base"], r["quote"], r["mid"], r["stale"]) for r in answer["rates"]] == [
        ("EUR", "USD", "1.0837", False),
        ("EUR", "IDR", "17012.33", False),
        ("EUR", "JPY", "163.1", False),
        ("EUR", "BHD", "0.4075", False),
    ]
    assert answer["sources"] == [
        {
            "name": "ecb",
            "type": "Static",
            "healthy": True,
            "error": None,
            "as_of": "2026-01-01T00:00:00.000000Z",
        }
    ]


async def test_rates_tells_who_edited_last_what_is_in_force(
    unconfigured: Any, document: Any, static_spec: Any
) -> None:
    def edited(name: str, by: str | None, at: str | None) -> SourceRef:
        return SourceRef(kind="FXRateSource", name=name, editedBy=by, editedAt=at)

    async with unconfigured.running() as fx:
        board = fx.board
        plain = document(ecb=static_spec(), desk=static_spec(priority=1))
        board.apply(plain)
        unknown = (await fx.get("/rates")).json()["last_edit"]
        refs = [
            edited("ecb", "helm", "2026-01-01T10:00:00Z"),
            edited("desk", "kubectl", "2026-01-01T11:00:00Z"),
            edited("file", None, None),
        ]
        board.apply(FxDocument.build(plain.payload, refs))
        known = (await fx.get("/rates")).json()["last_edit"]

    assert unknown is None
    assert known == {"source": "desk", "by": "kubectl", "at": "2026-01-01T11:00:00.000000Z"}


async def test_a_stale_rate_is_still_listed_as_stale(fx: Any) -> None:
    fx.clock.advance(seconds=3601)

    listed = (await fx.get("/rates")).json()["rates"][0]

    assert (listed["stale"], listed["age_seconds"]) == (True, 3601)


async def test_a_quote_is_a_signed_promise_of_what_it_says(
    fx: Any, verify: Callable[[str], Quote]
) -> None:
    response = await fx.post("/quotes", ORDER)
    answer = response.json()
    quote = verify(answer["quote"])

    assert response.status == 200
    assert set(answer) == {
        "quote_id", "quote", "source_currency", "destination_currency", "source_amount",
        "destination_amount", "mid", "spread_bps", "rate", "source", "as_of", "expires_at",
        "config_revision",
    }  # fmt: skip
    assert (answer["source_amount"], answer["destination_amount"]) == ("100.00", "1692726.83")
    assert quote.merchant == "shop"
    assert (quote.quote_id, quote.side) == (answer["quote_id"], "source")
    assert (quote.source_minor, quote.destination_minor) == (100_00, 1_692_726_83)
    assert (str(quote.mid), str(quote.rate)) == (answer["mid"], answer["rate"])
    assert quote.config_revision == answer["config_revision"]
    assert quote.expires_at == fx.clock.now() + 60_000_000
    assert answer["expires_at"] == "2026-01-01T00:01:00.000000Z"


async def test_a_fixed_destination_costs_the_source_rounded_up(
    fx: Any, verify: Callable[[str], Quote]
) -> None:
    order = {"source_currency": "EUR", "destination_currency": "JPY", "destination_amount": 1000}
    answer = (await fx.post("/quotes", order)).json()

    assert (answer["source_amount"], answer["destination_amount"]) == ("6.17", "1000")
    assert verify(answer["quote"]).side == "destination"


@pytest.mark.parametrize("amount", ["100.00", "100", 100, b"100.00"])
async def test_an_amount_may_be_a_string_or_an_exact_number(fx: Any, amount: Any) -> None:
    text = amount.decode() if isinstance(amount, bytes) else f'"{amount}"'
    body = f'{{"source_currency":"EUR","destination_currency":"IDR","source_amount":{text}}}'

    assert (await fx.post("/quotes", body.encode())).json()["source_amount"] == "100.00"


async def test_two_quotes_never_share_an_id(fx: Any) -> None:
    ids = {(await fx.post("/quotes", ORDER)).json()["quote_id"] for _ in range(50)}

    assert len(ids) == 50


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "base"),
        ({"base": "EUR"}, "quote"),
        ({"base": "EUR", "quote": ""}, "quote"),
        ({"base": "EUR", "quote": "eur"}, "quote"),
        ({"base": "EUR", "quote": "XAU"}, "quote"),
        ({"base": "EUR", "quote": "USD\x00"}, "quote"),
        ({"base": "E" * 5000, "quote": "USD"}, "base"),
        ({"base": "EUR", "quote": "USD", "when": "now"}, "when"),
        ({"base": "EUR", "quote": "EUR"}, "quote"),
        ({"base": "EUR", "quote": "KWD"}, "quote"),
    ],
)
async def test_a_bad_rate_question_names_its_field(
    fx: Any, query: dict[str, str], field: str
) -> None:
    await refused(await fx.get("/rate", **query), field)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"from": "ABC"}, "from"),
        ({"to": ""}, "to"),
        ({"to": "EUR"}, "to"),
        ({"to": "KWD"}, "to"),
        ({"amount": ""}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"amount": "1.234"}, "amount"),
        ({"amount": "1e400"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"amount": "9" * 64}, "amount"),
        ({"amount": "9" * 5000}, "amount"),
        ({"amount": "92233720368547758.07"}, "amount"),
        ({"from": "IDR", "to": "EUR", "amount": "0.01"}, "amount"),
        ({"rate": "2"}, "rate"),
    ],
)
async def test_a_bad_conversion_names_its_field(
    fx: Any, change: dict[str, str], field: str
) -> None:
    query = {"from": "EUR", "to": "IDR", "amount": "100", **change}

    await refused(await fx.get("/convert", **query), field)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"source_currency": None}, "source_currency"),
        ({"source_currency": 7}, "source_currency"),
        ({"destination_currency": "EUR"}, "destination_currency"),
        ({"destination_currency": "KWD"}, "destination_currency"),
        ({"source_amount": None}, "source_amount"),
        ({"destination_amount": "1"}, "source_amount"),
        ({"source_amount": True}, "source_amount"),
        ({"source_amount": {}}, "source_amount"),
        ({"source_amount": "1,5"}, "source_amount"),
        ({"source_amount": "1.001"}, "source_amount"),
        ({"source_amount": "0.00"}, "source_amount"),
        ({"source_amount": "-0.01"}, "source_amount"),
        ({"source_amount": None, "destination_amount": "0"}, "destination_amount"),
        ({"spread_bps": 0}, "spread_bps"),
        ({"source_currency": "IDR", "destination_currency": "EUR", "source_amount": "1"},
         "source_amount"),
    ],
)  # fmt: skip
async def test_a_bad_quote_request_names_its_field(
    fx: Any, change: dict[str, Any], field: str
) -> None:
    await refused(await fx.post("/quotes", {**ORDER, **change}), field)


async def test_an_amount_too_small_says_what_would_be_enough(fx: Any) -> None:
    query = {"from": "IDR", "to": "EUR", "amount": "0.01"}
    problem = (await fx.get("/convert", **query)).json()

    assert problem["code"] == "amount_too_small"
    assert problem["errors"][0]["hint"] == "send at least 170.98 IDR"


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 422), (b"{", 400), (b"[]", 422), (b'"x"', 422), (b"null", 422), (b"\xff", 400),
     (b'{"source_amount": NaN}', 400), (b"[" * 100_000, 400)],
)  # fmt: skip
async def test_a_body_that_is_no_request_is_a_problem(fx: Any, body: bytes, status: int) -> None:
    response = await fx.post("/quotes", body)

    assert response.status == status
    assert response.headers["content-type"] == "application/problem+json"


async def refused(response: Any, field: str) -> None:
    problem = response.json()

    assert response.status == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["type"] == f"urn:kurs:problem:{problem['code']}"
    assert problem["errors"][0]["field"] == field
    assert problem["errors"][0]["message"]
