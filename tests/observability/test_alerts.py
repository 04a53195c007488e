"""Each alert fires when it must, is silent when it must, and resolves."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from tests.observability.promtool import check, firing, needs_promtool, promtool

from kurs_observability.alert import Alert
from kurs_observability.alerts import GROUPS
from kurs_observability.rules import (
    FOLDER,
    OPERATOR_FILE,
    alert_groups,
    render,
    render_operator,
)
from kurs_observability.slo import burn_alerts, load_slos

RUNBOOKS = Path(__file__).parents[2] / "observability" / "runbooks"
ALERTS = [alert for alerts in GROUPS.values() for alert in alerts]
BURN_ALERTS = [alert for slo in load_slos() for alert in burn_alerts(slo)]


class Story(NamedTuple):
    """Values of series while all is well for 30 min, ill for 60 min, and well again."""

    well: dict[str, str]
    ill: dict[str, str]


def level(series: str, well: float, ill: float) -> Story:
    """Return the story of a gauge."""
    return Story({series: f"{well}x29"}, {series: f"{ill}x59"})


def together(*stories: Story) -> Story:
    return Story(
        {k: v for story in stories for k, v in story.well.items()},
        {k: v for story in stories for k, v in story.ill.items()},
    )


def rate(series: str, well: int, ill: int) -> Story:
    """Return the story of a counter, by its growth a minute."""
    return Story({series: f"0+{well}x29"}, {series: f"{30 * well}+{ill}x59"})


N = 'namespace="n"'
CONTAINER = f'{N},pod="wallet-1",container="wallet"'
AGE = f'kurs_fx_rate_age_seconds{{{N},pod="p",base="USD",quote="IDR",source="%s"}}'
LIMIT = f'kurs_fx_rate_max_age_seconds{{{N},pod="p",base="USD",quote="IDR",source="%s"}}'
POOL = f'kurs_database_connections{{{N},pod="p",state="%s"}}'
GENERATION = f'kurs_config_applied_generation{{{N},pod="%s",kind="FXRateSource",name="s"}}'
UNTAKEN = f'kurs_resource_condition{{{N},kind="EventDestination",name="o",type="Ready"}}'
CONDITION = f'kurs_resource_condition{{{N},kind="RiskThreshold",name="t",type="Ready"}}'
BATCHER = f'{N},pod="p",batcher="http-wallet"'

STORIES = {
    "KursEdgeRefused": rate(f'kurs_edge_refusals_total{{{N},job="wallet",reason="mac"}}', 0, 5),
    "KursLedgerImbalance": level(f'kurs_wallet_ledger_imbalance{{{N},currency="USD"}}', 0, -5),
    "KursLedgerTampered": level(f"kurs_wallet_ledger_findings{{{N}}}", 0, 2),
    "KursPaymentMissing": level(f"kurs_payments_missing{{{N}}}", 0, 1),
    "KursUnknownTransfer": level(f"kurs_payments_unknown_transfers{{{N}}}", 0, 1),
    "KursCustomerBelowLimit": level(f"kurs_wallet_customers_below_limit{{{N}}}", 0, 1),
    "KursLedgerUnaudited": Story(
        {f"kurs_wallet_ledger_audit_timestamp_seconds{{{N}}}": "0+60x29"},
        {f"kurs_wallet_ledger_audit_timestamp_seconds{{{N}}}": "1740x59"},
    ),
    "KursPartitionsShort": level(f'kurs_wallet_partitions_ahead{{{N},table="postings"}}', 2, 1),
    "KursPaymentsUnfinished": level(f"kurs_payments_oldest_pending_seconds{{{N}}}", 3, 400),
    "KursOperationSetAside": level(f"kurs_payments_operations_set_aside{{{N}}}", 0, 1),
    "KursEventsLate": level(f"kurs_payments_oldest_late_event_seconds{{{N}}}", 0, 90),
    "KursUnknownCode": rate(f'kurs_payments_unknown_codes_total{{{N},pod="p"}}', 0, 5),
    "KursBatchStuck": together(
        level(f"kurs_batch_queue_length{{{BATCHER}}}", 9, 9),
        rate(f"kurs_batch_duration_seconds_count{{{BATCHER}}}", 50, 0),
    ),
    "KursQueueShedding": rate(f'kurs_batch_shed_total{{{N},batcher="b",reason="full"}}', 0, 60),
    "KursBreakerOpen": level(
        f'kurs_circuit_breaker_state{{{N},job="payments",target="wallet"}}', 1, 2
    ),
    "KursDatabasePoolExhausted": together(
        level(POOL % "in_use", 4, 8), level(POOL % "limit", 8, 8)
    ),
    "KursTargetDown": together(
        level(f'up{{{N},job="payments",pod="a"}}', 0, 0),
        level(f'up{{{N},job="payments",pod="b"}}', 1, 0),
    ),
    "KursTargetVanished": Story(
        {f'up{{{N},job="payments",pod="a"}}': "1x29"}, {f'up{{{N},job="payments",pod="a"}}': "_x59"}
    ),
    "KursLoopStoodStill": together(
        level(f"kube_pod_container_status_last_terminated_exitcode{{{CONTAINER}}}", 0, 27),
        rate(f"kube_pod_container_status_restarts_total{{{CONTAINER}}}", 0, 1),
    ),
    "KursLogLinesLost": rate(f'kurs_log_lines_dropped_total{{{N},job="wallet",pod="p"}}', 0, 5),
    "KursTracesLost": rate(f'kurs_trace_spans_exported_total{{{N},job="fx",result="lost"}}', 0, 5),
    "KursPairStale": together(
        level(AGE % "live", 99, 99),
        level(LIMIT % "live", 60, 60),
        level(AGE % "spare", 59, 61),
        level(LIMIT % "spare", 60, 60),
    ),
    "KursRateSourceStale": together(level(AGE % "live", 50, 99), level(LIMIT % "live", 60, 60)),
    "KursRateSourceUnhealthy": level(f'kurs_fx_source_healthy{{{N},source="s"}}', 1, 0),
    "KursRiskRatesOld": level(f"kurs_risk_rates_age_seconds{{{N}}}", 5, 400),
    "KursWebhookDestinationFailing": level(
        f'kurs_webhooks_destinations{{{N},state="failing"}}', 0, 2
    ),
    "KursWebhooksLate": level(f"kurs_webhooks_oldest_waiting_seconds{{{N}}}", 5, 400),
    "KursWebhooksEventsUnread": level(f"kurs_webhooks_unread_events{{{N}}}", 0, 1),
    "KursWebhooksFeedUnread": rate(f"kurs_webhooks_feed_failures_total{{{N}}}", 0, 30),
    "KursConfigRefused": rate(f'kurs_config_reload_failures_total{{{N},job="fx"}}', 0, 1),
    "KursApiKeyExpiresSoon": level(f"kurs_gateway_keys_expiring{{{N}}}", 0, 2),
    "KursApiKeysUnreadable": rate(f"kurs_gateway_keys_reload_failures_total{{{N}}}", 0, 1),
    "KursConfigDiverged": together(level(GENERATION % "a", 4, 5), level(GENERATION % "b", 4, 4)),
    # A receiver that takes nothing is its merchant's, and never this alert's.
    "KursResourceNotReady": together(level(CONDITION, 1, 0), level(UNTAKEN, 0, 0)),
    "KursOperatorFailing": rate(f"kurs_operator_faults_total{{{N}}}", 0, 2),
    "KursLedgerHeadsUnkept": rate(
        f'kurs_operator_ledger_heads_total{{{N},result="unreachable"}}', 0, 1
    ),
    "KursOperatorStuck": together(
        level(f"kurs_operator_queue_depth{{{N}}}", 2, 2),
        rate(f'kurs_operator_reconcile_total{{{N},kind="FXRateSource",result="written"}}', 3, 0),
    ),
}


def test_every_alert_has_a_story() -> None:
    assert {alert.name for alert in ALERTS} == set(STORIES)


@needs_promtool
@pytest.mark.parametrize("alert", ALERTS, ids=lambda a: a.name)
def test_it_fires_is_silent_and_resolves(alert: Alert, tmp_path: Path) -> None:
    well, ill = STORIES[alert.name]
    series = {name: f"{well[name]} {ill[name]} {_healed(well[name], ill[name])}" for name in well}
    groups = [{"name": "one", "rules": [rule_of(alert.name)]}]
    query = firing(alert.name, alert.severity)
    check(tmp_path, groups, series, [("28m", query, 0), ("85m", query, 1), ("125m", query, 0)])


@needs_promtool
def test_rates_that_are_dated_on_purpose_are_not_stale(tmp_path: Path) -> None:
    series = {AGE % "ecb-static": "2592000+60x90", LIMIT % "ecb-static": "315360000x90"}
    silent = [
        ("80m", firing("KursPairStale", "critical"), 0.0),
        ("80m", firing("KursRateSourceStale", "warning"), 0.0),
    ]
    check(tmp_path, alert_groups(), series, silent)


@needs_promtool
@pytest.mark.parametrize(("up", "fires"), [("1x90", 1.0), ("1x29 0x60", 0.0)])
def test_a_wallet_that_knows_of_no_partitions_makes_none(
    tmp_path: Path, up: str, fires: float
) -> None:
    """After a rollback the metric is gone; where the wallet is down other alerts tell."""
    series = {
        f'kurs_wallet_partitions_ahead{{{N},pod="new",table="postings"}}': "2x29 _x60",
        f'up{{{N},job="wallet",pod="old"}}': up,
    }
    query = firing("KursPartitionsShort", "critical")
    check(tmp_path, alert_groups(), series, [("28m", query, 0), ("85m", query, fires)])


@needs_promtool
def test_an_imbalance_pages_at_the_first_look_and_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "test.yaml").write_text(
        f"""
rule_files: ["{FOLDER / "alerts.yaml"}"]
evaluation_interval: 30s
tests:
  - interval: 30s
    input_series:
      - series: 'kurs_wallet_ledger_imbalance{{namespace="n",currency="IDR"}}'
        values: '0 -7 -7'
    alert_rule_test:
      - eval_time: 30s
        alertname: KursLedgerImbalance
        exp_alerts:
          - exp_labels: {{namespace: n, currency: IDR, severity: critical, part_of: kurs}}
            exp_annotations:
              summary: The ledger of n does not sum to zero in IDR
              description: All postings of the currency sum to 7 minor units.
              runbook_url: observability/runbooks/KursLedgerImbalance.md
              dashboard_url: grafana/d/kurs-ledger-risk?var-namespace=n
"""
    )
    promtool("test", "rules", "test.yaml", folder=tmp_path)


@needs_promtool
def test_promtool_accepts_the_rules() -> None:
    promtool("check", "rules", "alerts.yaml", "slos.yaml", folder=FOLDER)


def test_the_rendered_rules_are_what_the_code_says() -> None:
    rendered = {file.name: file.read_text("utf-8") for file in FOLDER.glob("*.yaml")}
    assert rendered == render(), "run make observability"
    assert OPERATOR_FILE.read_text("utf-8") == render_operator(), "run make observability"


@pytest.mark.parametrize("alert", ALERTS + BURN_ALERTS, ids=lambda a: f"{a.name}-{a.severity}")
def test_it_says_what_to_do(alert: Alert) -> None:
    rule = alert.rule()
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert alert.summary
    assert alert.description.endswith(".")
    text = (RUNBOOKS / f"{alert.name}.md").read_text("utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    assert headings == [alert.name, "Meaning", "Impact", "Diagnosis", "Mitigation"]
    diagnosis = text.split("## Diagnosis")[1].split("## Mitigation")[0]
    assert "```promql" in diagnosis


def test_no_runbook_is_left_of_an_alert_that_went() -> None:
    names = {alert.name for alert in ALERTS + BURN_ALERTS}
    assert {file.stem for file in RUNBOOKS.glob("Kurs*.md")} == names


def rule_of(name: str) -> dict[str, object]:
    """Return a rule as it is shipped."""
    document = yaml.safe_load((FOLDER / "alerts.yaml").read_text("utf-8"))
    rules = [rule for group in document["groups"] for rule in group["rules"]]
    return next(rule for rule in rules if rule["alert"] == name)


def _healed(well: str, ill: str) -> str:
    """Return what follows: a gauge as it was, a counter growing from where it came to."""
    if "+" in well:
        growth = well.split("x")[0].split("+")[1]
        ended = ill.split("x")[0].split("+")
        reached = int(ended[0]) + (59 * int(ended[1]) if len(ended) > 1 else 0)
        # A timestamp that stood still catches up with the clock.
        reached = 90 * int(growth) if len(ended) == 1 else reached
        return f"{reached}+{growth}x59"
    return well.replace("x29", "x59")
