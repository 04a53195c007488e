"""What a test does with the console, in the words of its user."""

from typing import Any

from playwright.sync_api import ConsoleMessage, Locator, Page, expect
from tests.browser.fake_gateway import KEY

_REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI}`));
"""


class ConsolePage:
    """The console in a browser page; every console error and policy violation is kept."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.errors: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.add_init_script(_REPORT_VIOLATIONS)

    def open(self) -> None:
        """Go to the console."""
        self.page.goto(self.url)

    def sign_in(self, key: str = KEY) -> None:
        """Go to the console and sign in; returns when the panels are there."""
        self.open()
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.locator("#connection")).to_have_text("Live")

    def fill_payment(self, **fields: str) -> None:
        """Fill the payment form by field name and continue."""
        form = self.page.locator("#pay form")
        for name, value in fields.items():
            field = form.locator(f"[name={name}]")
            if field.evaluate("node => node.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)
        form.get_by_role("button", name="Continue").click()

    def confirmation(self) -> Locator:
        """The dialog from which money moves."""
        return self.page.locator("#confirm")

    def confirm(self, name: str) -> None:
        """Confirm what the dialog asks, by the button of this name."""
        self.confirmation().get_by_role("button", name=name).click()

    def rows(self) -> Locator:
        """The rows of the payment stream."""
        return self.page.locator("#payments tbody tr")

    def panel(self, name: str) -> Locator:
        """A panel by its id."""
        return self.page.locator(f"#{name}")

    def overflow(self) -> int:
        """By how many pixels the page is wider than the screen."""
        width: Any = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return int(width)

    def assert_clean(self) -> None:
        """No error of the page or of its policy was seen."""
        assert not self.errors, self.errors

    def _heard(self, message: ConsoleMessage) -> None:
        # An answer of 4xx or 5xx is reported by the browser itself; the tests bring those about.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)
