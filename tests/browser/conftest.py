"""A real Chromium, a page that must stay free of errors, and what the page talks to."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright
from tests.browser.console_page import ConsolePage
from tests.browser.servers import FakeServer, stand_in

from devstack.stack import Stack

CHROMIUM = shutil.which("chromium")
HOW = "Chromium is not here: apt-get install -y --no-install-recommends chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# A busy machine may take its time; nothing here asserts how fast the console is.
PATIENCE_MS = 90_000
expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, and skip it with the remedy where Chromium is missing."""
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason=HOW))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a module; each test has a context of its own.

    Not for the session: Playwright's event loop would run in the way of every asynchronous test
    that comes after these.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    """A fake gateway for one test."""
    server = FakeServer()
    yield server
    server.stop()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh context: nothing stored, desktop size."""
    look: dict[str, Any] = {"viewport": {"width": 1440, "height": 1000}, "reduced_motion": "reduce"}
    context = chromium.new_context(**look)
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def page(fake: FakeServer, context: BrowserContext) -> Iterator[ConsolePage]:
    """The console of the fake gateway, not signed in; the test fails on any error of the page."""
    page = ConsolePage(context.new_page(), fake.url)
    yield page
    page.assert_clean()


@pytest.fixture(scope="session")
def grafana() -> Iterator[str]:
    """The address of what stands in for Grafana: each of its pages says its own path."""
    with stand_in() as address:
        yield address


@pytest.fixture(scope="session")
def stack(grafana: str) -> Iterator[Stack]:
    """The five services and the local operator as real processes, for the session."""
    with Stack(start_seconds=300, environment={"KURS_GRAFANA_URL": grafana}) as stack:
        yield stack


@pytest.fixture
def console(stack: Stack, context: BrowserContext) -> Iterator[ConsolePage]:
    """The console of the real gateway, signed in."""
    page = ConsolePage(context.new_page(), stack.url("api-gateway"))
    page.sign_in(stack.api_key())
    yield page
    page.assert_clean()
