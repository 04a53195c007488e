"""A destination as a resource: applied, paid for, rotated, with every pod of webhooks killed.

The receiver verifies by Standard Webhooks, and writes down what it took and what it refused.
"""

import base64
import json
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
import yaml
from tests.cluster.attempts import attempt, pod_address
from tests.cluster.installation import SERVICES, Installation
from tests.cluster.operator.conftest import RECEIVER, RECEIVER_PORT
from tests.cluster.operator.resources import Resources, resource
from tests.cluster.operator.stand_in import StandIn, stand_in
from tests.cluster.shell import eventually

from loadtest.load import Load

OUTAGE_SECONDS = 60.0
ORDERS = ("EventDestination", "orders")
SECRET, KEY = "kurs-destination-secrets", "orders"
SERVER = """
import base64, hashlib, hmac, http.server as h, json
came = pathlib.Path("/tmp/came")
came.touch()
class Receiver(h.BaseHTTPRequestHandler):
    def do_POST(self):
        told = json.loads(answer.read_text())
        body = self.rfile.read(int(self.headers["content-length"]))
        head = self.headers["webhook-id"] + "." + self.headers["webhook-timestamp"] + "."
        key = base64.b64decode(told["secret"].removeprefix("whsec_"))
        proof = base64.b64encode(hmac.new(key, head.encode() + body, hashlib.sha256).digest())
        given = [s.split(",")[1] for s in self.headers["webhook-signature"].split()]
        good = proof.decode() in given
        status = told.get("status") or (204 if good else 401)
        if status == 204 or not good:
            event = json.loads(body)
            line = [good, len(given), event["sequence"], event["previous_sequence"]]
            with came.open("a") as file:
                file.write(json.dumps([*line, event["payment_id"]]) + "\\n")
        self.send_response(status)
        self.end_headers()
"""
SERVER += f'h.ThreadingHTTPServer(("", {RECEIVER_PORT}), Receiver).serve_forever()\n'


class Came(NamedTuple):
    """A request that the receiver took, or whose signature was bad."""

    good: bool
    signatures: int
    sequence: int
    previous: int | None
    payment_id: str


class Shop:
    """A merchant with a receiver, a secret and a destination."""

    def __init__(self, pod: StandIn, resources: Resources) -> None:
        self._pod = pod
        self.resources = resources
        self.installation = resources.installation

    def apply(self, **spec: Any) -> None:
        content = {
            "merchant": "demo",
            "url": f"http://{RECEIVER}:{RECEIVER_PORT}/hooks",
            "types": ["payment.captured"],
            "secretRef": {"name": SECRET, "key": KEY},
            "allowInsecure": True,
            **spec,
        }
        self.resources.apply(resource(*ORDERS, content))

    def keep(self, *values: str) -> None:
        """Let the Secret hold these, the newest first, and wait until every pod has them."""
        joined = ",".join(values)
        text = base64.b64encode(joined.encode()).decode()
        content = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}}
        stdin = yaml.safe_dump({**content, "data": {KEY: text}})
        self.installation.kubectl("apply", "-f", "-", stdin=stdin)
        mark = f"test.kurs.dev/poke={secrets.token_hex(4)}"
        chosen = "app.kubernetes.io/component=webhooks"
        self.installation.kubectl("annotate", "pods", "-l", chosen, mark, "--overwrite")
        read = f"print(open('/etc/kurs/secrets/{SECRET}/{KEY}').read())"

        def everywhere() -> bool:
            pods = self.installation.ready_pods("webhooks")
            return {self.installation.python(pod, read).strip() for pod in pods} == {joined}

        eventually("the secret in every pod", everywhere)

    def answer(self, secret: str, **more: Any) -> None:
        """Let the receiver know this secret, and answer as `more` says."""
        self._pod.say(json.dumps({"secret": secret, **more}))

    def came(self) -> list[Came]:
        shown = self.installation.python(self._pod.name, "print(open('/tmp/came').read())")
        return [Came(*json.loads(line)) for line in shown.splitlines() if line]

    def until_signed(self, times: int) -> None:
        """Wait until what comes bears so many signatures."""
        seen = len(self.came())
        eventually(f"{times} signatures", lambda: _last(self.came()[seen:]) == times)

    def reached_from(self, components: Sequence[str]) -> set[str]:
        """Return from which of these components a connection to the receiver is made."""
        place = self.installation
        address = f"{pod_address(place, RECEIVER)}:{RECEIVER_PORT}"
        tried = {n: attempt(place, place.ready_pods(n)[0], address)[address] for n in components}
        return {name for name, came in tried.items() if came == "open"}

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.resources.get(*ORDERS)["status"]
        return found

    def wait_not_ready(self, reason: str) -> None:
        self.resources.wait_for(*ORDERS, "Ready", "False", reason)


def _last(came: list[Came]) -> int:
    return came[-1].signatures if came else 0


def new_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


@pytest.fixture
def shop(operated: Installation, resources: Resources) -> Iterator[Shop]:
    """A shop whose receiver listens; it has neither a secret nor a destination yet."""
    with stand_in(operated, RECEIVER, SERVER, RECEIVER_PORT, {}) as pod:
        yield Shop(pod, resources)
        resources.remove_added()
        operated.kubectl("delete", "secret", SECRET, "--ignore-not-found")


@contextmanager
def killed_for_a_minute(operated: Installation) -> Iterator[None]:
    """Let no pod of webhooks be there for a minute at least, and two afterwards."""
    operated.kubectl("scale", "deployment/webhooks", "--replicas=0")
    chosen = ("-l", "app.kubernetes.io/component=webhooks")
    operated.kubectl("delete", "pods", *chosen, "--force", "--grace-period=0")
    ends = time.monotonic() + OUTAGE_SECONDS
    try:
        yield
        time.sleep(max(0.0, ends - time.monotonic()))
    finally:
        operated.kubectl("scale", "deployment/webhooks", "--replicas=2")


def test_events_arrive_while_the_secret_is_rotated_and_every_pod_of_webhooks_is_killed(
    operated: Installation, shop: Shop
) -> None:
    old, new = new_secret(), new_secret()
    shop.answer(old)
    shop.apply()
    # Its secret is not there yet.
    shop.wait_not_ready("Refused")
    shop.keep(old)
    shop.resources.wait_ready(*ORDERS)

    with Load(operated.gateway(), operated.api_key(), "hooks", pause=0.2) as load:
        eventually("events", lambda: len(shop.came()) > 20)
        shop.keep(new, old)
        shop.until_signed(2)
        shop.answer(new)
        shop.keep(new)
        shop.until_signed(1)
        with killed_for_a_minute(operated):
            shop.wait_not_ready("NoPods")
            # It takes a while to see that nothing gets through: the minute is not only waited for.
            others = [name for name in (*SERVICES, "operator") if name != "webhooks"]
            assert shop.reached_from(others) == set()
        shop.resources.wait_ready(*ORDERS)
        assert shop.reached_from(["webhooks"]) == {"webhooks"}
        account = load.finish()

    account.prove(at_least=50)
    paid = {result.row.payment_id for result in account.results}
    eventually("every event", lambda: paid <= {c.payment_id for c in shop.came() if c.good})
    came = shop.came()
    assert [c for c in came if not c.good] == [], "a signature that the receiver could not verify"
    known = {c.sequence for c in came}
    first = min(came, key=lambda c: c.sequence)
    assert [c for c in came if c.previous not in known and c.sequence != first.sequence] == []
    last = max(known)
    eventually("what was taken last", lambda: shop.status().get("deliveredSequence") == last)
    eventually("that nothing waits", lambda: shop.status()["waiting"] == 0)
    assert "orders" in operated.kubectl("get", "evd")


def test_what_a_receiver_does_not_take_is_told_until_it_does_and_describe_says_why(
    operated: Installation, shop: Shop
) -> None:
    secret = new_secret()
    shop.answer(secret, status=500)
    shop.keep(secret)
    shop.apply()
    shop.resources.wait_ready(*ORDERS)
    with Load(operated.gateway(), operated.api_key(), "ill", workers=1) as load:
        shop.wait_not_ready("Retrying")
        load.finish().prove(at_least=1)

    eventually("what waits", lambda: shop.status().get("waiting", 0) >= 1)
    described = operated.kubectl("describe", "evd", "orders")
    for line in ("answered 500", "Retrying", "Oldest Waiting At", "Last Error At"):
        assert line in described
    eventually("an Event", lambda: ("Warning", "Retrying") in shop.resources.events(*ORDERS))
    logs = operated.kubectl("logs", "-l", "app.kubernetes.io/part-of=kurs", "--tail=-1")
    shown = described + logs + json.dumps(shop.resources.document("webhooks"))
    assert secret not in shown
    assert secret.removeprefix("whsec_") not in shown

    shop.answer(secret)
    shop.resources.wait_ready(*ORDERS)
    eventually("that nothing waits", lambda: shop.status()["waiting"] == 0)
    shop.apply(suspend=True)
    shop.wait_not_ready("Suspended")
