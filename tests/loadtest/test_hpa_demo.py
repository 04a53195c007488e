"""The HPA demo's plan, figures, verdict and picture; tests/cluster runs it as a whole."""

from typing import Any
from xml.etree import ElementTree

import pytest

from kurs.kernel.money import parse_amount
from loadtest.hpa_demo.job import dns_rules, job, policy
from loadtest.hpa_demo.picture import draw
from loadtest.hpa_demo.plan import AMOUNTS, PAYERS, Plan
from loadtest.hpa_demo.screen import sentence
from loadtest.hpa_demo.series import (
    Limits,
    Pace,
    Sample,
    Scaled,
    axis,
    limits_in,
    load_in,
    milliseconds_in,
    services_in,
)
from loadtest.hpa_demo.verdict import Counts, complaints, counts_in, money_complaints

PLAN = Plan("hpa-demo-1", (20, 60, 20), 10)
LIMITS = {"payments": Limits(1, 4), "api-gateway": Limits(1, 4)}
TIMES = PLAN.funding().times


def sample(second: float, payments: int, gateway: int = 1, wanted: int = 0) -> Sample:
    services = {
        "payments": Scaled(payments, wanted or payments, 70),
        "api-gateway": Scaled(gateway, gateway, None),
    }
    return Sample(second, services, 60, 58.4, 41.6)


def left_after(counts: Counts) -> dict[str, int]:
    return {
        currency: parse_amount(amount, currency) * (PAYERS * TIMES - counts.captured[currency])
        for currency, amount in AMOUNTS.items()
    }


def counts(**changed: Any) -> Counts:
    captured = {"EUR": 10, "IDR": 10, "USD": 10}
    return Counts(
        **{"begun": 30, "captured": captured, "failed": 0, "unresolved": 0, "dropped": 0} | changed
    )


def test_every_payer_is_funded_for_all_that_the_steps_can_pay() -> None:
    rows = PLAN.rows()

    assert len({(row.source_account, row.currency) for row in rows}) == PAYERS * len(AMOUNTS)
    assert len(rows) * TIMES >= PLAN.most_payments == 1000
    # The k6 script reaches every payee from 0 to PAYERS.
    assert len({row.destination_account for row in rows}) == PAYERS + 1


def test_the_wanted_rate_follows_the_steps() -> None:
    assert [PLAN.wanted(second) for second in (0, 9.9, 10, 29, 30, -1)] == [20, 20, 60, 20, 0, 0]


@pytest.mark.parametrize(
    ("steps", "seconds"), [((), 10), ((0,), 10), ((5000,), 10), ((20,), 1), ((20, 20), 1900)]
)
def test_a_load_without_bounds_is_refused(steps: tuple[int, ...], seconds: int) -> None:
    with pytest.raises(ValueError, match="step"):
        Plan("run", steps, seconds)


def test_the_pace_is_that_of_the_last_seconds() -> None:
    pace = Pace()
    pace.add(0.0, 9000.0)
    for number in range(100):
        pace.add(10.0, float(number + 1))

    assert pace.figures(10.0) == (20.0, 95.0)
    assert pace.figures(20.0) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("line", "milliseconds"),
    [
        ("payment USD 12 CAPTURED", 12.0),
        ("payment USD 12 FAILED risk_declined", 12.0),
        ("unresolved hpa-demo-1-7", None),
        ("payment USD soon CAPTURED", None),
        ("", None),
    ],
)
def test_lines_of_the_load_are_read(line: str, milliseconds: float | None) -> None:
    assert milliseconds_in(line) == milliseconds


def test_the_cluster_is_read() -> None:
    autoscaler = {
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "payments"},
        "spec": {"scaleTargetRef": {"name": "payments"}, "minReplicas": 2, "maxReplicas": 5},
        "status": {
            "currentMetrics": [{"resource": {"name": "cpu", "current": {"averageUtilization": 81}}}]
        },
    }
    deployment = {
        "kind": "Deployment",
        "metadata": {"name": "payments"},
        "spec": {"replicas": 3},
        "status": {"readyReplicas": 2},
    }
    finished = {
        "kind": "Job",
        "metadata": {"name": "hpa-demo-1"},
        "status": {"conditions": [{"type": "Complete", "status": "True"}]},
    }

    assert limits_in({"items": [autoscaler]}) == {"payments": Limits(2, 5)}
    assert services_in([autoscaler, deployment]) == {"payments": Scaled(2, 3, 81)}
    assert load_in([finished]) == "done"
    assert load_in([{**finished, "status": {}}]) == "running"
    assert load_in([]) == "gone"


def test_a_run_that_scales_out_and_in_is_right() -> None:
    assert not complaints([sample(0, 1), sample(60, 3, 2), sample(120, 1)], LIMITS, 3)


def test_a_run_that_stays_small_or_large_is_not() -> None:
    assert complaints([sample(0, 1), sample(60, 2), sample(120, 1)], LIMITS, 3) == [
        "payments scaled out to 2 pods only, not to 3"
    ]
    assert complaints([sample(0, 1), sample(60, 3), sample(120, 3, 2)], LIMITS, 3) == [
        "payments did not scale back in to 1: it still has 3 pods",
        "api-gateway did not scale back in to 1: it still has 2 pods",
    ]
    # Three pods that were there before are no scaling out.
    assert complaints([sample(0, 3), sample(9, 3)], {"payments": Limits(3, 9)}, 3) == [
        "payments scaled out to 3 pods only, not to 4"
    ]


def test_money_that_is_where_it_belongs_is_right() -> None:
    assert not money_complaints(counts(), left_after(counts()), TIMES, [])


@pytest.mark.parametrize(
    ("seen", "complaint"),
    [
        (counts(begun=31, failed=1), "1 payments failed"),
        (counts(begun=31, unresolved=1), "1 payments got no final status"),
        (counts(begun=32), "2 payments got no final status"),
        (counts(begun=0, captured=dict.fromkeys(AMOUNTS, 0)), "nothing was paid"),
    ],
)
def test_a_payment_that_failed_or_is_open_is_not(seen: Counts, complaint: str) -> None:
    assert money_complaints(seen, left_after(seen), TIMES, []) == [complaint]


def test_money_that_is_elsewhere_is_not() -> None:
    left = left_after(counts()) | {"USD": left_after(counts())["USD"] - 125}
    wrong = money_complaints(counts(), left, TIMES, ["EUR 0.01"])

    assert wrong[0].startswith("lost or moved twice: payers have")
    assert wrong[1] == "the ledger does not sum to zero in EUR 0.01"


def test_counts_are_the_last_line_of_the_log() -> None:
    log = (
        "payment USD 12 CAPTURED\n"
        'summary {"begun":1,"captured":{"USD":1},"failed":0,"unresolved":0,"dropped":2}\n'
    )

    assert counts_in(log) == Counts(1, {"USD": 1}, 0, 0, 2)
    assert counts_in("payment USD 12 CAPTURED\n") is None


def test_the_load_reaches_dns_and_the_gateway_only() -> None:
    dns = {
        "ports": [{"port": 53, "protocol": "UDP"}],
        "to": [{"ipBlock": {"cidr": "192.0.2.1/32"}}],
    }
    other = {"ports": [{"port": 8081}]}
    policies = {"items": [{"metadata": {"name": "api-gateway"}, "spec": {"egress": [dns, other]}}]}
    rules = dns_rules(policies)

    assert rules == [dns]
    assert dns_rules({"items": []}) is None
    egress = policy(PLAN, rules)["spec"]["egress"]
    assert [rule["ports"][0]["port"] for rule in egress] == [53, 8080]


def test_the_key_of_the_load_is_in_no_manifest() -> None:
    container = job(PLAN, "k6", "keys", "api-key")["spec"]["template"]["spec"]["containers"][0]
    key = next(variable for variable in container["env"] if variable["name"] == "API_KEY")

    assert key == {
        "name": "API_KEY",
        "valueFrom": {"secretKeyRef": {"name": "keys", "key": "api-key"}},
    }


def test_a_sample_is_one_line_of_text() -> None:
    assert sentence("load", sample(42, 2, wanted=3)) == (
        "  42 s  load: 58 of 60 payments/s, p95 42 ms; "
        "payments 2 of 3 pods, CPU 70 %; api-gateway 1 of 1 pods"
    )


@pytest.mark.parametrize("samples", [[], [sample(0, 1)], [sample(0, 1), sample(60, 3)]])
def test_the_picture_is_well_formed(samples: list[Sample]) -> None:
    root = ElementTree.fromstring(draw("A <run> & its end", samples, 30))
    texts = "".join(root.itertext())

    assert "A <run> & its end" in texts
    assert "pods that serve" in texts
    assert ("api-gateway" in texts) == bool(samples)


@pytest.mark.parametrize("most", [0.4, 1, 3, 7, 99, 101, 4321])
def test_an_axis_has_a_few_round_marks_beyond_the_largest_value(most: float) -> None:
    marks = axis(most)

    assert marks[0] == 0
    assert marks[-1] >= most
    assert 3 <= len(marks) <= 7
