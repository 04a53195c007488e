"""How the operator connects to the API server, for its own client and for kopf's.

Certificates are verified, but not by X.509's letter: Python 3.13 refuses a certificate authority
that names no key usage, which Go, and so kubectl, the kubelet and many clusters, never asked for.
"""

import ssl
from dataclasses import fields
from typing import Any

import httpx2
import kopf
from lightkube import AsyncClient
from lightkube.config.client_adapter import verify_cluster
from lightkube.config.kubeconfig import KubeConfig

from kurs_operator.cluster import NAME


class _Server(kopf.ConnectionInfo):
    """kopf's connection, verified as leniently as kubectl does."""

    def as_ssl_context(self) -> ssl.SSLContext:
        """Return kopf's context without the strict flag."""
        return lenient(super().as_ssl_context())


def connect(namespace: str | None = None) -> AsyncClient:
    """Return a client by the pod's account, else by KUBECONFIG; raises lightkube's ConfigError."""
    config = KubeConfig.from_env().get()
    assert config is not None, "from_env gives a context or raises"
    assert config.user is not None, "a kubeconfig names its user"
    verify = lenient(verify_cluster(config.cluster, config.user, config.abs_file))
    transport = httpx2.AsyncHTTPTransport(verify=verify)
    return AsyncClient(config, namespace, field_manager=NAME, transport=transport)


def login(settings: kopf.OperatorSettings, **_: Any) -> kopf.ConnectionInfo | None:
    """Log kopf in by the pod's account, else by KUBECONFIG."""
    found = kopf.login_with_service_account(settings=settings)
    found = found or kopf.login_with_kubeconfig(settings=settings)
    if found is None:
        return None
    return _Server(**{f.name: getattr(found, f.name) for f in fields(found) if f.init})


def lenient(context: ssl.SSLContext) -> ssl.SSLContext:
    """Return a context that verifies as kubectl does."""
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
