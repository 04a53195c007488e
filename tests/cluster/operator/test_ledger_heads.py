"""Signed heads of the ledger in a ConfigMap, which the operator's account alone may patch."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.cluster.installation import Installation
from tests.cluster.shell import CommandFailed, eventually, get

from wallet.domain.heads import find_heads

NAME = "kurs-ledger-heads"
ACCOUNT = "--as=system:serviceaccount:{}:{}"


def public_key(operated: Installation) -> Ed25519PublicKey:
    """Return the public half of the key that signs heads."""
    pem = operated.secret("kurs-ledger-key")["ledger-signing-key.pem"]
    key = load_pem_private_key(pem.encode(), None).public_key()
    assert isinstance(key, Ed25519PublicKey)
    return key


def test_a_head_comes_within_two_minutes_signed_as_the_whole_object_shows_it(
    operated: Installation,
) -> None:
    def shown() -> str:
        return json.dumps(get(operated.namespace, "configmap", NAME))

    eventually("a head", lambda: "kurs-head." in shown(), patience=120)

    assert list(find_heads(shown(), [public_key(operated)]))


@pytest.mark.parametrize("service", ["api-gateway", "payments", "fx", "wallet", "risk"])
def test_no_service_may_write_it(operated: Installation, service: str) -> None:
    with pytest.raises(CommandFailed):
        operated.kubectl("auth", "can-i", "patch", f"configmap/{NAME}", _as(operated, service))


def test_the_operator_may_read_and_patch_it_and_delete_nothing(operated: Installation) -> None:
    account = _as(operated, "kurs-operator")
    for verb in ("get", "patch"):
        operated.kubectl("auth", "can-i", verb, f"configmap/{NAME}", account)
    for verb, what in (("delete", f"configmap/{NAME}"), ("get", "configmap/kube-root-ca.crt")):
        with pytest.raises(CommandFailed):
            operated.kubectl("auth", "can-i", verb, what, account)


def _as(operated: Installation, name: str) -> str:
    return ACCOUNT.format(operated.namespace, name)
