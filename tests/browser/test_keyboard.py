"""By keyboard alone: everything is reached, seen where it is, and given back after a dialog."""

from playwright.sync_api import Page, expect
from tests.browser.console_page import ConsolePage
from tests.browser.fake_gateway import KEY
from tests.browser.servers import FakeServer
from tests.browser.test_stream import pay

_FOCUS = """
() => {
  const node = document.activeElement;
  const style = getComputedStyle(node);
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return { id: node.id, ring };
}
"""


def tab_to(page: Page, selector: str, key: str = "Tab") -> None:
    """Press Tab until the element has the focus; each stop on the way shows where it is."""
    for _ in range(60):
        page.keyboard.press(key)
        focus = page.evaluate(_FOCUS)
        assert focus["ring"], f"{focus} shows no focus"
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} cannot be reached")


def test_a_payment_from_signing_in_to_its_details(page: ConsolePage, fake: FakeServer) -> None:
    page.open()
    keys = page.page.keyboard
    expect(page.page.get_by_label("API key")).to_be_focused()
    keys.type(KEY)
    keys.press("Enter")
    expect(page.panel("connection")).to_have_text("Live")
    tab_to(page.page, "#pay-source")
    keys.type("alice")
    tab_to(page.page, "#pay-destination")
    keys.type("bob")
    tab_to(page.page, "#pay-amount")
    keys.type("12.50")
    keys.press("Enter")
    expect(page.confirmation().get_by_role("heading")).to_be_focused()
    expect(page.confirmation().locator("[data-act]")).to_be_enabled()
    tab_to(page.page, "#confirm [data-act]")
    keys.press("Enter")
    expect(page.panel("pay").get_by_role("heading", name="Paid")).to_be_focused()
    tab_to(page.page, "#pay [data-step=result] button:nth-of-type(2)")
    keys.press("Enter")

    expect(page.page.get_by_role("dialog")).to_contain_text("12.50\u00a0USD")
    assert len(fake.gateway.payments) == 1


def test_the_skip_link_jumps_over_the_header(page: ConsolePage) -> None:
    page.sign_in()
    page.page.locator("body").press("Tab")
    expect(page.page.get_by_role("link", name="Skip to the payments")).to_be_focused()
    page.page.keyboard.press("Enter")
    tab_to(page.page, "#payments [data-pause]")


def test_the_dialog_keeps_the_focus_and_gives_it_back(page: ConsolePage, fake: FakeServer) -> None:
    pay(fake, 2)
    page.sign_in()
    expect(page.rows()).to_have_count(2)
    tab_to(page.page, "#payments tr:nth-child(2) .row-button")
    page.page.keyboard.press("Enter")
    expect(page.page.get_by_role("dialog").get_by_role("button", name="Refund")).to_be_visible()
    inside = (
        "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
    )
    for _ in range(12):
        page.page.keyboard.press("Tab")
        assert page.page.evaluate(inside)
    page.page.keyboard.press("Escape")

    expect(page.page.locator("#payments tr:nth-child(2) .row-button")).to_be_focused()


def test_reading_anew_takes_no_focus(page: ConsolePage, fake: FakeServer) -> None:
    fake.gateway.outcome = "REVIEW"
    pay(fake, amount="26000.00")
    page.sign_in()
    queue = page.panel("reviews")
    review = queue.get_by_role("button", name="26,000.00")
    review.focus()
    pay(fake, amount="31000.00")
    expect(queue).to_contain_text("2 waiting")
    expect(review).to_be_focused()
    # The one that has the focus is gone: the table has it, so that the next Tab goes on there.
    fake.do(lambda gateway: gateway.act(gateway.payments["PAY-000001"], "refuse", {}))
    expect(queue).to_contain_text("1 waiting")
    expect(queue.get_by_role("region")).to_be_focused()

    account = page.panel("account")
    account.get_by_role("button", name="alice").click()
    entry = account.get_by_role("button", name="PAY-000001")
    entry.focus()
    with page.page.expect_response("**/entries*"):
        pay(fake)
    expect(account).to_contain_text("after")
    expect(entry).to_be_focused()

    queue.get_by_role("button", name="31,000.00").click()
    payer = page.panel("details").get_by_role("button", name="alice")
    payer.focus()
    fake.do(lambda gateway: gateway.act(gateway.payments["PAY-000002"], "approve", {}))
    expect(page.panel("details")).to_contain_text("In review to Captured")
    expect(payer).to_be_focused()


def test_rows_stand_still_while_one_has_the_focus(page: ConsolePage, fake: FakeServer) -> None:
    pay(fake)
    page.sign_in()
    expect(page.rows()).to_have_count(1)
    tab_to(page.page, "#payments .row-button")
    pay(fake)
    expect(page.panel("payments")).to_contain_text("Held while you read · 1 new")
    expect(page.page.locator("#payments .row-button")).to_be_focused()
    page.page.keyboard.press("Tab")

    expect(page.rows()).to_have_count(2)
