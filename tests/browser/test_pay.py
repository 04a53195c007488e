"""Making a payment: the quote first, what is wrong at its field, and never twice."""

from typing import Any

from playwright.sync_api import expect
from tests.browser.console_page import ConsolePage
from tests.browser.servers import FakeServer

ORDER = {"source_account": "alice", "destination_account": "bob", "amount": "188.52"}


def sent(fake: FakeServer) -> list[tuple[str, Any]]:
    """Return the Idempotency-Key and body of each payment that was posted."""
    return [
        (headers["idempotency-key"], body)
        for _, path, headers, body in fake.gateway.requests
        if path == "/payments"
    ]


def test_a_quote_is_shown_before_anything_is_paid(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    page.fill_payment(**ORDER, currency="USD", destination_currency="IDR", description="Rent")
    asked = page.confirmation()
    expect(asked).to_contain_text("alice loses 188.52\u00a0USD")
    expect(asked).to_contain_text("bob gains 3,063,467.39\u00a0IDR")
    expect(asked).to_contain_text("0.45\u00a0%")
    expect(asked).to_contain_text("This rate holds for")
    assert fake.gateway.requests == []

    page.confirm("Pay 188.52\u00a0USD")

    panel = page.panel("pay")
    expect(panel.get_by_role("heading", name="Paid")).to_be_focused()
    [(_, body)] = sent(fake)
    assert body == {
        **ORDER,
        "currency": "USD",
        "destination_currency": "IDR",
        "capture": "automatic",
        "description": "Rent",
        "quote": "signed.token",
    }
    expect(page.rows()).to_have_count(1)


def test_what_is_asked_for_is_said_in_full_beside_what_is_there(
    page: ConsolePage, fake: FakeServer
) -> None:
    page.sign_in()
    page.fill_payment(**{**ORDER, "amount": "0100"})
    expect(page.panel("pay")).to_contain_text("Has 900.00\u00a0USD, 12,000\u00a0JPY.")
    page.confirm("Pay 100.00\u00a0USD")

    expect(page.panel("pay").get_by_role("heading", name="Paid")).to_be_visible()
    assert sent(fake)[0][1]["amount"] == "100.00"


def test_one_currency_needs_no_quote(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    page.fill_payment(**ORDER)
    expect(page.confirmation()).to_contain_text("none, one currency")

    page.confirm("Pay")

    expect(page.panel("pay").get_by_role("heading", name="Paid")).to_be_visible()
    assert "quote" not in sent(fake)[0][1]


def test_an_unknown_outcome_is_asked_again_with_the_same_key(
    page: ConsolePage, fake: FakeServer
) -> None:
    page.sign_in()
    fake.gateway.lost_answers = 2
    page.fill_payment(**ORDER)
    panel = page.panel("pay")
    page.confirm("Pay")
    again = panel.get_by_role("button", name="Ask again")
    expect(panel.get_by_role("alert")).to_contain_text("never pays twice")
    again.click()
    expect(panel.get_by_role("alert")).to_contain_text("never pays twice")
    again.click()

    expect(panel.get_by_role("heading", name="Paid")).to_be_visible()
    keys = [key for key, _ in sent(fake)]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert len(fake.gateway.payments) == 1


def test_an_unknown_outcome_outlives_a_reload(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    fake.gateway.lost_answers = 1
    page.fill_payment(**ORDER)
    panel = page.panel("pay")
    page.confirm("Pay")
    expect(panel.get_by_role("button", name="Ask again")).to_be_visible()
    page.page.reload()
    panel.get_by_role("button", name="Ask again").click()

    expect(panel.get_by_role("heading", name="Paid")).to_be_visible()
    assert len(fake.gateway.payments) == 1


def test_the_next_payment_has_a_key_of_its_own(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    panel = page.panel("pay")
    for _ in range(2):
        page.fill_payment(**ORDER)
        page.confirm("Pay")
        panel.get_by_role("button", name="New payment").click()

    assert len({key for key, _ in sent(fake)}) == 2


def test_a_refused_payment_says_why(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    failure = {"code": "insufficient_funds", "message": "alice has 12.00 USD available."}
    fake.do(lambda gateway: vars(gateway).update(outcome="FAILED", failure=failure))
    page.fill_payment(**ORDER)
    page.confirm("Pay")

    expect(page.panel("pay").get_by_role("heading", name="Not paid")).to_be_visible()
    expect(page.panel("pay")).to_contain_text("alice has 12.00 USD available.")


def test_what_is_missing_is_said_at_its_field(page: ConsolePage) -> None:
    page.sign_in()
    page.fill_payment(source_account="alice", amount="1.005")

    expect(page.page.locator("#pay-destination-note")).to_have_text("Enter an account id.")
    expect(page.page.locator("#pay-amount-note")).to_have_text("USD has 2 decimals at most.")
    expect(page.page.get_by_label("To account")).to_be_focused()
    expect(page.page.get_by_label("To account")).to_have_attribute("aria-invalid", "true")


def test_what_the_gateway_refuses_is_said_at_its_field(page: ConsolePage) -> None:
    page.sign_in()
    page.fill_payment(**{**ORDER, "destination_account": "nobody$"})
    page.confirm("Pay")

    expect(page.page.locator("#pay-destination-note")).to_have_text("No such id. a-z")
    expect(page.page.get_by_label("To account")).to_be_focused()
    page.page.get_by_label("To account").fill("bob")
    expect(page.page.locator("#pay-destination-note")).to_have_text(
        "One of yours, merchant/account, or a payee id."
    )


def test_an_expired_quote_is_renewed_and_not_paid(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    fake.gateway.quote_seconds = 0.2
    page.fill_payment(**ORDER, currency="USD", destination_currency="JPY")
    expect(page.confirmation()).to_contain_text("This quote has expired")
    fake.gateway.quote_seconds = 30
    page.confirm("Get a new quote")
    expect(page.confirmation()).to_contain_text("This rate holds for")
    assert sent(fake) == []


def test_a_held_payment_can_be_asked_for(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    page.page.get_by_label("Hold only, capture later").check()
    page.fill_payment(**ORDER)
    page.confirm("Hold")

    expect(page.panel("pay").get_by_role("heading", name="Funds are held")).to_be_visible()
    assert sent(fake)[0][1]["capture"] == "manual"
