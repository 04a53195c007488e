"""What the page says is true within five seconds, or it says that it does not know."""

import pytest
from playwright.sync_api import BrowserContext, expect
from tests.browser.console_page import ConsolePage
from tests.browser.fake_gateway import KEY
from tests.browser.servers import FakeServer
from tests.browser.test_stream import pay

LONG = "fx did not answer in time; " + "a-word-without-an-end" * 40
_HIDE = """
(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}
"""


@pytest.fixture
def clocked(page: ConsolePage) -> ConsolePage:
    """The console signed in, with a clock that a test moves."""
    page.page.clock.install()
    page.open()
    page.page.get_by_label("API key").fill(KEY)
    page.page.get_by_role("button", name="Sign in").click()
    for _ in range(20):
        page.page.clock.run_for(500)
        if page.panel("connection").inner_text() == "Live":
            break
        page.page.wait_for_timeout(50)
    expect(page.panel("tile-rates")).to_contain_text("Fresh")
    return page


def freeze(fake: FakeServer, page: ConsolePage, *paths: str) -> None:
    """Let the fake gateway answer these no more, and five seconds pass in the page."""
    fake.do(lambda gateway: gateway.frozen.update(paths))
    page.page.wait_for_timeout(200)
    page.page.clock.run_for(5000)


def test_frozen_rates_are_not_healthy_and_their_age_goes_on(
    clocked: ConsolePage, fake: FakeServer
) -> None:
    freeze(fake, clocked, "/rates")
    panel = clocked.panel("rates")

    expect(clocked.panel("tile-rates")).to_contain_text("Not known")
    expect(panel.locator("[data-sources]")).to_have_text("How the sources are is not known.")
    expect(panel.locator("[data-read]")).to_contain_text("As of")
    age = panel.locator("tbody tr").first.locator(".age")
    assert int(age.inner_text().removesuffix(" s")) >= 5
    clocked.page.clock.run_for(10_000)
    assert int(age.inner_text().removesuffix(" s")) >= 15


def test_a_frozen_ledger_is_not_balanced(clocked: ConsolePage, fake: FakeServer) -> None:
    expect(clocked.panel("tile-ledger")).to_contain_text("Balanced")
    freeze(fake, clocked, "/ledger/trial-balance")

    expect(clocked.panel("tile-ledger")).to_contain_text("Not known")
    expect(clocked.panel("ledger").locator("[data-verdict]")).to_contain_text("no answer for")
    expect(clocked.panel("ledger")).to_have_class("card old")


def test_a_frozen_stream_is_not_live(clocked: ConsolePage, fake: FakeServer) -> None:
    freeze(fake, clocked, "/payments/events")

    expect(clocked.panel("connection")).to_contain_text("Silent for")
    expect(clocked.panel("payments")).to_contain_text("newer payments may be missing")
    expect(clocked.panel("tile-rate").locator("[data-value]")).to_have_text("…")


def test_what_answers_again_is_shown_soon(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    fake.gateway.broken["/rates"] = "fx did not answer in time; nothing was read"
    expect(page.panel("rates")).to_contain_text("nothing was read")
    fake.gateway.broken.clear()

    expect(page.panel("tile-rates")).to_contain_text("Fresh")
    expect(page.panel("rates").locator("[data-read]")).to_have_text("")


def test_a_long_message_breaks_no_layout(page: ConsolePage, fake: FakeServer) -> None:
    fake.gateway.broken = dict.fromkeys(("/rates", "/ledger/trial-balance"), LONG)
    page.sign_in()
    expect(page.panel("rates").locator("[data-read]")).to_contain_text("a-word")
    expect(page.panel("ledger").locator("[data-read]")).to_contain_text("a-word")

    assert page.overflow() <= 0


def test_eight_tabs_share_one_stream(
    page: ConsolePage, context: BrowserContext, fake: FakeServer
) -> None:
    page.sign_in()
    tabs = []
    for _ in range(7):
        tab = ConsolePage(context.new_page(), fake.url)
        tab.sign_in()
        tabs.append(tab)
    pay(fake)

    for tab in (page, *tabs):
        expect(tab.rows()).to_have_count(1)
        tab.assert_clean()
    assert fake.gateway.stream_starts == [None]


def test_a_hidden_tab_has_no_stream_and_catches_up(page: ConsolePage, fake: FakeServer) -> None:
    page.sign_in()
    pay(fake)
    expect(page.rows()).to_have_count(1)
    page.page.evaluate(_HIDE, True)
    page.page.wait_for_function("() => true")
    pay(fake, 2)
    assert page.rows().count() == 1

    page.page.evaluate(_HIDE, False)

    expect(page.rows()).to_have_count(3)
    expect(page.panel("connection")).to_have_text("Live")


def test_without_shared_workers_a_tab_has_its_own_stream(
    page: ConsolePage, fake: FakeServer
) -> None:
    page.page.add_init_script("delete window.SharedWorker")
    page.sign_in()
    pay(fake)

    expect(page.rows()).to_have_count(1)
