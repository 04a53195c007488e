"""The rendered dashboards are what the code says, and hold the rules of Grafana's linter."""

import re
from typing import Any

import pytest
from tests.observability.queries import (
    dashboards,
    filled,
    known_series,
    panel_queries,
    panels,
    runbook_queries,
    selectors,
)

from kurs_observability.alert import Alert
from kurs_observability.alerts import GROUPS
from kurs_observability.dashboards.render import FOLDER, render
from kurs_observability.rules import render as render_rules
from kurs_observability.slo import burn_alerts, load_slos, slo_groups

BOARDS = dashboards()
WANTED = {"payments", "service", "fx", "ledger-risk", "scaling", "operator", "slos"}
RATES = {"rate", "increase", "irate"}
# Not ours, or made by rules that have summed pods up: they carry a namespace, and no job or
# instance of a service.
UNBOUND = ("kube_", "container_", "slo:", "ALERTS")


@pytest.fixture(params=BOARDS.values(), ids=list(BOARDS))
def board(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param
    return found


def variables(board: dict[str, Any]) -> dict[str, Any]:
    return {variable["name"]: variable for variable in board["templating"]["list"]}


def test_the_dashboards_that_were_asked_for_are_there() -> None:
    assert set(BOARDS) == {f"kurs-{name}" for name in WANTED}


def test_the_json_is_what_the_code_says() -> None:
    assert {f.name: f.read_text("utf-8") for f in FOLDER.glob("*.json")} == render()


def test_it_has_a_title_a_purpose_and_links_and_cannot_be_edited(board: dict[str, Any]) -> None:
    assert board["title"].startswith("Kurs / ")
    assert board["description"].endswith(".")
    assert board["links"][0]["tags"] == board["tags"] == ["kurs"]
    assert board["editable"] is False


def test_the_datasource_is_a_variable(board: dict[str, Any]) -> None:
    source = variables(board)["datasource"]
    assert (source["type"], source["query"], source["label"]) == (
        "datasource",
        "prometheus",
        "Data source",
    )


@pytest.mark.parametrize("name", ["namespace", "job", "instance"])
def test_where_to_look_is_a_variable(board: dict[str, Any], name: str) -> None:
    variable = variables(board)[name]
    assert (variable["type"], variable["label"]) == ("query", name.title())
    assert variable["datasource"]["uid"] == "${datasource}"
    assert variable["refresh"] == 2, "to be read anew when the time range changes"
    matched = re.fullmatch(rf"label_values\((.+), {name}\)", variable["query"])
    assert matched
    assert selectors(matched[1])
    if name != "namespace":
        assert (variable["multi"], variable["includeAll"]) == (True, True)
        assert variable["allValue"] == ".+"


def test_every_panel_says_what_it_answers(board: dict[str, Any]) -> None:
    for panel in panels(board):
        assert panel["title"].endswith("?"), panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["targets"], panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(references) == len(set(references))


def test_panels_have_ids_and_titles_of_their_own(board: dict[str, Any]) -> None:
    for key in ("id", "title"):
        values = [panel[key] for panel in panels(board)]
        assert len(values) == len(set(values)), key


def test_nothing_overlaps(board: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels(board):
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize(
    ("uid", "title", "query"), panel_queries(), ids=lambda text: text[:40].replace(" ", "_")
)
def test_a_query_holds_the_rules(uid: str, title: str, query: str) -> None:
    known = known_names()
    ranges = re.findall(r"\[([^\]]+)\]", query)
    assert set(ranges) <= {"$__rate_interval", "$__range"}, "rates span $__rate_interval"
    for selector in selectors(query):
        assert selector.metric in known, f"{selector.metric} is made by nobody"
        assert selector.labels <= known[selector.metric], selector
        assert "namespace" in selector.labels, selector
        if not selector.metric.startswith(UNBOUND):
            assert {"job", "instance"} <= selector.labels, selector
        if selector.metric.endswith(("_total", "_count", "_bucket", "_sum")):
            assert set(selector.functions) & RATES, f"{selector.metric} is a counter"


def test_legends_name_labels_that_the_query_keeps() -> None:
    for board in BOARDS.values():
        for panel in panels(board):
            for target in panel["targets"]:
                kept = set(re.findall(r"by \(([^)]*)\)", target["expr"]))
                names = {name.strip() for group in kept for name in group.split(",")}
                shown = set(re.findall(r"{{(\w+)}}", target.get("legendFormat") or ""))
                assert shown <= names, (panel["title"], target["expr"])


def test_exemplars_are_asked_for_where_a_trace_helps() -> None:
    asked = [
        (uid, panel["title"])
        for uid, board in BOARDS.items()
        for panel in panels(board)
        if any(target.get("exemplar") for target in panel["targets"])
    ]
    assert ("kurs-payments", "How long do payments take?") in asked
    assert ("kurs-service", "How long do they take?") in asked


@pytest.mark.parametrize(("runbook", "query"), runbook_queries(), ids=lambda text: text[:40])
def test_queries_of_runbooks_read_what_is_there(runbook: str, query: str) -> None:
    for selector in selectors(query):
        assert selector.metric in known_names(), (runbook, selector.metric)
        assert selector.labels <= known_names()[selector.metric], (runbook, selector)


def test_rules_read_what_is_there() -> None:
    alerts = [alert for alerts in GROUPS.values() for alert in alerts]
    burns = [alert for slo in load_slos() for alert in burn_alerts(slo)]
    records = [r["expr"] for g in slo_groups(load_slos()) for r in g["rules"] if "record" in r]
    for query in [*records, *(alert.expr for alert in alerts + burns)]:
        for selector in selectors(query):
            assert selector.metric in known_names(), selector.metric
            assert selector.labels <= known_names()[selector.metric], selector


def test_alerts_lead_to_dashboards_that_exist() -> None:
    alerts: list[Alert] = [alert for alerts in GROUPS.values() for alert in alerts]
    burns = [alert for slo in load_slos() for alert in burn_alerts(slo)]
    assert {alert.dashboard for alert in alerts + burns} <= set(BOARDS)
    assert {slo.dashboard for slo in load_slos()} <= set(BOARDS)
    assert render_rules()


def test_queries_are_promql_that_can_be_refused() -> None:
    with pytest.raises(ValueError, match="unclosed"):
        selectors("sum(rate(up[5m])")
    assert filled("x[$__rate_interval]") == "x[1m]"
    inner = selectors("sum(rate(a_total{job='x'}[5m]))")[0]
    assert (inner.metric, inner.labels, inner.functions) == ("a_total", {"job"}, ("rate",))


_KNOWN: dict[str, set[str]] = {}


def known_names() -> dict[str, set[str]]:
    """Return the series that are made, looked up once."""
    if not _KNOWN:
        _KNOWN.update(known_series())
    return _KNOWN
