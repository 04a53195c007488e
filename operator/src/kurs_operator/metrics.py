"""What the operator measures. Label values are kinds, names of resources, and fixed words."""

from collections.abc import Iterable, Mapping

from kurs.telemetry import Telemetry
from kurs_operator.conditions import ResourceStatus
from kurs_operator.documents import SERVICE_OF
from kurs_operator.ruling import Identity

_PROPAGATION_BUCKETS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 120.0)
_VALUES: Mapping[str, float] = {"True": 1.0, "False": 0.0, "Unknown": -1.0}


class OperatorMetrics:
    """The instruments of the operator."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.propagation = telemetry.histogram(
            "kurs_config_propagation_seconds",
            "From an edit to the last pod's acknowledgement; 60 for one that stalls",
            ("kind",),
            buckets=_PROPAGATION_BUCKETS,
        )
        # The promise of propagation counts from the first edit on.
        for kind in SERVICE_OF:
            self.propagation.labels(kind)
        self.reconciles = telemetry.counter(
            "kurs_operator_reconcile_total",
            "Resources looked at, by kind and result: written, unchanged or failed",
            ("kind", "result"),
        )
        self.depth = telemetry.gauge(
            "kurs_operator_queue_depth", "Changes that wait to be looked at"
        )
        self.writes = telemetry.counter(
            "kurs_operator_documents_written_total",
            "Documents applied, by service and cause: changed, or repaired after another's edit",
            ("service", "cause"),
        )
        self.faults = telemetry.counter(
            "kurs_operator_faults_total", "Steps that failed and are retried"
        )
        self.heads = telemetry.counter(
            "kurs_operator_ledger_heads_total",
            "Rounds for the ledger's signed head: kept, unreachable (none came) or unwritten",
            ("result",),
        )
        # An alert counts these from the first one on.
        for result in ("kept", "unreachable", "unwritten"):
            self.heads.labels(result)
        self.head_at = telemetry.gauge(
            "kurs_operator_ledger_head_timestamp_seconds",
            "When the newest head was true that the ConfigMap of the ledger's heads holds",
        )
        self._conditions = telemetry.gauge(
            "kurs_resource_condition",
            "A condition of a resource: 1 true, 0 false, -1 unknown",
            ("kind", "name", "type"),
        )
        self._shown: set[tuple[str, str, str]] = set()

    def show(self, statuses: Iterable[tuple[Identity, ResourceStatus]]) -> None:
        """Show the conditions of all resources; what is gone goes from the metrics."""
        shown: set[tuple[str, str, str]] = set()
        for identity, status in statuses:
            for condition in status.conditions:
                labels = (identity.kind, identity.name, condition.type)
                self._conditions.labels(*labels).set(_VALUES[condition.status])
                shown.add(labels)
        for labels in self._shown - shown:
            self._conditions.remove(*labels)
        self._shown = shown
