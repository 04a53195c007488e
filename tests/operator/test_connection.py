"""How the API server is found and verified."""

import ssl
from pathlib import Path

import kopf
import pytest
from tests.operator import builders

from kurs_operator.connection import connect, lenient, login


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "config"
    file.write_text(builders.kubeconfig("https://api.test:6443"))
    monkeypatch.setenv("KUBECONFIG", str(file))
    return file


def test_certificates_are_verified_though_not_by_the_letter():
    strict = ssl.create_default_context()
    strict.verify_flags |= ssl.VERIFY_X509_STRICT

    context = lenient(strict)

    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


async def test_both_clients_go_by_the_same_kubeconfig(kubeconfig: Path):
    client = connect("kurs")
    found = login(settings=kopf.OperatorSettings())

    assert client.config.cluster.server == "https://api.test:6443"
    assert client.namespace == "kurs"
    assert found is not None
    assert (found.server, found.token) == ("https://api.test:6443", "secret-token")
    assert found.as_ssl_context().verify_mode is ssl.CERT_REQUIRED
    await client.close()


def test_without_an_account_and_a_kubeconfig_kopf_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("KUBECONFIG", "")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert login(settings=kopf.OperatorSettings()) is None
