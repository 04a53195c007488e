"""Refunds, deposits and payments without a known outcome go out again under the key they had."""

from typing import Any

import pytest
from playwright.sync_api import Locator, Route, expect
from tests.browser.console_page import ConsolePage
from tests.browser.servers import FakeServer
from tests.browser.test_details import opened
from tests.browser.test_stream import pay


def lose(page: ConsolePage, path: str) -> list[dict[str, Any]]:
    """Lose the first answer to `path` after it was carried out; what is sent there is kept."""
    sent: list[dict[str, Any]] = []

    def pass_on(route: Route) -> None:
        key = route.request.headers.get("idempotency-key")
        sent.append({"key": key, "body": route.request.post_data_json})
        if len(sent) > 1:
            return route.continue_()
        route.fetch()
        return route.abort()

    page.page.route(f"**{path}", pass_on)
    return sent


def refund(page: ConsolePage, dialog: Locator, amount: str) -> None:
    """Refund, and wait until that is no longer under way."""
    dialog.get_by_label("Refund USD").fill(amount)
    dialog.get_by_role("button", name="Refund", exact=True).click()
    page.confirm("Refund 10.00\u00a0USD")
    expect(page.confirmation()).to_be_hidden()
    expect(dialog.locator("[data-actions][aria-busy]")).to_have_count(0)


@pytest.mark.parametrize("left_by", ["closing", "reload"])
def test_a_refund_is_not_made_twice(page: ConsolePage, fake: FakeServer, left_by: str) -> None:
    page.sign_in()
    pay(fake, amount="100.00")
    sent = lose(page, "/refunds")
    dialog = opened(page)
    refund(page, dialog, "10.00")
    note = dialog.locator("form.action [role=alert]")
    expect(note).to_contain_text("never done twice")

    if left_by == "closing":
        dialog.locator("[data-close]").click()
        dialog = opened(page)
    else:
        page.page.reload()
        expect(dialog).to_contain_text("The whole answer as JSON")
    expect(note).to_contain_text("Refund of 10.00\u00a0USD was sent, and no answer came.")
    refund(page, dialog, "10")
    expect(note).to_have_text("")
    refund(page, dialog, "10.00")

    first, again, another = (each["key"] for each in sent)
    assert first == again
    assert another != first


def test_a_deposit_is_not_made_twice(page: ConsolePage, fake: FakeServer) -> None:
    fake.gateway.roles.add("treasury")
    page.sign_in()
    sent = lose(page, "/deposits")
    panel = page.panel("account")
    for _ in range(2):
        panel.get_by_label("Account id").fill("alice")
        panel.get_by_role("button", name="Show").click()
        panel.get_by_label("Deposit").fill("50.00")
        panel.get_by_role("button", name="Deposit").click()
        with page.page.expect_request("**/deposits"):
            page.confirm("Deposit 50.00\u00a0USD")
        page.page.wait_for_timeout(200)
        page.page.reload()
        expect(page.panel("connection")).to_have_text("Live")

    first, again = (each["body"] for each in sent)
    assert first == again


def test_a_payment_outlives_the_key_it_was_made_with(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    fake.gateway.lost_answers = 1
    page.fill_payment(
        source_account="alice", destination_account="bob", amount="12.50", currency="USD"
    )
    page.confirm("Pay")
    again = page.panel("pay").get_by_role("button", name="Ask again")
    expect(again).to_be_visible()
    fake.do(lambda gateway: setattr(gateway, "revoked", True))
    expect(page.panel("sign-in").get_by_role("alert")).to_contain_text("no longer accepted")
    fake.do(lambda gateway: setattr(gateway, "revoked", False))
    page.sign_in()
    again.click()

    expect(page.panel("pay").get_by_role("heading", name="Paid")).to_be_visible()
    assert len(fake.gateway.payments) == 1
