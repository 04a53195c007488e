"""The live payment stream: rows, filters, standing still, reconnecting, bounds, and escaping."""

import re
from typing import Any

from playwright.sync_api import expect
from tests.browser.console_page import ConsolePage
from tests.browser.fake_gateway import FakeGateway
from tests.browser.servers import FakeServer

MARKUP = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def order(**changes: Any) -> dict[str, Any]:
    """Return the body of a payment."""
    usual = {
        "amount": "188.52",
        "currency": "USD",
        "source_account": "alice",
        "destination_account": "bob",
    }
    return {**usual, **changes}


def pay(fake: FakeServer, count: int = 1, **changes: Any) -> None:
    """Make payments on the fake gateway as another client would."""

    def work(gateway: FakeGateway) -> None:
        for _ in range(count):
            gateway.pay(order(**changes), f"k{len(gateway.payments)}")

    fake.do(work)


def test_a_payment_made_elsewhere_appears_by_itself(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    pay(fake, amount="1250.00", destination_currency="JPY")

    row = page.rows().first
    expect(row).to_contain_text("Captured")
    expect(row).to_contain_text("1,250.00\u00a0USD")
    expect(row).to_contain_text("→ 188,745\u00a0JPY")
    expect(row).to_contain_text("alice → bob")
    expect(row).to_contain_text("USD to JPY")


def test_payments_from_before_are_there_too(page: ConsolePage, fake: FakeServer) -> None:
    pay(fake, 3)
    page.sign_in()

    expect(page.rows()).to_have_count(3)


def test_what_came_to_nothing_is_not_called_paid(page: ConsolePage, fake: FakeServer) -> None:
    failure = {"code": "insufficient_funds", "message": "alice has 12.00 USD available."}
    fake.do(lambda gateway: vars(gateway).update(outcome="FAILED", failure=failure))
    page.sign_in()
    pay(fake, destination_currency="IDR")
    expect(page.rows().first).to_contain_text("insufficient funds")
    expect(page.rows().first).not_to_contain_text("→ 3,0")
    page.rows().first.click()
    facts = page.panel("details").locator("dl.facts").first

    expect(facts).to_contain_text("Asked for188.52\u00a0USDWould be3,063,467.39\u00a0IDR")
    expect(facts).not_to_contain_text("Paid")


def test_a_failure_says_its_reason(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    failure = {"code": "insufficient_funds", "message": "alice has 900.00 USD."}
    fake.do(lambda gateway: vars(gateway).update(outcome="FAILED", failure=failure))
    pay(fake)

    expect(page.rows().first).to_contain_text("Failed")
    expect(page.rows().first).to_contain_text("insufficient funds")


def test_a_cut_stream_reconnects_and_misses_nothing(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    pay(fake)
    expect(page.rows()).to_have_count(1)

    def cut_and_go_on(gateway: FakeGateway) -> None:
        gateway.cut()
        for number in range(5):
            gateway.pay(order(), f"meanwhile{number}")

    fake.do(cut_and_go_on)

    expect(page.rows()).to_have_count(6)
    expect(page.panel("connection")).to_have_text("Live")
    assert fake.gateway.stream_starts == [None, "2"]


def test_the_pause_button_holds_the_rows_and_counts_what_waits(
    page: ConsolePage, fake: FakeServer
) -> None:
    page.sign_in()
    pause = page.page.get_by_role("button", name="Pause")
    pause.click()
    pay(fake, 4)
    expect(page.panel("payments")).to_contain_text("Paused · 4 new")
    expect(page.rows()).to_have_count(0)

    pause.click()

    expect(page.rows()).to_have_count(4)


def test_rows_stand_still_under_the_pointer(page: ConsolePage, fake: FakeServer) -> None:
    pay(fake, 3)
    page.sign_in()
    page.rows().nth(1).hover()
    pay(fake)
    expect(page.panel("payments")).to_contain_text("Held while you read · 1 new")
    expect(page.rows()).to_have_count(3)

    page.panel("pay").locator("h2").hover()

    expect(page.rows()).to_have_count(4)


def test_the_table_holds_the_newest_two_hundred(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    pay(fake, 150)
    expect(page.rows()).to_have_count(150)
    pay(fake, 150)

    expect(page.rows().first).to_contain_text("PAY-000300")
    expect(page.rows()).to_have_count(200)
    expect(page.rows().last).to_contain_text("PAY-000101")


def test_filters_narrow_what_is_there_and_what_comes(page: ConsolePage, fake: FakeServer) -> None:
    pay(fake, source_account="carol")
    pay(fake)
    page.sign_in()
    expect(page.rows()).to_have_count(2)
    page.panel("payments").get_by_label("Account").fill("carol")
    expect(page.rows()).to_have_count(1)
    pay(fake)
    pay(fake, destination_account="carol")
    expect(page.rows()).to_have_count(2)

    page.panel("payments").get_by_label("Status").select_option("FAILED")

    expect(page.panel("payments")).to_contain_text("No payment matches.")
    expect(page.rows()).to_have_count(0)


def test_the_minute_is_counted_and_announced(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    pay(fake, 7)

    expect(page.panel("tile-minute").locator("[data-value]")).to_have_text("7")
    expect(page.panel("announce")).to_contain_text("7 payments in the last 10 seconds, 0 failed")
    assert page.panel("tile-rate").locator("polyline").get_attribute("points")


def test_what_was_missed_is_no_payment_of_this_minute(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    tile = page.panel("tile-minute")
    expect(tile).to_contain_text(re.compile(r"In the last \d+ s"))
    pay(fake)
    expect(tile.locator("[data-value]")).to_have_text("1")
    fake.gateway.event_age = 60.0
    pay(fake, 5)
    expect(page.rows()).to_have_count(6)
    fake.gateway.event_age = 0.0
    pay(fake)

    expect(tile.locator("[data-value]")).to_have_text("2")


def test_a_clock_that_is_set_right_stops_no_count(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    tile = page.panel("tile-minute").locator("[data-value]")
    pay(fake, 2)
    expect(tile).to_have_text("2")

    page.page.evaluate("const now = Date.now; Date.now = () => now() + 3600_000")
    pay(fake, 3)

    expect(tile).to_have_text("5")


def test_text_that_looks_like_markup_stays_text(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    pay(fake, source_account=MARKUP, description=MARKUP, metadata={MARKUP: MARKUP})
    expect(page.rows().first).to_contain_text("<img src=x onerror=")
    page.rows().first.click()

    expect(page.panel("details")).to_contain_text(MARKUP)
    assert page.page.locator("#payments img, #details img").count() == 0
    assert "owned" not in page.page.title()
