"""An edit reaches every pod at once while payments go on, and the status says what is so."""

import base64
import json
import re
import statistics
import time
from collections.abc import Iterator

import httpx
import pytest
import yaml
from tests.cluster.installation import Installation
from tests.cluster.operator.conftest import collector_address
from tests.cluster.operator.prices import PATH, Prices
from tests.cluster.operator.resources import DESK, Resources, source, spread, threshold
from tests.cluster.operator.stand_in import StandIn, stand_in
from tests.cluster.shell import CommandFailed, eventually

from api_gateway.key_entry import KeyEntry, render_entries
from api_gateway.keys import issue
from kurs.config.resources import digest_of
from kurs.kernel.clock import MICROS, from_rfc3339
from kurs_operator.fleet import POKE
from loadtest.load import Load

EDITS = 20


def three_of_four(resources: Resources) -> bool:
    status = resources.get(*DESK).get("status", {})
    return bool(status.get("propagation", {}).get("summary") == "3/4")


def applied_by(asking: httpx.Client, address: str, generation: int) -> bool:
    answer = asking.get(f"http://{address}/internal/config").json()
    return ("desk", generation) in {(s["name"], s["generation"]) for s in answer["sources"]}


def rollout_seconds(resources: Resources) -> float:
    """Return how long the newest rollout took, as the status has it."""
    rollout = resources.get(*DESK)["status"]["propagation"]
    micros = from_rfc3339(rollout["completedAt"]) - from_rfc3339(rollout["startedAt"])
    return micros / MICROS


def pokes(operated: Installation, component: str = "fx") -> dict[str, str]:
    """Return what the operator wrote into each pod, so that its kubelet looks at once."""
    return {
        pod["metadata"]["name"]: pod["metadata"].get("annotations", {}).get(POKE, "")
        for pod in operated.pods(component)
    }


def wait_for_all(asking: httpx.Client, prices: Prices, generation: int, begun: float) -> float:
    """Wait until each pod runs a generation; return how many seconds that took."""
    for address in prices.addresses:
        while not applied_by(asking, address, generation):
            assert time.monotonic() - begun < 120, f"{address}: not within 120 s"
            time.sleep(0.02)
    return time.monotonic() - begun


def test_an_edit_reaches_three_pods_at_once_and_no_price_is_a_mixture(
    operated: Installation, resources: Resources
) -> None:
    resources.apply(spread(10))
    resources.wait_ready(*DESK)
    prices = Prices(operated, ("config_revision", "spread_bps"))
    assert len(prices.addresses) == 3
    spreads = {resources.document("fx")["revision"]: 10}
    took: list[float] = []
    seen: list[float] = []
    # One client for all: to make one takes longer than to ask.
    with (
        Load(operated.gateway(), operated.api_key(), "edits") as load,
        prices,
        operated.asking("fx") as asking,
    ):
        for bps in range(11, 11 + EDITS):
            content = yaml.safe_dump(spread(bps))
            before = pokes(operated)
            begun = time.monotonic()
            applied = operated.kubectl("apply", "-o", "json", "-f", "-", stdin=content)
            generation = json.loads(applied)["metadata"]["generation"]
            took.append(wait_for_all(asking, prices, generation, begun))
            resources.wait_ready(*DESK)
            # Left alone, a kubelet takes a minute and more.
            assert not set(before.items()) & set(pokes(operated).items()), "a pod was not poked"
            seen.append(rollout_seconds(resources))
            spreads[resources.document("fx")["revision"]] = bps
        account = load.finish()

    print(
        f"from kubectl apply to the last of three pods: p50 {statistics.median(took):.2f} s, "
        f"max {max(took):.2f} s; from the operator's first sight of it: "
        f"p50 {statistics.median(seen):.2f} s, max {max(seen):.2f} s; {prices.count} prices"
    )
    account.prove(at_least=20)
    assert prices.seen <= set(spreads.items())
    assert prices.seen >= set(list(spreads.items())[1:-1]), "an edit was never priced by"


def answered(client: httpx.Client) -> int | None:
    """Return the status of an answer, None without one in time: the node has much to do."""
    try:
        return client.get("/accounts").status_code
    except httpx.TransportError:
        return None


def test_the_gateway_s_pods_are_poked_when_an_api_key_is_added_and_when_it_is_revoked(
    operated: Installation,
) -> None:
    there = operated.secret("kurs-api-keys")["api-keys.json"]
    key, entry = issue([], merchant="demo", roles=["read"], environment="dev")
    added = render_entries([*map(KeyEntry.model_validate, json.loads(there)), entry])
    with httpx.Client(
        base_url=operated.gateway(), headers={"authorization": f"Bearer {key}"}
    ) as client:
        for content, status in ((added, 200), (there, 401)):
            digest = digest_of(content.encode())
            encoded = base64.b64encode(content.encode()).decode()
            change = json.dumps({"data": {"api-keys.json": encoded}})
            operated.kubectl("patch", "secret", "kurs-api-keys", "--type=merge", "-p", change)
            eventually(
                "pokes of the gateway's pods",
                lambda d=digest: all(
                    poke.startswith(d) for poke in pokes(operated, "api-gateway").values()
                ),
            )
            eventually(
                f"{status} for the key",
                lambda s=status: answered(client) == s,
            )


def test_status_says_what_the_pods_run_and_events_are_few(resources: Resources) -> None:
    resources.apply(spread(10))
    resources.wait_ready(*DESK)

    content = resources.get(*DESK)
    status = content["status"]

    assert "finalizers" not in content["metadata"]
    assert not any("kopf" in name for name in content["metadata"]["annotations"])
    assert status["propagation"]["summary"] == "3/3"
    assert status["revision"] == resources.document("fx")["revision"]
    assert resources.conditions(*DESK)["SourceHealthy"] == ("True", "Healthy")
    assert resources.events(*DESK)[-1] == ("Normal", "InForce")
    rates = resources.ask("fx", PATH).values()
    assert {rate["config_revision"] for rate in rates} == {status["revision"]}
    assert {rate["source"] for rate in rates} == {"desk"}


def test_one_trace_leads_from_the_reconcile_to_the_apply_in_every_pod(
    resources: Resources,
) -> None:
    store = collector_address()
    if not store:
        pytest.skip("no trace store in this cluster: make monitoring")
    resources.apply(spread(17))
    resources.wait_ready(*DESK)
    trace = resources.document("fx")["traceparent"].split("-")[1]

    def spans() -> list[str]:
        # Tempo answers with OTLP, a Jaeger in its place in a form of its own.
        for url in (f":3200/api/traces/{trace}", f":16686/api/traces/{trace}"):
            try:
                answer = httpx.get(f"http://{store}{url}", headers={"Accept": "application/json"})
            except httpx.TransportError:
                continue
            if answer.status_code == 200:
                return re.findall(r'"(?:name|operationName)":\s*"([a-z ]+)"', answer.text)
        return []

    eventually("the spans of all pods", lambda: spans().count("apply configuration") == 3)
    assert "reconcile" in spans()


def test_the_old_file_gives_the_old_revision(resources: Resources) -> None:
    revisions = []
    for bps in (10, 20, 10):
        resources.apply(spread(bps))
        resources.wait_ready(*DESK)
        revisions.append(resources.document("fx")["revision"])

    assert revisions[0] == revisions[2] != revisions[1]


SLOW = """
import http.server as h
class Slow(h.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer.read_bytes())
h.ThreadingHTTPServer(("", 8082), Slow).serve_forever()
"""


@pytest.fixture
def slow_pod(operated: Installation) -> Iterator[StandIn]:
    """A pod that counts as one of fx and says what a test lets it."""
    # Not `name` and `instance`: the Service must not send it payments.
    labels = {"app.kubernetes.io/part-of": "kurs", "app.kubernetes.io/component": "fx"}
    with stand_in(operated, "slow-fx", SLOW, 8082, labels) as pod:
        yield pod


def test_ready_is_not_claimed_while_a_counted_pod_has_not_applied_it(
    resources: Resources, slow_pod: StandIn
) -> None:
    resources.apply(spread(30))
    generation = resources.get(*DESK)["metadata"]["generation"]
    eventually("three of four", lambda: three_of_four(resources))
    assert resources.conditions(*DESK)["Ready"] == ("False", "Propagating")
    [lagging] = resources.get(*DESK)["status"]["propagation"]["lagging"]
    assert lagging["pod"] == slow_pod.name

    others = resources.ask("fx", "/internal/config")
    applied = next(answer for name, answer in others.items() if name != slow_pod.name)
    slow_pod.say(json.dumps({**applied, "revision": "0" * 16, "error": "spec: is refused"}))
    resources.wait_ready(*DESK)
    assert resources.get(*DESK)["status"]["propagation"]["summary"] == "4/4"

    old = [s for s in applied["sources"] if s["name"] != "desk"]
    slow_pod.say(json.dumps({**applied, "sources": old, "error": "payload: is refused"}))
    resources.wait_for(*DESK, "Ready", "False", "Drifted")
    assert resources.get(*DESK)["metadata"]["generation"] == generation
    assert resources.events(*DESK)[-1] == ("Warning", "Drifted")


def test_a_pod_that_rejects_the_document_is_named_with_its_error(
    resources: Resources, slow_pod: StandIn
) -> None:
    refusal = {"revision": "0" * 16, "error": "payload: is refused", "sources": []}
    slow_pod.say(json.dumps(refusal))

    resources.apply(spread(31))
    eventually("three of four", lambda: three_of_four(resources))

    assert resources.conditions(*DESK)["Propagated"] == ("False", "Rejected")
    [lagging] = resources.get(*DESK)["status"]["propagation"]["lagging"]
    assert (lagging["pod"], lagging["error"]) == (slow_pod.name, "payload: is refused")
    assert resources.conditions(*DESK)["Stalled"][0] == "True"


def test_a_shadow_threshold_is_counted_before_it_is_enforced(
    operated: Installation, resources: Resources
) -> None:
    resources.apply(threshold("trial"))
    resources.wait_ready("RiskThreshold", "trial")

    with Load(operated.gateway(), operated.api_key(), "shadow") as load:
        eventually("payments", lambda: load.count > 20)
        account = load.finish()
    eventually(
        "counts in the status",
        lambda: (
            resources.get("RiskThreshold", "trial")["status"].get("shadow", {}).get("review", 0) > 0
        ),
    )

    account.prove(at_least=20)


def test_a_window_and_a_suspension_take_effect_by_themselves(resources: Resources) -> None:
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 15))
    resources.apply(source("desk", effectiveUntil=until))
    resources.wait_ready(*DESK)

    resources.wait_ready(*DESK, reason="Expired")

    rates = resources.ask("fx", PATH).values()
    assert "desk" not in {rate["source"] for rate in rates}
    resources.apply(source("desk", suspend=True))
    resources.wait_ready(*DESK, reason="Suspended")


def test_a_refused_edit_says_which_field_is_wrong_and_changes_nothing(
    resources: Resources,
) -> None:
    resources.apply(spread(10))
    resources.wait_ready(*DESK)
    revision = resources.document("fx")["revision"]

    with pytest.raises(CommandFailed, match=r"spec\.pairs\[0\]\.spreadBps"):
        resources.apply(spread(1001))
    # The API server knows no list of currencies; the operator does.
    resources.apply(source("desk", baseCurrency="UXD"))
    resources.wait_for(*DESK, "Ready", "False", "Invalid")

    assert resources.document("fx")["revision"] == revision
    assert resources.conditions(*DESK)["Stalled"] == ("True", "Invalid")
