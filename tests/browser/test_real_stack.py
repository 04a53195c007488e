"""The console against the five real services: what a person does on the first day."""

import signal
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import expect
from tests.browser.console_page import ConsolePage

from devstack.stack import Stack

_TRIES = 60
MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def api(stack: Stack) -> Iterator[httpx.Client]:
    """Another client of the same gateway, with two funded accounts."""
    headers = {"Authorization": f"Bearer {stack.api_key()}"}
    with httpx.Client(base_url=stack.url("api-gateway"), headers=headers, timeout=60) as client:
        accounts = [{"account_id": "buyer"}, {"account_id": "shop", "settlement_currency": "IDR"}]
        client.post("/accounts", json=accounts).raise_for_status()
        for currency, amount in (("USD", "5000.00"), ("JPY", "90000")):
            funds = {"account_id": "buyer", "currency": currency, "amount": amount}
            deposit = {"deposit_id": f"browser-{currency}", **funds}
            client.post("/deposits", json=deposit).raise_for_status()
        yield client


def pay(api: httpx.Client, **changes: Any) -> dict[str, Any]:
    """Make a payment as another client does, with one key until there is an outcome."""
    usual = {"source_account": "buyer", "destination_account": "shop"}
    body = {**usual, "amount": "12.50", "currency": "USD", **changes}
    key = {"Idempotency-Key": uuid4().hex}
    for _ in range(_TRIES):
        answer: dict[str, Any] = api.post("/payments", json=body, headers=key).json()
        if "payment_id" in answer:
            return answer
        time.sleep(0.5)
    raise AssertionError(f"no outcome: {answer}")


def test_a_first_account_is_opened_and_funded(console: ConsolePage) -> None:
    panel = console.panel("account")
    panel.get_by_label("Account id").fill("newcomer")
    panel.get_by_role("button", name="Show").click()
    expect(panel.get_by_role("alert").first).to_have_text("You have no account newcomer.")
    panel.get_by_role("button", name="Open this account").click()
    panel.get_by_label("Deposit").fill("75.00")
    panel.get_by_role("button", name="Deposit").click()
    console.confirm("Deposit 75.00\u00a0USD")

    expect(panel.get_by_role("row", name="USD").first).to_contain_text("75.00")


def test_a_payment_by_quote_is_made_once_and_appears(
    console: ConsolePage, api: httpx.Client
) -> None:
    console.fill_payment(
        source_account="buyer", destination_account="shop", amount="100.00",
        currency="USD", destination_currency="IDR", description=MARKUP,
    )  # fmt: skip
    asked = console.confirmation()
    expect(asked).to_contain_text("This rate holds for")
    arrives = asked.locator(".effects strong").nth(1).inner_text()
    console.confirm("Pay 100.00\u00a0USD")
    panel = console.panel("pay")
    expect(panel.get_by_role("heading", name="Paid")).to_be_visible()
    expect(panel).to_contain_text(arrives)
    payment_id = panel.locator(".code").inner_text()
    expect(console.rows().first).to_contain_text(payment_id)
    expect(console.rows().first).to_contain_text("Captured")
    expect(console.rows().first).to_contain_text(arrives)

    panel.get_by_role("button", name="Details").click()

    expect(console.page.get_by_role("dialog")).to_contain_text(MARKUP)
    expect(console.page.get_by_role("dialog")).to_contain_text("Spread")
    payment = api.get(f"/payments/{payment_id}").json()
    assert payment["fx"]["quote_id"]
    assert payment["description"] == MARKUP


def test_payments_of_others_appear_live_and_can_be_refunded(
    console: ConsolePage, api: httpx.Client
) -> None:
    payment = pay(api, currency="USD", destination_currency="USD")
    row = console.rows().filter(has_text=payment["payment_id"])
    expect(row).to_contain_text("12.50\u00a0USD")
    row.click()
    dialog = console.panel("details")
    dialog.get_by_label("Refund USD").fill("2.50")
    dialog.get_by_role("button", name="Refund").click()
    console.confirm("Refund 2.50\u00a0USD")
    expect(dialog.locator("[data-chip]")).to_have_text("Part refunded")
    expect(dialog.get_by_role("button", name="All of 10.00\u00a0USD")).to_be_visible()
    dialog.get_by_label("Refund USD").fill("11.00")
    dialog.get_by_role("button", name="Refund").click()
    console.confirm("Refund 11.00\u00a0USD")

    expect(dialog.locator(".action").get_by_role("alert")).to_contain_text(
        "only 10.00 USD is left to refund"
    )
    assert api.get(f"/payments/{payment['payment_id']}").json()["refunded_amount"] == "2.50"


def test_a_hold_is_captured_in_part(console: ConsolePage, api: httpx.Client) -> None:
    payment = pay(api, capture="manual", destination_currency="USD")
    console.page.get_by_label("Payment id").fill(payment["payment_id"])
    console.page.get_by_role("button", name="Open").click()
    dialog = console.panel("details")
    dialog.get_by_label("Capture USD").fill("5.00")
    dialog.get_by_role("button", name="Capture").click()
    console.confirm("Capture 5.00\u00a0USD")

    expect(dialog.locator("[data-chip]")).to_have_text("Captured")
    assert api.get(f"/payments/{payment['payment_id']}").json()["captured_amount"] == "5.00"


def test_a_hold_is_voided(console: ConsolePage, api: httpx.Client) -> None:
    payment = pay(api, capture="manual", destination_currency="USD")
    console.page.get_by_label("Payment id").fill(payment["payment_id"])
    console.page.get_by_role("button", name="Open").click()
    dialog = console.panel("details")
    dialog.get_by_role("button", name="Void").click()
    console.confirm("Void it")

    expect(dialog.locator("[data-chip]")).to_have_text("Voided")


def test_a_refused_payment_and_a_wrong_field_say_why(
    console: ConsolePage, api: httpx.Client
) -> None:
    order = {"source_account": "buyer", "destination_account": "shop", "currency": "USD"}
    console.fill_payment(**order, amount="999999.00", destination_currency="USD")
    panel = console.panel("pay")
    console.confirm("Pay")
    expect(panel.get_by_role("heading", name="Not paid")).to_be_visible()
    panel.get_by_role("button", name="New payment").click()
    console.fill_payment(**{**order, "destination_account": "no such"}, amount="1.00")
    console.confirm("Pay")

    expect(panel.get_by_label("To account")).to_have_attribute("aria-invalid", "true")
    expect(panel.get_by_label("To account")).to_be_focused()


def test_the_stream_survives_a_restart_of_payments(
    console: ConsolePage, stack: Stack, api: httpx.Client
) -> None:
    pay(api, destination_currency="USD")
    expect(console.rows().first).to_be_visible()
    stack.kill("payments")
    expect(console.panel("connection")).to_have_text("Reconnecting")
    stack.restart("payments")
    payment = pay(api, currency="JPY", amount="700", destination_currency="JPY")

    expect(console.rows().filter(has_text=payment["payment_id"])).to_contain_text("700\u00a0JPY")
    expect(console.panel("connection")).to_have_text("Live")


@pytest.mark.parametrize(
    ("service", "place", "says"),
    [
        ("fx", "#tile-rates", "Not known"),
        ("wallet", "#tile-ledger", "Not known"),
        ("risk", "#limits", "As of"),
        ("webhooks", "#webhooks", "As of"),
        ("payments", "#connection", "Silent for"),
        ("api-gateway", "#connection", "Silent for"),
    ],
)
def test_a_frozen_service_is_told(
    console: ConsolePage, stack: Stack, api: httpx.Client, service: str, place: str, says: str
) -> None:
    pay(api, destination_currency="USD")
    expect(console.panel("tile-ledger")).to_contain_text("Balanced")
    expect(console.panel("tile-rates")).to_contain_text("Fresh")
    expect(console.panel("limits").locator("code")).not_to_have_text("…")
    expect(console.panel("webhooks").locator("[data-empty]")).to_be_visible()
    expect(console.panel("webhooks").locator("[data-empty]")).not_to_contain_text("Reading")
    expect(console.panel("figures")).to_contain_text("Counted")
    stack.kill(service, signal.SIGSTOP)
    try:
        expect(console.page.locator(place)).to_contain_text(says)
    finally:
        stack.kill(service, signal.SIGCONT)

    expect(console.page.locator(place)).not_to_contain_text(says)
    expect(console.panel("connection")).to_have_text("Live")


def test_rates_and_ledger_are_those_of_the_services(
    console: ConsolePage, api: httpx.Client
) -> None:
    answer = api.get("/rates").json()
    expect(console.panel("rates").locator("tbody tr")).to_have_count(len(answer["rates"]))
    expect(console.panel("rates-revision")).to_contain_text(answer["config_revision"])
    limits = api.get("/thresholds").json()
    expect(console.panel("limits")).to_contain_text(limits["config_revision"])
    for sentence in (each for limit in limits["thresholds"] for each in limit["limits"]):
        expect(console.panel("limits")).to_contain_text(sentence)
    expect(console.panel("tile-ledger")).to_contain_text("Balanced")
    expect(console.panel("ledger").get_by_role("row", name="USD")).to_contain_text("0.00")
    console.panel("account").get_by_label("Account id").fill("buyer")
    console.page.keyboard.press("Enter")
    expect(console.panel("account").get_by_role("row", name="JPY").first).to_be_visible()


def test_the_api_page_sends_what_its_forms_say(console: ConsolePage, api: httpx.Client) -> None:
    page = console.page
    page.goto(f"{console.url}/docs")
    payment = pay(api, destination_currency="USD")
    # The key is that of the console, which is signed in in this tab.
    refund = page.locator("#post-payments-payment_id-refunds")
    refund.locator("summary").click()
    refund.get_by_label("payment_id").fill(payment["payment_id"])
    refund.get_by_role("button", name="Send").click()
    expect(refund.locator("output")).to_contain_text("200 in ")
    expect(refund.locator(".answer")).to_contain_text('"status": "SUCCEEDED"')

    events = page.locator("#get-payments-events")
    events.locator("summary").click()
    events.get_by_role("button", name="Send").click()
    expect(events.locator("output")).to_contain_text("200 in ")


def test_the_overview_is_framed_and_a_payment_leads_to_its_trace(
    console: ConsolePage, api: httpx.Client
) -> None:
    console.page.locator("iframe").scroll_into_view_if_needed()
    framed = console.page.frame_locator("iframe").locator("p")
    expect(framed).to_have_text("/d/kurs-payments")
    payment = pay(api, destination_currency="USD")
    console.rows().filter(has_text=payment["payment_id"]).click()

    with console.page.expect_popup() as opened:
        console.page.get_by_role("link", name=payment["trace_id"]).click()

    expect(opened.value.locator("p")).to_have_text("/explore")
    assert payment["trace_id"] in opened.value.url


def test_the_policy_allows_nothing_from_elsewhere_but_grafanas_frame(
    stack: Stack, grafana: str
) -> None:
    policy = httpx.get(stack.url("api-gateway")).headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert f"frame-src {grafana}" in policy
    assert "unsafe" not in policy
