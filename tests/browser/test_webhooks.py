"""Destinations: how they do, what was sent there, and what a person sends again."""

from playwright.sync_api import Locator, expect
from tests.browser.console_page import ConsolePage
from tests.browser.fake_webhooks import NAMES
from tests.browser.servers import FakeServer
from tests.browser.test_stream import pay

WELL, ILL = NAMES


def opened(page: ConsolePage, name: str) -> Locator:
    """Open a destination and return its dialog."""
    page.panel("webhooks").get_by_role("button", name=name).click()
    dialog = page.panel("destination")
    expect(dialog.locator("summary")).to_have_count(20)
    return dialog


def test_destinations_tell_their_lag_and_each_delivery_its_request_answer_and_next_try(
    page: ConsolePage, fake: FakeServer
) -> None:
    pay(fake)
    page.sign_in()
    panel = page.panel("webhooks")
    expect(panel.get_by_role("row", name=WELL)).to_contain_text("Delivering0")
    expect(panel.get_by_role("row", name=ILL)).to_contain_text("Retrying256 min")
    expect(panel).to_contain_text("1 not delivering")
    dialog = opened(page, ILL)
    for text in ("payment.captured, refund.succeeded", "nothing yet", "25, since", "answered 500"):
        expect(dialog).to_contain_text(text)
    dialog.locator("summary").first.click()
    delivery = dialog.locator("details").first
    for text in (
        f"POST https://shop.example.org/hooks/{ILL}", "webhook-id: evt_25",
        '"previous_sequence": 24', "<b>no database</b>", "once, last", "Next try",
    ):  # fmt: skip
        expect(delivery).to_contain_text(text)
    dialog.get_by_role("button", name="Older deliveries").click()
    expect(dialog.locator("summary")).to_have_count(5)
    dialog.get_by_label("Which").select_option("delivered")
    expect(dialog).to_contain_text("No deliveries.")
    page.page.go_back()
    expect(dialog).to_be_hidden()
    opened(page, WELL).locator("summary").first.click()
    dialog.get_by_role("button", name="PAY-000001").first.click()

    expect(dialog).to_be_hidden()
    expect(page.panel("details")).to_contain_text("PAY-000001")
    told = page.panel("details")
    expect(told).to_contain_text("payment.captured to orders: delivered, answered 204")
    expect(told).to_contain_text(f"payment.captured to {ILL}: waiting, answered 500")


def test_a_test_event_and_a_delivery_again_are_confirmed_and_then_told(
    page: ConsolePage, fake: FakeServer
) -> None:
    page.sign_in()
    dialog = opened(page, WELL)
    dialog.get_by_role("button", name="Send a test event").click()
    expect(page.confirmation()).to_contain_text("orders is sent a signed event")
    assert fake.gateway.webhooks.asked == []
    page.confirm("Send it")
    expect(dialog).to_contain_text("It was taken: answered 204, after 0.031 s (test_5f1d8a90)")
    fake.gateway.webhooks.answers = False
    dialog.get_by_role("button", name="Send a test event").click()
    page.confirm("Send it")
    expect(dialog).to_contain_text("It was not taken: answered 500")
    expect(dialog).to_contain_text("<b>no database</b>")
    dialog.locator("summary").first.click()
    dialog.get_by_role("button", name="Send again").first.click()
    expect(page.confirmation()).to_contain_text("orders is sent again payment.captured 25")
    page.confirm("Back")
    dialog.get_by_role("button", name="Send again").first.click()
    page.confirm("Send it again")

    expect(dialog.locator("details").first).to_contain_text("It is sent again as soon as")
    expect(dialog.locator("details").first).to_contain_text("asked for once")
    assert fake.gateway.webhooks.asked == ["test orders", "test orders", "orders.25"]


def test_a_key_that_may_not_send_is_offered_nothing(page: ConsolePage, fake: FakeServer) -> None:
    fake.gateway.roles -= {"webhooks"}
    page.sign_in()
    dialog = opened(page, WELL)
    dialog.locator("summary").first.click()

    expect(dialog.locator("details").first).to_contain_text("Request")
    expect(dialog.get_by_role("button", name="Send")).to_have_count(0)
