"""Rates, limits, accounts, the ledger's health, the metrics panel and the footer."""

import json
import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect
from tests.browser.console_page import ConsolePage
from tests.browser.servers import FakeServer
from tests.browser.test_stream import pay


def test_rates_show_mid_spread_source_and_age(page: ConsolePage) -> None:
    page.sign_in()
    row = page.panel("rates").get_by_role("row", name="EUR/IDR")
    expect(row).to_contain_text("17,6")
    expect(row).to_contain_text("0.45\u00a0%")
    expect(row).to_contain_text("ecb")
    expect(row).to_contain_text("1 s")
    expect(row.locator("polyline")).to_have_attribute("points", re.compile(r"100\.0,[\d.]+$"))
    expect(page.panel("tile-rates")).to_contain_text("Fresh")
    footer = page.panel("rates-revision")
    expect(footer).to_contain_text("revision 5f1d8a90c3e7b246, last edit by kubectl (ecb), 30 Oct")


def test_the_limits_in_force_are_told_in_words_and_who_edited_them(page: ConsolePage) -> None:
    page.sign_in()

    panel = page.panel("limits")
    expect(panel.get_by_role("listitem").first).to_have_text("A payment is at most 100,000.00 USD.")
    expect(panel).to_contain_text("For every payment.")
    expect(panel.locator("section").last).to_contain_text("it is counted and decides nothing")
    expect(panel.locator("section").last).to_contain_text("From 01 Dec")
    expect(panel).to_contain_text("revision 0d9c41e7a2b85f36, last edit by helm (limits), 29 Oct")


def test_a_key_that_may_not_ask_for_limits_sees_none(page: ConsolePage, fake: FakeServer) -> None:
    fake.gateway.roles -= {"audit"}
    page.sign_in()

    expect(page.panel("rates-revision")).to_contain_text("5f1d8a90c3e7b246")
    expect(page.panel("limits")).to_be_hidden()


def test_the_line_of_a_rate_grows(page: ConsolePage) -> None:
    page.sign_in()
    line = page.panel("rates").get_by_role("row", name="EUR/IDR").locator("polyline")

    page.page.wait_for_function(
        "(line) => line.getAttribute('points').split(' ').length >= 3", arg=line.element_handle()
    )


def test_a_stale_rate_is_marked_in_words(page: ConsolePage, fake: FakeServer) -> None:
    fake.gateway.stale = {"SEK"}
    page.sign_in()

    expect(page.panel("rates").get_by_role("row", name="EUR/SEK")).to_contain_text("Stale 25 h")
    expect(page.panel("tile-rates")).to_contain_text("1 stale")


def test_rates_are_filtered_by_currency(page: ConsolePage) -> None:
    page.sign_in()
    rows = page.panel("rates").locator("tbody tr:visible")
    expect(rows).to_have_count(8)
    page.panel("rates").get_by_label("Currency").fill("bhd")
    expect(rows).to_have_count(1)
    page.panel("rates").get_by_label("Currency").fill("xxx")

    expect(page.panel("rates")).to_contain_text("No pair matches.")


def test_a_balanced_ledger_is_told_in_a_word_and_a_colour(page: ConsolePage) -> None:
    page.sign_in()

    expect(page.panel("tile-ledger")).to_contain_text("Balanced")
    expect(page.panel("ledger")).to_contain_text("4 currencies sum to zero")
    expect(page.panel("ledger").get_by_role("row", name="BHD")).to_contain_text("0.000")
    expect(page.panel("ledger").get_by_role("row", name="BHD")).to_contain_text("1,204,820")


def test_a_currency_out_of_balance_is_named(page: ConsolePage, fake: FakeServer) -> None:
    fake.gateway.sums["IDR"] = "-0.01"
    page.sign_in()

    expect(page.panel("tile-ledger")).to_contain_text("Out of balance")
    expect(page.panel("tile-ledger")).to_contain_text("IDR")
    expect(page.panel("ledger").get_by_role("row", name="IDR")).to_contain_text("Off")


def test_an_account_shows_balances_and_entries(page: ConsolePage) -> None:
    page.sign_in()
    page.panel("account").get_by_label("Account id").fill("alice")
    page.page.keyboard.press("Enter")

    expect(page.panel("account").get_by_role("row", name="JPY")).to_contain_text("12,000")
    expect(page.panel("account")).to_contain_text("-12.50\u00a0USD")
    expect(page.panel("account")).to_contain_text("Receives in USD.")
    expect(page.panel("account")).to_contain_text("Others pay to it by payee_fff")


def test_another_merchants_account_is_not_offered_to_be_opened(page: ConsolePage) -> None:
    page.sign_in()
    panel = page.panel("account")
    panel.get_by_label("Account id").fill("rival/shop")
    panel.get_by_role("button", name="Show").click()
    expect(panel.get_by_role("alert").first).to_have_text("rival/shop is another merchant's.")
    expect(panel.get_by_role("button", name="Open this account")).to_have_count(0)


def test_an_unknown_account_can_be_opened_and_funded(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    panel = page.panel("account")
    panel.get_by_label("Account id").fill("dora")
    panel.get_by_role("button", name="Show").click()
    expect(panel.get_by_role("alert").first).to_have_text("You have no account dora.")
    panel.get_by_role("button", name="Open this account").click()
    expect(panel).to_contain_text("Nothing in it yet.")
    panel.get_by_label("Deposit").fill("50.00")
    panel.get_by_role("button", name="Deposit").click()
    expect(page.confirmation()).to_contain_text("dora gains 50.00\u00a0USD")
    page.confirm("Deposit 50.00\u00a0USD")

    expect(panel.get_by_role("row", name="USD").first).to_contain_text("50.00")


def test_the_metrics_panel_is_there_when_it_is_configured(
    page: ConsolePage, fake: FakeServer
) -> None:
    page.sign_in()
    expect(page.panel("metrics")).to_be_hidden()
    fake.gateway.grafana_url = f"{fake.url}/grafana"
    page.page.reload()

    expect(page.panel("metrics")).to_be_visible()
    expect(page.page.frame_locator("iframe").locator("p")).to_have_text("panel")
    frame = parse_qs(urlsplit(page.page.locator("iframe").get_attribute("src") or "").query)
    assert (frame["from"], frame["to"]) == (["now-30m"], ["now"])
    assert frame["theme"][0] in ("light", "dark")


def test_a_payment_links_to_its_trace_in_grafana(page: ConsolePage, fake: FakeServer) -> None:
    fake.gateway.grafana_url = f"{fake.url}/grafana"
    page.sign_in()
    pay(fake)
    page.rows().first.click()
    link = page.page.get_by_role("link", name="4bf92f3577b34da6a3ce929d0e0e4736")
    address = urlsplit(link.get_attribute("href") or "")
    panes = json.loads(parse_qs(address.query)["panes"][0])

    assert address.path == "/grafana/explore"
    assert panes["trace"]["queries"][0]["query"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert panes["trace"]["queries"][0]["datasource"] == {"type": "tempo", "uid": "tempo"}
