"""One payment: everything about it, readable, and what may be done to it."""

import re

from playwright.sync_api import Locator, expect
from tests.browser.console_page import ConsolePage
from tests.browser.fake_gateway import FakeGateway
from tests.browser.servers import FakeServer
from tests.browser.test_stream import order, pay

REVIEW = {
    "decision": "review",
    "score": 62,
    "reasons": [
        {"rule": "new_account", "points": 20, "message": "Opened 3 minutes ago."},
        {"rule": "amount_above", "points": 42, "message": "Above 10,000.00 USD."},
    ],
}


def opened(page: ConsolePage) -> Locator:
    """Open the newest payment and return the dialog."""
    page.rows().first.click()
    dialog = page.panel("details")
    expect(dialog).to_contain_text("The whole answer as JSON")
    return dialog


def actions_sent(fake: FakeServer) -> list[tuple[str, object]]:
    """Return path and body of each action, and make sure that each had a key."""
    assert all(headers["idempotency-key"] for _, _, headers, _ in fake.gateway.requests)
    return [(path.rsplit("/", 1)[1], body) for _, path, _, body in fake.gateway.requests]


def test_a_payment_is_readable(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    pay(fake, destination_currency="IDR", description="Rent", metadata={"order": "A-17"})
    dialog = opened(page)

    for text in (
        "188.52\u00a0USD",
        "3,063,467.39\u00a0IDR",
        "Rent",
        "A-17",
        "1 USD = 16,176.967 IDR",
    ):
        expect(dialog).to_contain_text(text)
    expect(dialog).to_contain_text("Processing to Captured")
    expect(dialog).to_contain_text("pay by demo/k1: done")
    expect(dialog.locator(".postings")).to_contain_text("-188.52\u00a0USD")
    expect(dialog).to_contain_text("What risk decided on")
    dialog.get_by_text("The whole answer as JSON").click()
    expect(dialog.locator("pre")).to_contain_text('"payment_id": "PAY-000001"')


def test_a_review_shows_its_reasons_and_can_be_approved(
    page: ConsolePage, fake: FakeServer
) -> None:
    page.sign_in()
    fake.gateway.outcome = "REVIEW"
    pay(fake, risk=REVIEW)
    expect(page.rows().first).to_contain_text("amount above")
    dialog = opened(page)
    expect(dialog).to_contain_text(re.compile("amount_above Above 10,000.00 USD.*new_account"))

    dialog.get_by_role("button", name="Approve").click()
    assert fake.gateway.requests == []
    page.confirm("Approve it")

    expect(dialog.locator("[data-chip]")).to_have_text("Captured")
    expect(page.rows().first).to_contain_text("Captured")
    assert actions_sent(fake) == [("approve", None)]


def test_refusing_is_confirmed(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    fake.gateway.outcome = "REVIEW"
    pay(fake)
    dialog = opened(page)
    dialog.get_by_role("button", name="Refuse").click()
    assert fake.gateway.requests == []

    expect(page.confirmation()).to_contain_text("bob gains nothing")
    page.confirm("Refuse it")

    expect(dialog.locator("[data-chip]")).to_have_text("Failed")


def test_a_held_payment_is_captured_in_part_or_voided(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    pay(fake, capture="manual")
    dialog = opened(page)
    expect(dialog.get_by_role("button", name="Void")).to_be_visible()
    dialog.get_by_label("Capture USD").fill("100.00")
    dialog.get_by_role("button", name="Capture").click()
    asked = page.confirmation()
    expect(asked).to_contain_text("alice loses 100.00\u00a0USD")
    expect(asked).to_contain_text("bob gains 100.00\u00a0USD")
    expect(asked).to_contain_text("88.52\u00a0USD of the hold is free again.")
    page.confirm("Capture 100.00\u00a0USD")

    expect(dialog.locator("[data-chip]")).to_have_text("Captured")
    assert actions_sent(fake) == [("capture", {"amount": "100.00"})]


def test_refunds_offer_what_is_left_exactly(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    pay(fake, amount="90071992547409.93")
    dialog = opened(page)
    amount = dialog.get_by_label("Refund USD")
    expect(amount).to_have_value("")
    dialog.get_by_role("button", name="All of 90,071,992,547,409.93\u00a0USD").click()
    expect(amount).to_have_value("90071992547409.93")
    amount.fill("0.94")
    dialog.get_by_role("button", name="Refund").click()
    page.confirm("Refund 0.94\u00a0USD")
    expect(dialog.locator("[data-chip]")).to_have_text("Part refunded")

    expect(amount).to_have_value("")
    dialog.get_by_role("button", name="All of 90,071,992,547,408.99\u00a0USD").click()
    amount.fill("1.999")
    dialog.get_by_role("button", name="Refund").click()
    expect(dialog.locator(".action").get_by_role("alert")).to_have_text(
        "USD has 2 decimals at most."
    )


def test_the_dialog_follows_the_payment(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    pay(fake, capture="manual")
    dialog = opened(page)

    def void(gateway: FakeGateway) -> None:
        gateway.act(gateway.payments["PAY-000001"], "void", {})

    fake.do(void)

    expect(dialog.locator("[data-chip]")).to_have_text("Voided")
    expect(dialog.get_by_role("button", name="Capture")).to_have_count(0)


def test_a_payment_is_found_by_its_id(page: ConsolePage, fake: FakeServer) -> None:
    fake.do(lambda gateway: gateway.pay(order(payment_id="PAY-9"), "k"))
    page.sign_in()
    page.page.get_by_label("Payment id").fill("PAY-9")
    page.page.get_by_role("button", name="Open").click()
    expect(page.page.get_by_role("dialog")).to_contain_text("188.52\u00a0USD")
    page.page.keyboard.press("Escape")
    page.page.get_by_label("Payment id").fill("PAY-10")
    page.page.get_by_role("button", name="Open").click()

    expect(page.page.get_by_role("dialog")).to_contain_text("There is no such payment.")


def test_an_account_of_a_payment_leads_to_its_balances(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    pay(fake)
    opened(page).get_by_role("button", name="alice").click()

    expect(page.panel("account")).to_contain_text("12,000")
    expect(page.page.get_by_role("dialog")).to_have_count(0)
