"""Renders the dashboards: `python -m kurs_observability.dashboards.render`."""

from pathlib import Path

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from kurs_observability.dashboards.exchange import exchange
from kurs_observability.dashboards.ledger import ledger
from kurs_observability.dashboards.operator import operator
from kurs_observability.dashboards.payments import payments
from kurs_observability.dashboards.promises import promises
from kurs_observability.dashboards.scaling import scaling
from kurs_observability.dashboards.service import service

FOLDER = (
    Path(__file__).resolve().parents[4] / "charts" / "kurs-observability" / "files" / "dashboards"
)
_DASHBOARDS = (payments, service, exchange, ledger, scaling, operator, promises)


def render() -> dict[str, str]:
    """Return the JSON of every dashboard, by file name."""
    built = [_numbered(make()) for make in _DASHBOARDS]
    return {f"{one.uid}.json": _encode(one) for one in built}


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in render().items():
        (FOLDER / name).write_text(text, "utf-8")


def _numbered(built: dashboard.Dashboard) -> Dashboard:
    model = built.build()
    for number, panel in enumerate(model.panels or [], start=1):
        panel.id_val = number
    return model


def _encode(model: Dashboard) -> str:
    return JSONEncoder(sort_keys=True, indent=1).encode(model) + "\n"


if __name__ == "__main__":
    main()
