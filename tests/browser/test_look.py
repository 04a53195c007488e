"""How it looks: phone width, both colour schemes, contrast, stillness."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.browser.conftest import PATIENCE_MS
from tests.browser.console_page import ConsolePage
from tests.browser.servers import FakeServer
from tests.browser.test_details import REVIEW
from tests.browser.test_stream import pay

CONTRAST = (Path(__file__).parent / "contrast.js").read_text("utf-8")
LONG = "a-very-long-account-id-" + "x" * 41


@pytest.fixture
def phone(chromium: Browser, fake: FakeServer) -> Iterator[ConsolePage]:
    """The console on a narrow phone."""
    context = chromium.new_context(viewport={"width": 360, "height": 780}, has_touch=True)
    context.set_default_timeout(PATIENCE_MS)
    page = ConsolePage(context.new_page(), fake.url)
    yield page
    page.assert_clean()
    context.close()


def fill(page: ConsolePage, fake: FakeServer) -> None:
    """Bring every kind of text onto the page."""
    fake.gateway.stale = {"SEK"}
    fake.gateway.sums |= dict.fromkeys(("EUR", "GBP", "INR", "KRW", "SGD"), "0.00") | {"JPY": "1"}
    pay(fake, amount="98765432109876.54", source_account=LONG, destination_account=LONG)
    pay(fake, capture="manual")
    failure = {"code": "insufficient_funds", "message": "alice has 12.00 USD available."}
    fake.do(lambda gateway: vars(gateway).update(outcome="FAILED", failure=failure))
    pay(fake)
    fake.do(lambda gateway: vars(gateway).update(outcome="REVIEW"))
    pay(fake, amount="302290122.19", risk=REVIEW, destination_currency="IDR")
    page.sign_in()
    page.panel("account").get_by_label("Account id").fill("alice")
    page.page.keyboard.press("Enter")
    expect(page.panel("account")).to_contain_text("12,000")
    expect(page.rows()).to_have_count(4)
    expect(page.panel("ledger")).to_contain_text("Out of balance")
    expect(page.panel("tile-rates")).to_contain_text("1 stale")


def test_a_phone_shows_everything_without_sideways_scrolling(
    phone: ConsolePage, fake: FakeServer
) -> None:
    phone.open()
    expect(phone.page.get_by_label("API key")).to_be_visible()
    assert phone.overflow() <= 0
    fill(phone, fake)
    assert phone.overflow() <= 0
    phone.fill_payment(
        source_account=LONG, destination_account=LONG, amount="98765432109876.54",
        currency="USD", destination_currency="IDR",
    )  # fmt: skip
    expect(phone.confirmation()).to_contain_text("This rate holds for")
    assert phone.overflow() <= 0
    phone.confirm("Back")
    phone.rows().first.click()
    dialog = phone.panel("details")
    expect(dialog).to_contain_text("The whole answer as JSON")
    box = dialog.bounding_box()

    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    assert dialog.evaluate("(node) => node.scrollWidth <= node.clientWidth")
    assert phone.overflow() <= 0


def test_the_phone_keeps_its_navigation_at_the_foot(phone: ConsolePage) -> None:
    phone.sign_in()
    box = phone.page.get_by_role("navigation").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] == 780
    phone.page.get_by_role("link", name="Ledger", exact=True).click()

    expect(phone.panel("ledger").locator("h2")).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_the_contrast_that_it_needs(
    chromium: Browser, fake: FakeServer, scheme: str
) -> None:
    context = chromium.new_context(
        viewport={"width": 1440, "height": 1000}, color_scheme=scheme, reduced_motion="reduce"
    )  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    page = ConsolePage(context.new_page(), fake.url)
    fill(page, fake)
    page.fill_payment(source_account="alice")
    expect(page.panel("pay")).to_contain_text("Enter an amount.")
    page.rows().first.click()
    expect(page.page.get_by_role("dialog")).to_contain_text("The whole answer as JSON")

    measured = page.page.evaluate(CONTRAST)

    assert measured["poor"] == []
    assert measured["seen"] > 150
    page.assert_clean()
    context.close()


def test_the_scheme_follows_the_system_until_it_is_chosen(page: ConsolePage) -> None:
    page.page.emulate_media(color_scheme="dark")
    page.sign_in()
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.page.evaluate(background)
    page.page.get_by_role("button", name="Switch to the light theme").click()
    light = page.page.evaluate(background)
    assert light != dark

    page.page.reload()

    assert page.page.evaluate(background) == light


def test_reduced_motion_is_respected(page: ConsolePage, fake: FakeServer) -> None:
    page.page.emulate_media(reduced_motion="reduce")
    page.sign_in()
    pay(fake)
    pay(fake)
    expect(page.rows()).to_have_count(2)

    assert page.page.evaluate("document.getAnimations().length") == 0


def test_panels_do_not_move_while_the_page_fills(page: ConsolePage, fake: FakeServer) -> None:
    page.page.add_init_script(
        "window.shift = 0; new PerformanceObserver((list) => {"
        "  for (const { sources, value } of list.getEntries())"
        # New payments push the older ones down: that alone is meant to move.
        "    if (!sources.every(({ node }) => node?.parentElement?.closest('#payments tbody')))"
        "      window.shift += value;"
        "}).observe({ type: 'layout-shift', buffered: true });"
    )
    pay(fake, 20)
    page.sign_in()
    expect(page.rows()).to_have_count(20)
    expect(page.panel("rates").locator("tbody tr")).to_have_count(8)
    top = page.panel("rates").evaluate("(node) => node.getBoundingClientRect().top")
    pay(fake, 50)
    expect(page.rows()).to_have_count(70)
    after = page.panel("rates").evaluate("(node) => node.getBoundingClientRect().top")

    assert after == top
    assert page.page.evaluate("window.shift") < 0.1


_BROKEN = """
() => [...document.querySelectorAll(".amount")].filter((node) => {
  const range = document.createRange();
  range.selectNodeContents(node);
  const lines = new Set([...range.getClientRects()].map(({ bottom }) => Math.round(bottom / 8)));
  return node.checkVisibility() && !node.children.length && lines.size > 1;
}).map((node) => node.textContent)
"""


_CUT = """
() => [...document.querySelectorAll("main .scroll")].filter((node) =>
  node.checkVisibility() && node.scrollWidth > node.clientWidth + 1
).map((node) => `${node.closest(".card").id}: ${node.scrollWidth} in ${node.clientWidth}`)
"""


# Two texts of a row that touch read as one.
_TOUCHING = """
() => {
  const boxesOf = (cell) => {
    const walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    const boxes = [];
    for (let text = walk.nextNode(); text; text = walk.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(text);
      const { right } = text.parentElement.getBoundingClientRect();
      const cut = getComputedStyle(text.parentElement).overflow === "hidden" ? right : Infinity;
      for (const { left, right, top, bottom } of range.getClientRects())
        boxes.push({ left, right: Math.min(right, cut), top, bottom });
    }
    return boxes;
  };
  const touch = (one, next) =>
    next.top < one.bottom && one.top < next.bottom && next.left < one.right + 5;
  return [...document.querySelectorAll("main tbody tr")].filter((row) => {
    const cells = [...row.children].filter((cell) => cell.checkVisibility()).map(boxesOf);
    return cells.some((boxes, at) => at && cells[at - 1].some((one) =>
      boxes.some((next) => next.left > one.left && touch(one, next))));
  }).map((row) => row.textContent);
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1440, 2560])
def test_every_width_shows_everything_and_breaks_no_amount(
    chromium: Browser, fake: FakeServer, width: int, scheme: str
) -> None:
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    page = ConsolePage(context.new_page(), fake.url)
    fill(page, fake)
    assert page.overflow() <= 0
    assert page.page.evaluate(_BROKEN) == []
    assert page.page.evaluate(_CUT) == []
    assert page.page.evaluate(_TOUCHING) == []
    page.rows().first.click()
    page.panel("details").get_by_role("button", name="Approve").click()
    expect(page.confirmation()).to_be_in_viewport(ratio=1)

    assert page.overflow() <= 0
    page.assert_clean()
    context.close()
