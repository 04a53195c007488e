"""What every dashboard is made of: its frame, its variables, and a few kinds of panels.

In a query `@` stands for the matchers of the dashboard's variables: `up{@}`, `up{@,job="fx"}`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    GraphTresholdsStyleMode,
    StackingMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    Threshold,
    VariableRefresh,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

MATCHERS = 'namespace="$namespace",job=~"$job",instance=~"$instance"'
NAMESPACE = 'namespace="$namespace"'
SERVICES = "api-gateway|payments|fx|wallet|risk|webhooks"
FOLDER = "Kurs"
SOURCE = DataSourceRef("prometheus", "${datasource}")

Steps = Mapping[str, float]
"""Colours and the value from which each holds, such as {"yellow": 0.25, "red": 0.5}."""


@dataclass(frozen=True, slots=True)
class Query:
    """An expression and the legend of its series."""

    expr: str
    legend: str

    def target(self, ref: str, *, exemplars: bool = False) -> prometheus.Dataquery:
        """Return a range query."""
        built = prometheus.Dataquery().expr(_matched(self.expr)).legend_format(self.legend)
        built = built.datasource(SOURCE).ref_id(ref).range()
        return built.exemplar(True) if exemplars else built


def board(uid: str, title: str, purpose: str, *, jobs: str = SERVICES) -> dashboard.Dashboard:
    """Return an empty dashboard; `jobs` are the services that its queries are about."""
    links = dashboard.DashboardLink("Kurs").type(DashboardLinkType.DASHBOARDS).tags(["kurs"])
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(purpose)
        .tags(["kurs"])
        .readonly()
        .timezone("browser")
        .time("now-30m", "now")
        .refresh("10s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(links.as_dropdown(True).keep_time(True).include_vars(True))
        .with_variable(
            dashboard.DatasourceVariable("datasource").type("prometheus").label("Data source")
        )
        .with_variable(_choice("namespace", "Namespace", f'up{{job=~"{SERVICES}"}}'))
        .with_variable(_many("job", "Job", f'up{{namespace="$namespace",job=~"{jobs}"}}'))
        .with_variable(_many("instance", "Instance", 'up{namespace="$namespace",job=~"$job"}'))
    )


Panel = timeseries.Panel | stat.Panel | table.Panel


def filled(built: dashboard.Dashboard, *parts: Panel | dashboard.Row) -> dashboard.Dashboard:
    """Return `built` with panels and the rows above them, in their order."""
    for part in parts:
        built = built.with_row(part) if isinstance(part, dashboard.Row) else built.with_panel(part)
    return built


def chart(
    title: str,
    answer: str,
    unit: str,
    *queries: Query,
    span: int = 8,
    stacked: bool = False,
    exemplars: bool = False,
    limits: Steps | None = None,
    signed: bool = False,
) -> timeseries.Panel:
    """Return a graph over time; `limits` are drawn as lines."""
    panel = timeseries.Panel().title(title).description(answer).unit(unit).datasource(SOURCE)
    panel = panel.span(span).height(8).fill_opacity(30 if stacked else 8)
    panel = panel if signed else panel.min(0)
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    if limits:
        style = common.GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED)
        panel = panel.thresholds(_thresholds(limits)).thresholds_style(style)
    for ref, query in zip("ABCDEF", queries, strict=False):
        panel = panel.with_target(query.target(ref, exemplars=exemplars))
    return panel


def number(
    title: str, answer: str, unit: str, expr: str, *, limits: Steps | None = None, span: int = 4
) -> stat.Panel:
    """Return the newest value in large figures, coloured by `limits`."""
    reduced = common.ReduceDataOptions().calcs(["lastNotNull"])
    panel = stat.Panel().title(title).description(answer).unit(unit).datasource(SOURCE)
    panel = panel.span(span).height(5).reduce_options(reduced)
    panel = panel.color_mode(BigValueColorMode.VALUE).thresholds(_thresholds(limits or {}))
    return panel.with_target(Query(expr, "").target("A"))


def listing(
    title: str, answer: str, unit: str, expr: str, *, hidden: Sequence[str] = (), span: int = 12
) -> table.Panel:
    """Return a table of the newest values by label; `hidden` labels are left out."""
    query = prometheus.Dataquery().expr(_matched(expr)).datasource(SOURCE).ref_id("A")
    excluded = dict.fromkeys(("Time", "__name__", *hidden), True)
    order = DataTransformerConfig(id_val="organize", options={"excludeByName": excluded})
    panel = table.Panel().title(title).description(answer).unit(unit).datasource(SOURCE)
    panel = panel.span(span).height(8).with_transformation(order)
    return panel.with_target(query.instant().format(PromQueryFormat.TABLE))


def rate(metric: str, *by: str, more: str = "", legend: str = "") -> Query:
    """Return how fast a counter grows a second, summed by labels; they are the legend.

    `more` are matchers beside those of the variables.
    """
    matchers = f"@,{more}" if more else "@"
    grown = f"(rate({metric}{{{matchers}}}[$__rate_interval]))"
    expr = f"sum by ({', '.join(by)}) {grown}" if by else f"sum{grown}"
    return Query(expr, legend or " ".join(f"{{{{{label}}}}}" for label in by))


def quantiles(metric: str, by: str, legend: str, *shares: float, more: str = "") -> list[Query]:
    """Return queries for quantiles of a histogram, by labels such as `job` (or none)."""
    grouped = f"{by}, le" if by else "le"
    rate = f"sum by ({grouped}) (rate({metric}_bucket{{@{more}}}[$__rate_interval]))"
    return [
        Query(f"histogram_quantile({share}, {rate})", f"p{share * 100:g} {legend}".strip())
        for share in shares
    ]


def _thresholds(limits: Steps) -> dashboard.ThresholdsConfig:
    steps = [Threshold(None, "green"), *(Threshold(value, name) for name, value in limits.items())]
    return dashboard.ThresholdsConfig().steps(steps)


def _matched(expr: str) -> str:
    return expr.replace("@", MATCHERS)


def _choice(name: str, label: str, series: str) -> dashboard.QueryVariable:
    variable = dashboard.QueryVariable(name).label(label).datasource(SOURCE)
    variable = variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    return variable.query(f"label_values({series}, {name})")


def _many(name: str, label: str, series: str) -> dashboard.QueryVariable:
    return _choice(name, label, series).multi(True).include_all(True).all_value(".+")
