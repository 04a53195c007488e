"""Signing in: who gets in, what is said to who does not, and where the key is kept."""

from playwright.sync_api import expect
from tests.browser.console_page import ConsolePage
from tests.browser.fake_gateway import KEY
from tests.browser.servers import FakeServer

_EVERYWHERE_ELSE = """
() => JSON.stringify([
  location.href, document.cookie, Object.entries(localStorage), document.body.innerHTML,
  [...document.querySelectorAll("input")].map((input) => input.value),
  performance.getEntriesByType("resource").map((entry) => entry.name),
])
"""


def test_a_known_key_opens_the_console(page: ConsolePage) -> None:
    page.sign_in()

    expect(page.panel("payments")).to_be_visible()
    expect(page.panel("sign-in")).to_be_hidden()


def test_a_refused_key_is_told_why_and_can_be_corrected(page: ConsolePage) -> None:
    page.open()
    field = page.page.get_by_label("API key")
    field.fill("kurs_test_wrong")
    field.press("Enter")
    expect(page.panel("sign-in").get_by_role("alert")).to_contain_text("The key was refused")
    expect(field).to_have_attribute("aria-invalid", "true")

    field.fill(KEY)
    field.press("Enter")

    expect(page.panel("payments")).to_be_visible()


def test_no_key_is_not_sent(page: ConsolePage) -> None:
    page.open()
    page.page.get_by_role("button", name="Sign in").click()

    expect(page.panel("sign-in").get_by_role("alert")).to_have_text("Enter a key.")


def test_the_key_is_in_the_tab_s_session_and_nowhere_else(page: ConsolePage) -> None:
    page.sign_in()

    assert KEY not in page.page.evaluate(_EVERYWHERE_ELSE)
    assert page.page.evaluate("sessionStorage.getItem('kurs.key')") == KEY


def test_a_reload_stays_signed_in_and_signing_out_forgets(page: ConsolePage) -> None:
    page.sign_in()
    page.page.reload()
    expect(page.panel("connection")).to_have_text("Live")

    page.page.locator("#who summary").click()
    page.page.get_by_role("button", name="Sign out").click()

    expect(page.panel("sign-in")).to_be_visible()
    assert page.page.evaluate("sessionStorage.length") == 0


def test_a_key_revoked_meanwhile_leads_back_to_signing_in(
    page: ConsolePage, fake: FakeServer
) -> None:
    page.sign_in()
    fake.do(lambda gateway: setattr(gateway, "revoked", True))

    expect(page.panel("sign-in").get_by_role("alert")).to_contain_text("no longer accepted")


def test_a_gateway_that_does_not_answer_is_said(page: ConsolePage) -> None:
    page.open()
    page.page.route("**/whoami", lambda route: route.abort())
    page.page.get_by_label("API key").fill(KEY)
    page.page.get_by_role("button", name="Sign in").click()

    expect(page.panel("sign-in").get_by_role("alert")).to_have_text("The gateway did not answer.")
