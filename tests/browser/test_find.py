"""Everything can be found: by filters in the address, page by page, in lists and files."""

import re
from pathlib import Path

from playwright.sync_api import expect
from tests.browser.console_page import ConsolePage
from tests.browser.fake_gateway import KEY, FakeGateway
from tests.browser.servers import FakeServer
from tests.browser.test_details import REVIEW, opened
from tests.browser.test_stream import pay


def test_filters_stand_in_the_address_and_a_reload_keeps_them(
    page: ConsolePage, fake: FakeServer
) -> None:
    pay(fake, currency="EUR", amount="50.00")
    pay(fake, currency="EUR", amount="5.00")
    pay(fake)
    page.sign_in()
    payments = page.panel("payments")
    payments.get_by_text("More filters").click()
    payments.get_by_label("Paid in").select_option("EUR")
    expect(page.rows()).to_have_count(2)
    payments.get_by_label("At least").fill("10")
    expect(page.rows()).to_have_count(1)
    assert "currency=EUR" in page.page.url
    assert KEY not in page.page.url

    page.page.reload()

    expect(page.rows()).to_have_count(1)
    expect(payments.get_by_label("At least")).to_have_value("10")
    payments.get_by_role("button", name="Clear").click()
    expect(page.rows()).to_have_count(3)
    assert "currency" not in page.page.url


def test_back_leads_to_the_filter_before(page: ConsolePage, fake: FakeServer) -> None:
    pay(fake)
    page.sign_in()
    status = page.panel("payments").get_by_label("Status")
    status.select_option("FAILED")
    expect(page.rows()).to_have_count(0)

    page.page.go_back()

    expect(page.rows()).to_have_count(1)
    expect(status).to_have_value("")


def test_an_open_payment_stands_in_the_address_and_in_the_title(
    page: ConsolePage, fake: FakeServer
) -> None:
    pay(fake)
    page.sign_in()
    opened(page)
    assert "payment=PAY-000001" in page.page.url
    assert page.page.title() == "PAY-000001 · Kurs console"
    page.page.reload()
    expect(page.panel("details")).to_contain_text("188.52\u00a0USD")

    page.page.go_back()

    expect(page.panel("details")).to_be_hidden()
    assert page.page.title() == "Kurs console"


def test_pages_lead_back_to_the_first_payment(page: ConsolePage, fake: FakeServer) -> None:
    pay(fake, 120)
    page.sign_in()
    payments = page.panel("payments")
    expect(page.rows().first).to_contain_text("PAY-000120")
    for first in ("PAY-000070", "PAY-000020"):
        payments.get_by_role("button", name="Older payments").click()
        expect(page.rows().first).to_contain_text(first)
    expect(page.rows().last).to_contain_text("PAY-000001")
    expect(payments.get_by_role("button", name="Older payments")).to_be_hidden()
    pay(fake)
    page.page.go_back()
    expect(page.rows().first).to_contain_text("PAY-0000")
    payments.get_by_role("button", name="Newest payments").click()

    expect(page.rows().first).to_contain_text("PAY-000121")


def test_what_is_filtered_is_exported(page: ConsolePage, fake: FakeServer) -> None:
    pay(fake, 3)
    pay(fake, source_account="carol", amount="7.00")
    page.sign_in()
    payments = page.panel("payments")
    payments.get_by_label("Account").fill("carol")
    expect(page.rows()).to_have_count(1)
    with page.page.expect_download() as saved:
        payments.get_by_role("button", name="Export as CSV").click()

    expect(payments.locator("[data-progress]").first).to_contain_text("Saved as payments-")
    text = Path(saved.value.path()).read_bytes()
    assert text == b"payment_id,amount\r\nPAY-000004,7.00\r\n"


def test_an_export_that_is_short_says_so(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    pay(fake, 2)
    text = 'payment_id,description\r\nPAY-000002,"two\nlines"\r\n'
    answer = {"body": text, "headers": {"X-Kurs-Rows": "2"}, "content_type": "text/csv"}
    page.page.route("**/payments.csv*", lambda route: route.fulfill(**answer))
    payments = page.panel("payments")
    with page.page.expect_download():
        payments.get_by_role("button", name="Export as CSV").click()

    place = payments.locator("[data-progress]").first
    expect(place).to_contain_text("it is not whole, 1 of 2 lines came")


def test_the_queue_of_reviews_has_the_oldest_first_and_the_time_that_is_left(
    page: ConsolePage, fake: FakeServer
) -> None:
    fake.gateway.outcome = "REVIEW"
    pay(fake, risk=REVIEW, amount="26000.00")
    fake.gateway.hold_seconds = 200.0
    pay(fake, risk=REVIEW, amount="31000.00")
    page.sign_in()
    queue = page.panel("reviews")
    expect(queue).to_contain_text("2 waiting")
    rows = queue.locator("tbody tr")
    expect(rows.first).to_contain_text("26,000.00\u00a0USD")
    expect(rows.first).to_contain_text("amount above")
    # How long a hold lasts is a setting: what is left is told by each payment alone.
    expect(queue).not_to_contain_text("minutes")
    expect(rows.first).to_contain_text(re.compile(r"1[34] min"))
    queue.get_by_role("button", name="26,000.00").click()
    dialog = page.panel("details")
    expect(dialog).to_contain_text("Waits for approval")
    dialog.get_by_role("button", name="Approve").click()
    page.confirm("Approve it")

    expect(queue).to_contain_text("1 waiting")


def test_what_a_service_did_not_tell_is_said(page: ConsolePage, fake: FakeServer) -> None:
    fake.gateway.silent = ["risk"]
    pay(fake)
    page.sign_in()

    expect(opened(page)).to_contain_text("Not told just now: what risk knows of it.")


def test_accounts_are_listed_and_one_leads_to_its_entries_and_payments(
    page: ConsolePage, fake: FakeServer
) -> None:
    pay(fake)
    page.sign_in()
    panel = page.panel("account")
    expect(panel.get_by_role("row", name="alice")).to_contain_text("900.00\u00a0USD")
    panel.get_by_label("Account id").fill("b")
    expect(panel.get_by_role("button", name="alice")).to_have_count(0)
    panel.get_by_role("button", name="bob").click()
    assert "show=bob" in page.page.url
    expect(panel).to_contain_text("302,290,987.50 after")
    panel.get_by_role("button", name="PAY-000001").click()
    expect(page.panel("details")).to_contain_text("188.52\u00a0USD")
    page.page.keyboard.press("Escape")
    panel.get_by_role("button", name="All accounts").click()

    expect(panel.get_by_role("button", name="alice")).to_be_visible()


def test_a_statement_of_a_period_is_saved(page: ConsolePage) -> None:
    page.sign_in()
    panel = page.panel("account")
    panel.get_by_role("button", name="alice").click()
    panel.get_by_label("From").fill("2026-11-01")
    panel.get_by_label("To").fill("2026-11-30")
    with page.page.expect_download() as saved:
        panel.get_by_role("button", name="Statement as CSV").click()

    assert saved.value.suggested_filename == "statement-alice.csv"
    assert re.search(rb"2026-1[01]-\d\dT", Path(saved.value.path()).read_bytes())


def test_a_small_rate_is_told_the_other_way_round(page: ConsolePage, fake: FakeServer) -> None:
    pay(fake, currency="IDR", amount="1000000.00", destination_currency="USD")
    page.sign_in()

    expect(opened(page)).to_contain_text(re.compile(r"1 USD = 16,3\d\d\.\d+ IDR"))


def test_a_stranger_finds_a_link_in_the_same_view(page: ConsolePage, fake: FakeServer) -> None:
    def two(gateway: FakeGateway) -> None:
        gateway.pay({"amount": "1.00", "currency": "EUR", "source_account": "a",
                     "destination_account": "b"}, "k1")  # fmt: skip

    fake.do(two)
    pay(fake)
    page.page.goto(f"{page.url}/?currency=EUR&payment=PAY-000001")
    page.page.get_by_label("API key").fill(KEY)
    page.page.keyboard.press("Enter")

    expect(page.panel("details")).to_contain_text("1.00\u00a0EUR")
    expect(page.rows()).to_have_count(1)
