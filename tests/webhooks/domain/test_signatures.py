"""Signatures by Standard Webhooks: which secrets are some, and what proves a request."""

import base64
import hmac

import pytest

from webhooks.domain.signing import SecretMalformed, read_secrets, signed_headers


def secret(count: int) -> str:
    return "whsec_" + base64.b64encode(bytes(range(count))).decode()


ONE, OTHER = secret(24), secret(64)


def test_one_secret_or_two_are_read() -> None:
    assert read_secrets(ONE) == [ONE]
    assert read_secrets(f"{ONE} , {OTHER}") == [ONE, OTHER]


@pytest.mark.parametrize(
    "text",
    ["", ONE[6:], "whsec_", "whsec_%%%", secret(23), secret(65), f"{ONE},", f"{ONE},{ONE},{ONE}"],
)
def test_what_is_no_secret_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(SecretMalformed) as refused:
        read_secrets(text)
    assert ONE not in str(refused.value)


def test_each_secret_in_force_proves_a_request() -> None:
    now = 1_767_225_600_999_999
    headers = signed_headers([ONE, OTHER], "evt_1", b'{"a":1}', now)
    assert headers["webhook-id"] == "evt_1"
    assert headers["webhook-timestamp"] == "1767225600"
    signed = b'evt_1.1767225600.{"a":1}'
    proofs = [hmac.digest(base64.b64decode(s[6:]), signed, "sha256") for s in (ONE, OTHER)]
    expected = [f"v1,{base64.b64encode(proof).decode()}" for proof in proofs]
    assert headers["webhook-signature"].split() == expected
