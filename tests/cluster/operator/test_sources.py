"""A rate provider that fails in every way: the status says how, the next source is used, and no
payment goes at a bad rate.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import pytest
from tests.cluster.installation import Installation
from tests.cluster.operator.conftest import PROVIDER, PROVIDER_PORT, TOKEN
from tests.cluster.operator.prices import PATH, Prices
from tests.cluster.operator.resources import CONFIG_MAPS, Resources, source
from tests.cluster.operator.stand_in import StandIn, stand_in
from tests.cluster.shell import eventually, get

from loadtest.catalogue import settlement_currency
from loadtest.load import Load
from loadtest.rows import Row

OUTSIDE = ("FXRateSource", "outside")
UNHEALTHY = ("Warning", "Unhealthy")
GOOD = "18100"
SERVER = f"""
import http.server as h, json, time
class Provider(h.BaseHTTPRequestHandler):
    def do_GET(self):
        told = json.loads(answer.read_text())
        if self.headers["Authorization"] != told.get("token"):
            told = {{"status": 401}}
        time.sleep(told.get("wait", 0))
        rates = json.dumps({{"rates": {{"IDR": told.get("rate")}}}}).encode()
        self.send_response(told.get("status", 200))
        self.send_header("Location", "http://{PROVIDER}:{PROVIDER_PORT}/elsewhere")
        self.end_headers()
        self.wfile.write(rates.ljust(told.get("bytes", 0)))
h.ThreadingHTTPServer(("", {PROVIDER_PORT}), Provider).serve_forever()
"""


def outside(url: str = f"http://{PROVIDER}:{PROVIDER_PORT}/", **http: Any) -> dict[str, Any]:
    """Return an HTTP source of USD/IDR above the desk's, whose rates live for three seconds."""
    fetched = {"url": url, "format": "JSON", "ratesPath": "rates", "timeoutSeconds": 2}
    return source(
        "outside",
        type="HTTP",
        static=None,
        http={**fetched, **http},
        priority=900,
        refreshInterval="1s",
        maxAge="3s",
        maxDeviationBps=1000,
        allowInsecure=url.startswith("http:"),
        # It is asked before the samples, whose rates may jump less and cannot be forged.
        changeTicket="CHG-1",
    )


@pytest.fixture
def provider(operated: Installation) -> Iterator[StandIn]:
    """A rate provider in the cluster, which gives a good rate at first."""
    with stand_in(operated, PROVIDER, SERVER, PROVIDER_PORT, {}) as pod:
        tell(pod)
        yield pod


def tell(provider: StandIn, **fault: Any) -> None:
    provider.say(json.dumps({"rate": GOOD, **fault}))


def sources(resources: Resources) -> set[str]:
    return {rate["source"] for rate in resources.ask("fx", PATH).values()}


def message(resources: Resources, kind: str) -> str:
    conditions = resources.get(*OUTSIDE)["status"]["conditions"]
    return str(next(c["message"] for c in conditions if c["type"] == kind))


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"wait": 5}, "Timeout"),
        ({"status": 302}, "Redirect"),
        ({"bytes": 5_000_000}, "TooLarge"),
        ({"rate": "0"}, "Invalid"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_provider_that_fails_is_named_and_no_payment_goes_at_a_bad_rate(
    operated: Installation, desk: Resources, provider: StandIn, fault: Any, reason: str
) -> None:
    desk.apply(outside())
    desk.wait_ready(*OUTSIDE)
    eventually("the provider's rates", lambda: sources(desk) == {"outside"})
    prices = Prices(operated, ("source", "mid"))
    warned = desk.events(*OUTSIDE).count(UNHEALTHY)

    with Load(operated.gateway(), operated.api_key(), reason.lower()) as load, prices:
        tell(provider, **fault)
        desk.wait_for(*OUTSIDE, "SourceHealthy", "False", reason)
        eventually("the next source", lambda: sources(desk) == {"desk"})
        assert desk.conditions(*OUTSIDE)["Ready"] == ("False", "Unhealthy")
        eventually("all pods", lambda: "3 of 3 pods" in message(desk, "SourceHealthy"))
        tell(provider)
        desk.wait_ready(*OUTSIDE)
        eventually("the provider's rates again", lambda: sources(desk) == {"outside"})
        account = load.finish()

    account.prove(at_least=20)
    good = {("outside", GOOD), ("desk", "18000")}
    assert prices.seen == good
    paid = paid_at(operated, (result.row for result in account.results))
    assert paid
    assert paid <= good
    assert desk.events(*OUTSIDE).count(UNHEALTHY) == warned + 1


def test_a_jump_is_held_off_while_the_last_good_rate_lives_and_by_pods_that_begin_then(
    operated: Installation, desk: Resources, provider: StandIn
) -> None:
    living = outside()
    living["spec"]["maxAge"] = "30m"
    desk.apply(living)
    desk.wait_ready(*OUTSIDE)
    eventually("the provider's rates", lambda: sources(desk) == {"outside"})
    eventually("what is remembered", lambda: GOOD in remembered(operated), patience=120)

    tell(provider, rate="27150")
    desk.wait_for(*OUTSIDE, "SourceHealthy", "False", "Deviation")
    before = set(operated.ready_pods("fx"))
    operated.kubectl("rollout", "restart", "deployment/fx")
    operated.kubectl("rollout", "status", "deployment/fx", "--timeout=180s")
    eventually("new pods alone", lambda: not before & set(operated.ready_pods("fx")))

    desk.wait_for(*OUTSIDE, "SourceHealthy", "False", "Deviation")
    assert {rate["mid"] for rate in desk.ask("fx", PATH).values()} == {GOOD}


def remembered(operated: Installation) -> str:
    found = get(operated.namespace, "configmap", CONFIG_MAPS["fx"])
    return str(found["data"].get("accepted.json", ""))


def paid_at(operated: Installation, rows: Iterable[Row]) -> set[tuple[str, str]]:
    """Return by which source and mid those rows were paid that sent dollars as rupiah."""
    headers = {"Authorization": f"Bearer {operated.api_key()}"}
    with httpx.Client(base_url=operated.gateway(), headers=headers) as client:
        payments = [
            client.get(f"/payments/{row.payment_id}").json()
            for row in rows
            if row.currency == "USD" and settlement_currency(row.destination_account) == "IDR"
        ]
    return {(payment["fx"]["source"], payment["fx"]["mid"]) for payment in payments}


@pytest.mark.parametrize(
    "url",
    [
        "https://10.96.0.1/rates",
        "https://kubernetes.default.svc/rates",
        "https://169.254.169.254/latest/meta-data",
    ],
)
def test_a_source_at_a_private_address_is_not_asked_and_the_next_one_is_used(
    desk: Resources, url: str
) -> None:
    desk.apply(outside(url))
    desk.wait_for(*OUTSIDE, "SourceHealthy", "False", "Address")

    assert "address" in message(desk, "Ready")
    assert sources(desk) == {"desk"}
    assert desk.events(*OUTSIDE)[-1] == UNHEALTHY


def test_a_credential_reaches_the_provider_and_is_seen_nowhere_else(
    operated: Installation, desk: Resources, provider: StandIn
) -> None:
    tell(provider, token=TOKEN)
    desk.apply(outside())
    desk.wait_for(*OUTSIDE, "SourceHealthy", "False", "Status")

    desk.apply(outside(secretRef={"name": PROVIDER, "key": "token"}))
    desk.wait_ready(*OUTSIDE)

    shown = json.dumps([desk.get(*OUTSIDE), desk.document("fx"), desk.ask("fx", "/rates")])
    logs = operated.kubectl("logs", "-l", "app.kubernetes.io/part-of=kurs", "--tail=-1")
    assert TOKEN not in shown + logs
