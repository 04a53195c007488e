"""The load within the cluster: a Job that runs k6, its scripts, and its way to the gateway.

The scripts and the policy belong to the Job, so all of it goes with it; the cluster itself removes
a Job that nobody removed.
"""

import json
from pathlib import Path
from typing import Any

from loadtest.hpa_demo.kubectl import Kubectl
from loadtest.hpa_demo.plan import AMOUNTS, PAYERS, Plan

GATEWAY, GATEWAY_PORT = "api-gateway", 8080
IMAGE = "grafana/k6:1.8.1"
GRACE_SECONDS = 120
"""How much longer than its steps the Job may take: to get its image, and to end what is open."""
_KEPT_SECONDS = 60
_UNDER_WAY = 100
_SCRIPTS = Path(__file__).resolve().parents[3] / "k6"
_FILES = ("hpa_demo.js", "gateway.js")
Document = dict[str, Any]


def job(plan: Plan, image: str, secret: str, key: str) -> Document:
    """Return the Job; the API key is the value of `key` in a Secret."""
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(plan, image, secret, key)],
        "volumes": [{"name": "load", "configMap": {"name": plan.run}}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": plan.run, "labels": _labels(plan)},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": plan.seconds + GRACE_SECONDS,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": {"metadata": {"labels": _labels(plan)}, "spec": pod},
        },
    }


def _container(plan: Plan, image: str, secret: str, key: str) -> Document:
    variables = {
        "GATEWAY": f"http://{GATEWAY}:{GATEWAY_PORT}",
        "STEPS": ",".join(map(str, plan.steps)),
        "STEP_SECONDS": str(plan.step_seconds),
        "RUN": plan.run,
        "PAYERS": str(PAYERS),
        "AMOUNTS": json.dumps(dict(AMOUNTS)),
        "VUS": str(_UNDER_WAY),
    }
    api_key = {
        "name": "API_KEY",
        "valueFrom": {"secretKeyRef": {"name": secret, "key": key}},
    }
    return {
        "name": "k6",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["run", "--quiet", "--no-usage-report", "--log-format=raw", "/load/hpa_demo.js"],
        "env": [api_key, *({"name": name, "value": text} for name, text in variables.items())],
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"memory": "512Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "load", "mountPath": "/load", "readOnly": True}],
    }


def policy(plan: Plan, dns: list[Document]) -> Document:
    """Return the policy that lets the load out to DNS (rules as given) and to the gateway."""
    gateway = {
        "app.kubernetes.io/component": GATEWAY,
        "app.kubernetes.io/part-of": "kurs",
    }
    to_gateway = {
        "ports": [{"port": GATEWAY_PORT}],
        "to": [{"podSelector": {"matchLabels": gateway}}],
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": plan.run, "labels": _labels(plan)},
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/instance": plan.run}},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [*dns, to_gateway],
        },
    }


def scripts(plan: Plan) -> Document:
    """Return the ConfigMap with the k6 scripts."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": plan.run, "labels": _labels(plan)},
        "data": {name: (_SCRIPTS / name).read_text("utf-8") for name in _FILES},
    }


def dns_rules(policies: Document) -> list[Document] | None:
    """Return how the gateway's policy reaches DNS; None when the gateway has no policy."""
    for found in policies["items"]:
        if found["metadata"]["name"] == GATEWAY:
            rules: list[Document] = found["spec"].get("egress", [])
            return [r for r in rules if any(p.get("port") == 53 for p in r.get("ports", ()))]
    return None


async def start(kubectl: Kubectl, plan: Plan, image: str, secret: str, key: str) -> None:
    """Create the Job and what belongs to it; its pod starts once the scripts are there."""
    dns = dns_rules(await kubectl.get("networkpolicies"))
    created = await kubectl.create(job(plan, image, secret, key))
    owner = {
        "apiVersion": created["apiVersion"],
        "kind": created["kind"],
        "name": plan.run,
        "uid": created["metadata"]["uid"],
        # The Job is gone only when all of this is.
        "blockOwnerDeletion": True,
    }
    for document in ([] if dns is None else [policy(plan, dns)]) + [scripts(plan)]:
        document["metadata"]["ownerReferences"] = [owner]
        await kubectl.create(document)


async def remove(kubectl: Kubectl, plan: Plan) -> None:
    """Delete the Job with all that belongs to it, if it is there."""
    await kubectl.run(
        *("delete", "job", plan.run, "--ignore-not-found", "--cascade=foreground"),
        "--timeout=60s",
    )


def _labels(plan: Plan) -> dict[str, str]:
    # `test` is whom the gateway lets in when its clients are named.
    return {
        "app.kubernetes.io/name": "hpa-demo",
        "app.kubernetes.io/instance": plan.run,
        "app.kubernetes.io/component": "test",
        "app.kubernetes.io/part-of": "kurs",
    }
