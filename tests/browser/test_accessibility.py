"""axe-core (WCAG 2.2 A and AA, and its best practices) finds nothing wrong in any view."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from tests.browser.conftest import PATIENCE_MS
from tests.browser.console_page import ConsolePage
from tests.browser.servers import FakeServer
from tests.browser.test_details import REVIEW
from tests.browser.test_look import fill
from tests.browser.test_stream import pay

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="make setup")


def found(page: ConsolePage) -> list[str]:
    """Return what axe says of the page as it is: the rule, and the elements that break it."""
    result: dict[str, Any] = axe.Axe().run(page.page).response
    assert len(result["passes"]) > 10
    return [
        f"{rule['id']}: {rule['help']}: {[node['target'] for node in rule['nodes']]}"
        for rule in result["violations"]
    ]


def sign_in(page: ConsolePage, _: FakeServer) -> None:
    page.open()
    page.page.get_by_label("API key").fill("wrong")
    page.page.get_by_role("button", name="Sign in").click()
    expect(page.page.get_by_role("alert")).not_to_be_empty()


def panels(page: ConsolePage, fake: FakeServer) -> None:
    fill(page, fake)
    page.panel("payments").get_by_text("More filters").click()
    page.panel("who").locator("summary").click()


def empty(page: ConsolePage, fake: FakeServer) -> None:
    fake.do(lambda gateway: vars(gateway).update(accounts={}, sums={}))
    page.sign_in()


def mistakes(page: ConsolePage, _: FakeServer) -> None:
    page.sign_in()
    page.fill_payment(source_account="alice")
    expect(page.panel("pay")).to_contain_text("Enter an amount.")


def details(page: ConsolePage, fake: FakeServer) -> None:
    fake.do(lambda gateway: vars(gateway).update(outcome="REVIEW"))
    pay(fake, risk=REVIEW, destination_currency="IDR")
    page.sign_in()
    page.rows().first.click()
    expect(page.panel("details")).to_contain_text("The whole answer as JSON")


def confirmation(page: ConsolePage, fake: FakeServer) -> None:
    details(page, fake)
    page.panel("details").get_by_role("button", name="Approve").click()
    expect(page.confirmation()).to_be_visible()


def destination(page: ConsolePage, _: FakeServer) -> None:
    page.sign_in()
    page.panel("webhooks").get_by_role("row").nth(2).get_by_role("button").click()
    page.panel("destination").locator("summary").first.click()
    expect(page.panel("destination")).to_contain_text("no database")


View = Callable[[ConsolePage, FakeServer], None]
VIEWS: list[View] = [sign_in, panels, empty, mistakes, details, confirmation, destination]


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_axe_finds_nothing(
    chromium: Browser, fake: FakeServer, view: View, width: int, scheme: Any
) -> None:
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE_MS)
    page = ConsolePage(context.new_page(), fake.url)
    view(page, fake)

    assert found(page) == []
    page.assert_clean()
    context.close()


_STOP = """
() => [...document.querySelectorAll("#console *")].indexOf(document.activeElement)
"""


def test_the_tab_key_follows_the_reading_order(page: ConsolePage, fake: FakeServer) -> None:
    fill(page, fake)
    page.page.locator("body").evaluate("() => document.activeElement.blur()")
    stops = []
    for _ in range(60):
        page.page.keyboard.press("Tab")
        stops.append(page.page.evaluate(_STOP))
    first = stops.index(min(stops))

    assert stops[first:] == sorted(stops[first:])
    assert len(set(stops)) > 40
