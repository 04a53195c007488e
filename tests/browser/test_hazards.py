"""One press too many moves no money: every deed is confirmed in another place, or not done."""

from playwright.sync_api import Locator, Page, expect
from tests.browser.console_page import ConsolePage
from tests.browser.servers import FakeServer
from tests.browser.test_details import REVIEW, opened
from tests.browser.test_keyboard import tab_to
from tests.browser.test_pay import ORDER, sent
from tests.browser.test_stream import pay

_HOLD_ENTER = """
(node) => {
  for (let n = 0; n < 20; n += 1) {
    const key = { key: "Enter", bubbles: true, cancelable: true, repeat: n > 0 };
    if (node.dispatchEvent(new KeyboardEvent("keydown", key)) && n > 0) window.heard = true;
  }
}
"""


def paths(fake: FakeServer) -> list[str]:
    """Return what was asked for."""
    return [path.rsplit("/", 1)[1] for _, path, _, _ in fake.gateway.requests]


def centre(node: Locator) -> tuple[float, float]:
    box = node.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def hears(page: ConsolePage) -> None:
    """Wait until the confirmation is no longer deaf."""
    expect(page.confirmation().locator("[data-act]")).not_to_have_attribute("aria-disabled", "true")


def enter(page: Page, times: int) -> None:
    for _ in range(times):
        page.keyboard.press("Enter")


def test_enter_again_and_again_on_approve_approves_nothing(
    page: ConsolePage, fake: FakeServer
) -> None:
    page.sign_in()
    fake.gateway.outcome = "REVIEW"
    pay(fake, risk=REVIEW, amount="26000.00")
    dialog = opened(page)
    dialog.get_by_role("button", name="Approve").focus()
    enter(page.page, 4)
    hears(page)
    enter(page.page, 4)

    expect(page.confirmation()).to_be_visible()
    assert paths(fake) == []


def test_enter_after_an_approval_refunds_nothing(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    fake.gateway.outcome = "REVIEW"
    pay(fake, risk=REVIEW, amount="26000.00")
    dialog = opened(page)
    dialog.get_by_role("button", name="Approve").focus()
    enter(page.page, 1)
    hears(page)
    tab_to(page.page, "#confirm [data-act]")
    enter(page.page, 3)
    expect(dialog.locator("[data-chip]")).to_have_text("Captured")
    expect(dialog.get_by_label("Refund USD")).to_have_value("")
    enter(page.page, 3)

    expect(page.confirmation()).to_be_hidden()
    assert paths(fake) == ["approve"]


def test_a_double_click_captures_and_refunds_nothing(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    pay(fake, capture="manual")
    dialog = opened(page)
    dialog.get_by_label("Capture USD").fill("100.00")
    dialog.get_by_role("button", name="Capture").dblclick()
    act = page.confirmation().locator("[data-act]")
    hears(page)
    page.page.mouse.dblclick(*centre(act))
    expect(dialog.locator("[data-chip]")).to_have_text("Captured")
    page.page.mouse.dblclick(*centre(dialog.get_by_role("button", name="Refund", exact=True)))

    expect(dialog.get_by_role("alert").last).to_have_text("Enter an amount.")
    assert paths(fake) == ["capture"]


def test_clicks_within_half_a_second_confirm_nothing(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    pay(fake, capture="manual")
    opened(page).get_by_role("button", name="Void").click()
    page.confirmation().locator("[data-act]").evaluate("(node) => { node.click(); node.click(); }")

    expect(page.confirmation()).to_be_visible()
    assert paths(fake) == []


def test_the_confirmation_stands_elsewhere_than_what_opened_it(
    page: ConsolePage, fake: FakeServer
) -> None:
    page.sign_in()
    pay(fake, capture="manual")
    void = opened(page).get_by_role("button", name="Void")
    _, before = centre(void)
    void.click()
    _, after = centre(page.confirmation().locator("[data-act]"))
    assert abs(after - before) > 200
    page.page.keyboard.press("Escape")
    page.page.keyboard.press("Escape")
    form = page.panel("pay").get_by_role("button", name="Continue")
    page.fill_payment(**ORDER)
    _, before = centre(form)
    _, after = centre(page.confirmation().locator("[data-act]"))
    assert abs(after - before) > 150


def test_a_held_key_presses_nothing_again(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    page.fill_payment(**ORDER)
    hears(page)
    page.confirmation().locator("[data-act]").evaluate(_HOLD_ENTER)

    assert page.page.evaluate("window.heard") is None
    assert sent(fake) == []


def test_enter_again_and_again_in_the_form_pays_nothing(
    page: ConsolePage, fake: FakeServer
) -> None:
    page.sign_in()
    page.fill_payment(**ORDER)
    enter(page.page, 2)
    page.page.keyboard.press("Escape")
    page.page.get_by_label("Amount").focus()
    enter(page.page, 3)
    hears(page)
    enter(page.page, 2)

    expect(page.confirmation()).to_be_visible()
    assert sent(fake) == []


def test_a_new_payment_begins_empty(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    page.fill_payment(**ORDER, description="Rent")
    page.confirm("Pay")
    page.panel("pay").get_by_role("button", name="New payment").click()

    for name in ("source_account", "destination_account", "amount", "description"):
        expect(page.panel("pay").locator(f"[name={name}]")).to_have_value("")
    enter(page.page, 3)
    expect(page.confirmation()).to_be_hidden()
    assert len(sent(fake)) == 1


def test_amounts_have_the_decimals_of_the_server(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    for currency, amount in (("IDR", "188.52"), ("HUF", "100.50"), ("IQD", "1.125")):
        page.fill_payment(**{**ORDER, "amount": amount}, currency=currency)
        expect(page.confirmation()).to_contain_text(f"alice loses {amount}\u00a0{currency}")
        page.confirm("Back")
    fake.gateway.accounts["alice"]["IDR"] = "900.00"
    pay(fake, currency="IDR", amount="188.52")
    dialog = opened(page)
    dialog.get_by_role("button", name="All of").click()
    dialog.get_by_role("button", name="Refund", exact=True).click()
    page.confirm("Refund 188.52\u00a0IDR")

    expect(dialog.locator("[data-chip]")).to_have_text("Refunded")


def test_what_arrives_is_what_the_account_settles_in_and_it_is_named(
    page: ConsolePage, fake: FakeServer
) -> None:
    fake.gateway.settles["bob"] = "IDR"
    page.sign_in()
    page.panel("pay").get_by_label("To account").fill("bob")
    page.page.keyboard.press("Tab")
    arrives = page.panel("pay").get_by_label("Arrives in").locator("option").first
    expect(arrives).to_have_text("IDR, what bob settles in")
    page.fill_payment(**ORDER)
    expect(page.confirmation()).to_contain_text("bob gains 3,063,467.39\u00a0IDR")
    page.confirm("Pay")

    expect(page.panel("pay").get_by_role("heading", name="Paid")).to_be_visible()
    assert sent(fake)[0][1]["destination_currency"] == "IDR"


def test_what_others_settle_in_is_left_to_the_server(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    page.fill_payment(**{**ORDER, "destination_account": "rival/shop"})
    expect(page.confirmation()).to_contain_text("or its worth in what the account settles in")
    page.confirm("Pay")

    expect(page.panel("pay").get_by_role("heading", name="Paid")).to_be_visible()
    assert "destination_currency" not in sent(fake)[0][1]


def test_only_what_the_key_may_do_is_offered(page: ConsolePage, fake: FakeServer) -> None:
    fake.gateway.roles = {"read"}
    page.sign_in()
    pay(fake)
    dialog = opened(page)

    expect(dialog.get_by_role("button", name="Refund")).to_have_count(0)
    for panel in ("pay", "ledger", "tile-ledger"):
        expect(page.panel(panel)).to_be_hidden()
    page.page.keyboard.press("Escape")
    page.panel("who").locator("summary").click()
    for fact in ("demo", "test", "8f3a91c05d7e", "Console", "never"):
        expect(page.panel("who")).to_contain_text(fact)
