"""Makes the pictures of the README: `python -m tests.browser.screenshots docs/images`.

They show the real stack under a light stream of payments, so they are remade by running this and
looking at them.
"""

import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, sync_playwright
from tests.browser.conftest import CHROMIUM, FLAGS, PATIENCE_MS
from tests.browser.console_page import ConsolePage

from devstack.stack import Stack

CURRENCIES = {"USD": "240.00", "EUR": "180.00", "IDR": "2400000.00", "JPY": "31000", "GBP": "95.00"}
FULL = Path("var/pictures")
SHOTS: list[tuple[str, dict[str, Any]]] = [
    ("console", {"viewport": {"width": 1440, "height": 1000}, "color_scheme": "light"}),
    ("console-dark", {"viewport": {"width": 1440, "height": 1000}, "color_scheme": "dark"}),
    ("console-phone", {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"}),
]


class Traffic:
    """A few merchants' customers who pay each other until they are told to stop."""

    def __init__(self, url: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=60)
        self._random = random.Random(7)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Traffic":
        self._open()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._client.close()

    def _open(self) -> None:
        settlements = list(CURRENCIES)
        sources = [{"account_id": f"ACC_SRC_{5081 + n}"} for n in range(12)]
        shops = [
            {"account_id": f"ACC_DST_{1228 + n}", "settlement_currency": settlements[n % 5]}
            for n in range(10)
        ]
        self._client.post("/accounts", json=[*sources, *shops]).raise_for_status()
        for account in sources:
            for currency, amount in CURRENCIES.items():
                body = {**account, "currency": currency, "amount": f"{900 * float(amount):.0f}"}
                deposit = {"deposit_id": f"{account['account_id']}-{currency}", **body}
                self._client.post("/deposits", json=deposit).raise_for_status()

    def _run(self) -> None:
        while not self._stop.is_set():
            for _ in range(self._random.randint(1, 5)):
                answer = self._client.post("/payments", json=self._payment())
                assert answer.status_code in (200, 400), answer.text
            time.sleep(0.1)

    def _payment(self) -> dict[str, Any]:
        draw = self._random
        currency = draw.choice(list(CURRENCIES))
        usual = float(CURRENCIES[currency]) * draw.uniform(0.1, 1.6)
        # One in twelve asks for more than the account holds.
        amount = usual * (80 if draw.random() < 0.08 else 1)
        places = 0 if currency == "JPY" else 2
        return {
            "payment_id": f"ORD-{draw.getrandbits(40):010X}",
            "amount": f"{amount:.{places}f}",
            "currency": currency,
            "source_account": f"ACC_SRC_{5081 + draw.randrange(12)}",
            "destination_account": f"ACC_DST_{1228 + draw.randrange(10)}",
            "capture": "manual" if draw.random() < 0.08 else "automatic",
            "description": f"Invoice {draw.randint(1000, 9999)}",
        }


def main(folder: Path) -> None:
    """Write the pictures into `folder`, and each page at its full length into `var/pictures`."""
    with Stack(start_seconds=300) as stack:
        url = stack.url("api-gateway")
        with Traffic(url, stack.api_key()), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            pages = [(name, opened(browser, url, stack.api_key(), look)) for name, look in SHOTS]
            pages[0][1].page.wait_for_timeout(125_000)
            for name, page in pages:
                shoot(page, folder / f"{name}.png")
            browser.close()


def opened(browser: Browser, url: str, key: str, look: dict[str, Any]) -> ConsolePage:
    """Sign in and show an account; the lines of rates fill from now on."""
    context = browser.new_context(**look)
    context.set_default_timeout(PATIENCE_MS)
    page = ConsolePage(context.new_page(), url)
    page.sign_in(key)
    page.panel("account").get_by_label("Account id").fill("ACC_SRC_5081")
    page.page.keyboard.press("Enter")
    return page


def shoot(page: ConsolePage, file: Path) -> None:
    """Take the picture, on a phone with a payment about to be confirmed."""
    FULL.mkdir(parents=True, exist_ok=True)
    still(page)
    page.page.screenshot(path=FULL / f"{file.stem}-full.png", full_page=True)
    if page.page.evaluate("innerWidth") < 500:
        page.fill_payment(
            source_account="ACC_SRC_5081", destination_account="ACC_DST_1228", amount="188.52",
            currency="USD", destination_currency="IDR", description="Invoice 2041",
        )  # fmt: skip
        page.confirmation().wait_for()
        still(page)
    page.page.screenshot(path=file)


def still(page: ConsolePage) -> None:
    """Let what moves come to rest, at the top of the page."""
    page.page.locator("body").evaluate("() => { scrollTo(0, 0); document.activeElement.blur(); }")
    page.page.wait_for_timeout(1500)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
