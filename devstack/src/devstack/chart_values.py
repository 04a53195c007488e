"""What the values of every chart look like, as pieces of JSON Schema.

The counterpart of charts/service-lib/values.yaml, which says what each value is for.
"""

from typing import Any

Schema = dict[str, Any]


def closed(description: str, **properties: Schema) -> Schema:
    """Return an object that has these properties and no others."""
    return {
        **_described(description, "object"),
        "additionalProperties": False,
        "properties": properties,
    }


def mapping(description: str, values: Schema) -> Schema:
    """Return an object with any keys."""
    return {**_described(description, "object"), "additionalProperties": values}


def items(description: str, item: Schema | None = None) -> Schema:
    """Return a list; of objects in a form of Kubernetes unless `item` is given."""
    return {**_described(description, "array"), "items": item or {"type": "object"}}


def text(description: str, *, least: int = 0, pattern: str = "") -> Schema:
    """Return a string."""
    bounds: Schema = {"minLength": least} if least else {}
    return {
        **_described(description, "string"),
        **bounds,
        **({"pattern": pattern} if pattern else {}),
    }


def choice(description: str, *values: str) -> Schema:
    """Return one of some strings."""
    return {**_described(description, "string"), "enum": list(values)}


def flag(description: str) -> Schema:
    """Return a boolean."""
    return _described(description, "boolean")


def whole(description: str, least: int = 0, most: int | None = None) -> Schema:
    """Return an integer within bounds."""
    bounds: Schema = {"minimum": least} if most is None else {"minimum": least, "maximum": most}
    return {**_described(description, "integer"), **bounds}


def number(description: str, most: float) -> Schema:
    """Return a number from 0; `--set` gives one with a point as text."""
    text = r"^(0(\.[0-9]+)?|1(\.0+)?)$" if most == 1 else r"^[0-9]+(\.[0-9]+)?$"
    return {
        "type": ["number", "string"],
        "description": description,
        "minimum": 0,
        "maximum": most,
        "pattern": text,
    }


def _described(description: str, kind: str) -> Schema:
    return {"type": kind, **({"description": description} if description else {})}


def _quantity(description: str) -> Schema:
    return {
        "type": ["string", "number"],
        "description": description,
        "pattern": r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$",
    }


def _probe(description: str) -> Schema:
    return closed(
        description,
        initialDelaySeconds=whole("Before the first look."),
        periodSeconds=whole("Between two looks.", 1),
        failureThreshold=whole("Failures in a row that count.", 1),
        timeoutSeconds=whole("For an answer.", 1),
    )


def _scaling(description: str) -> Schema:
    return closed(
        description,
        stabilizationWindowSeconds=whole("How long back the wishes are looked at.", 0, 3600),
        percent=whole("Of the pods that there are, in one period.", 1),
        periodSeconds=whole("", 1, 1800),
    )


_VARIABLE: Schema = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "not": {"pattern": "^KURS_"}}},
}
_AMOUNTS = mapping("", _quantity("An amount of a resource."))
_PEERS = items("NetworkPolicy peers.")

GLOBAL = closed(
    "What all parts of an installation share.",
    environment=choice("Production refuses fault switches.", "dev", "staging", "production"),
    image=closed(
        "Where images come from.",
        registry=text("Put before every repository."),
        tag=text("Of images that name no tag or digest."),
        pullPolicy=choice("", "IfNotPresent", "Always", "Never"),
        pullSecrets=items("Secrets for the registry.", closed("", name=text("", least=1))),
    ),
    database=closed(
        "The databases of the services.",
        bundled=flag("Whether charts/postgresql is installed in the same release."),
    ),
    telemetry=closed(
        "Where traces go.",
        otlpEndpoint=text("OTLP over HTTP; empty: nowhere.", pattern="^(https?://[^/]+.*)?$"),
        traceRatio=number("The share of payments that is traced.", 1),
    ),
    network=closed(
        "NetworkPolicies, and whom they let in or out beyond the services.",
        enabled=flag("Whether policies are rendered."),
        dns=_PEERS,
        collector=_PEERS,
        prometheus=_PEERS,
        databases=items(
            "Servers of databases that are not bundled.",
            closed("", to=_PEERS, port=whole("", 1, 65535)),
        ),
    ),
)

SERVICE: Schema = {
    "global": GLOBAL,
    "service-lib": {"type": "object"},
    "replicaCount": whole("Pods; ignored while autoscaling is on."),
    "image": closed(
        "The image.",
        repository=text("Empty: kurs/<name of the chart>."),
        tag=text("Empty: global.image.tag, else the chart's appVersion."),
        digest=text("Wins over the tag.", pattern="^(sha256:[0-9a-f]{64})?$"),
    ),
    "resources": closed("Of the container.", requests=_AMOUNTS, limits=_AMOUNTS),
    "env": items("More variables, none of Kurs's own: these have values of their own.", _VARIABLE),
    "volumes": items("More volumes.", {"type": "object", "required": ["name"]}),
    "volumeMounts": items("More mounts.", {"type": "object", "required": ["name", "mountPath"]}),
    "podAnnotations": mapping("Of the pods.", text("")),
    "nodeSelector": mapping("Labels of nodes.", text("")),
    "tolerations": items("Taints that pods bear."),
    "affinity": {"type": "object"},
    "priorityClassName": text("Empty: none."),
    "autoscaling": closed(
        "A HorizontalPodAutoscaler.",
        enabled=flag("Whether it owns the number of pods."),
        minReplicas=whole("", 1),
        maxReplicas=whole("", 1),
        cpu=whole("Percent of the requested CPU to hold.", 1, 1000),
        scaleUp=_scaling("How fast pods are added."),
        scaleDown=_scaling("How fast pods are taken away."),
    ),
    "disruptionBudget": closed(
        "How many pods a drain of nodes may take at once.",
        enabled=flag("Rendered above one replica only."),
        maxUnavailable={"type": ["integer", "string"], "pattern": "^[0-9]+%$", "minimum": 1},
    ),
    "spread": closed(
        "When replicas cannot be spread.",
        hostname=choice("Over nodes.", "ScheduleAnyway", "DoNotSchedule"),
        zone=choice("Over zones.", "ScheduleAnyway", "DoNotSchedule"),
    ),
    "shutdown": closed(
        "How a pod goes.",
        preStopSeconds=whole("Before SIGTERM, while endpoints forget it.", 0, 60),
        drainSeconds=number("After it, closing connections.", 60),
        graceSeconds=whole("Before it is killed; more than the others together.", 10, 600),
    ),
    "probes": closed(
        "Times and counts of the probes.",
        startup=_probe("/healthz, until it answers once."),
        readiness=_probe("/readyz"),
        liveness=_probe("/healthz"),
    ),
    "faults": closed(
        "What the service does wrong on purpose.",
        delaySeconds=number("Before every request.", 60),
        errorRatio=number("The share of requests that is refused.", 1),
        unready=flag("Whether /readyz says no."),
    ),
    "database": closed(
        "The service's data.",
        kind=choice("", "none", "postgresql", "sqlite"),
        existingSecret=text("Secret with the URL; empty: <name of the chart>-database."),
        key=text("Its key.", least=1),
        serviceRole=text(
            "The role in the URL, where another one owns the tables; empty: the same."
        ),
        ownerSecret=text("Secret with the owner's URL; empty: <name of the chart>-owner-database."),
        migrationTimeoutSeconds=whole("Of the Job, its wait for the server included.", 30),
        volume=closed(
            "For sqlite.",
            size=_quantity("Of the volume."),
            storageClassName=text("Empty: the cluster's default."),
        ),
    ),
    "networkPolicy": closed(
        "More rules.",
        extraIngress=items("In a NetworkPolicy's own form."),
        extraEgress=items("In a NetworkPolicy's own form."),
    ),
    "serviceMonitor": closed(
        "For prometheus-operator.",
        enabled=flag("Whether it is rendered."),
        interval=text("Between two scrapes.", pattern="^[0-9]+(ms|s|m)$"),
        labels=mapping("By which a Prometheus selects it.", text("")),
    ),
    "service": closed(
        "The Service.",
        type=choice("", "ClusterIP", "NodePort", "LoadBalancer"),
        nodePort={"anyOf": [{"const": 0}, whole("", 30000, 32767)]},
    ),
    "serviceAccount": closed("The account.", annotations=mapping("", text(""))),
}
