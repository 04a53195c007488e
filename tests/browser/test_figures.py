"""Money over time: what the server counted, in words and bars, of the period in the address."""

import re

from playwright.sync_api import expect
from tests.browser.console_page import ConsolePage
from tests.browser.servers import FakeServer


def test_figures_are_shown_of_the_period_that_is_chosen(
    page: ConsolePage, fake: FakeServer
) -> None:
    fake.gateway.figures.waiting = 1_200
    page.sign_in()
    panel = page.panel("figures")
    volume = panel.locator(".over-time").first
    bars = volume.get_by_role("img")
    expect(bars.locator("rect")).to_have_count(30)
    expect(bars).to_have_attribute(
        "aria-label", re.compile(r"^Captured volume in the last hour, the most at .*USD$")
    )
    expect(panel).to_contain_text("1,200 events are not counted yet")

    panel.get_by_label("Period").select_option("day")
    expect(bars.locator("rect")).to_have_count(24)
    assert page.page.url.endswith("?period=day")
    one = volume.locator(".figure").inner_text()
    panel.get_by_label("Whose").select_option("all")
    expect(volume.locator(".figure")).not_to_have_text(one)
    page.page.go_back()
    expect(volume.locator(".figure")).to_have_text(one)

    panel.locator("summary").click()
    rows = panel.locator("tbody tr")
    expect(rows.first).to_contain_text("USD/IDR")
    expect(rows.last).to_contain_text("JPY, not known")
