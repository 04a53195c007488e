"""Keys and passwords: made once where that is wanted, asked for where it is not."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.charts.conftest import ENVIRONMENTS, Document, Refused, Render, of_kind

from api_gateway.key_text import digest, key_id_of
from kurs.kernel.roles import MERCHANT_ROLES, ROLES
from kurs.quotes.keys import SigningKey, VerifyKeys


def content(secret: Document) -> dict[str, str]:
    """Return what a Secret holds, as text."""
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def test_a_generated_api_key_is_one_that_the_gateway_accepts(render: Render) -> None:
    made = content(of_kind(render("kurs", "dev"), "Secret")["kurs-api-keys"])
    (entry,) = json.loads(made["api-keys.json"])

    assert key_id_of(made["api-key"]) == entry["id"]
    assert digest(made["api-key"]) == entry["sha256"]
    assert entry["merchant"] == "demo"
    assert entry["rate"] == "2000/second"
    assert set(entry["roles"]) == set(ROLES)


@pytest.mark.parametrize(
    ("environment", "merchant", "roles"),
    [("staging", "platform", ROLES), ("staging", "shop", MERCHANT_ROLES)],
)
def test_only_a_merchant_of_the_platform_gets_a_key_with_its_roles(
    render: Render, environment: str, merchant: str, roles: tuple[str, ...]
) -> None:
    rendered = render("kurs", environment, "--set", f"secrets.merchant={merchant}")
    (entry,) = json.loads(content(of_kind(rendered, "Secret")["kurs-api-keys"])["api-keys.json"])

    assert entry["merchant"] == merchant
    assert entry["roles"] == list(roles)


@pytest.mark.parametrize("name", ["api-gateway", "kurs-operator"])
def test_the_gateway_and_the_operator_are_given_digests_and_no_key(
    render: Render, name: str
) -> None:
    pod = of_kind(render("kurs", "dev"), "Deployment")[name]["spec"]["template"]["spec"]
    (volume,) = [v for v in pod["volumes"] if v["name"] == "api-keys"]

    assert [item["key"] for item in volume["secret"]["items"]] == ["api-keys.json"]


def test_the_operator_may_ask_for_no_secret(render: Render) -> None:
    roles = of_kind(render("kurs", "dev"), "Role").values()

    assert not [r for role in roles for r in role["rules"] if "secrets" in r["resources"]]


def test_the_operator_follows_the_secret_that_the_gateway_has(render: Render) -> None:
    another = "api-gateway.apiKeys.existingSecret=ours"
    with pytest.raises(Refused, match="name different Secrets"):
        render("kurs", "dev", "--set", another)

    for watched in ("ours", ""):
        both = f"{another},kurs-operator.apiKeys.existingSecret={watched}"
        pod = of_kind(render("kurs", "dev", "--set", both), "Deployment")["kurs-operator"]
        volumes = pod["spec"]["template"]["spec"]["volumes"]
        named = [v["secret"]["secretName"] for v in volumes if "secret" in v]
        assert named == ([watched] if watched else [])


def test_a_generated_quote_key_is_a_pair_and_only_fx_is_given_the_private_one(
    render: Render,
) -> None:
    documents = render("kurs", "dev")
    made = content(of_kind(documents, "Secret")["kurs-quote-keys"])
    signing = SigningKey(made["signing-keys.pem"].encode())
    verify = VerifyKeys(made["verify-keys.pem"].encode())

    assert verify.confirms(signing.key_id, signing.sign(b"a"), b"a")
    mounted = {}
    for name, pod in of_kind(documents, "Deployment").items():
        for volume in pod["spec"]["template"]["spec"]["volumes"]:
            if volume.get("secret", {}).get("secretName") == "kurs-quote-keys":
                mounted[name] = [item["key"] for item in volume["secret"]["items"]]
    assert mounted == {
        "fx": ["signing-keys.pem"],
        "payments": ["verify-keys.pem"],
        "wallet": ["verify-keys.pem"],
    }


def test_a_database_url_has_its_own_role_and_password(render: Render) -> None:
    secrets = of_kind(render("kurs", "dev"), "Secret")
    passwords = set()
    for name in ("wallet", "payments", "risk", "webhooks"):
        for role in (name, f"{name}_owner"):
            made = content(secrets[f"{role.replace('_', '-')}-database"])
            expected = f"postgresql+asyncpg://{role}:{made['password']}@postgresql:5432/{name}"
            assert made["url"] == expected
            passwords.add(made["password"])

    assert len(passwords) == 8


def test_the_ledger_s_heads_are_signed_by_a_key_that_only_the_wallet_has(render: Render) -> None:
    documents = render("kurs", "dev")
    made = of_kind(documents, "Secret")["kurs-ledger-key"]
    key = load_pem_private_key(content(made)["ledger-signing-key.pem"].encode(), None)
    assert isinstance(key, Ed25519PrivateKey)
    for name, deployment in of_kind(documents, "Deployment").items():
        volumes = deployment["spec"]["template"]["spec"]["volumes"]
        secrets = [v["secret"]["secretName"] for v in volumes if "secret" in v]
        assert ("kurs-ledger-key" in secrets) == (name == "wallet")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_generated_secrets_are_kept(render: Render, environment: str) -> None:
    secrets = of_kind(render("kurs", environment), "Secret")

    assert bool(secrets) == (environment != "production")
    for secret in secrets.values():
        assert secret["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_production_takes_no_sampling_from_strangers(render: Render) -> None:
    gateway = of_kind(render("kurs", "production"), "Deployment")["api-gateway"]
    (container,) = gateway["spec"]["template"]["spec"]["containers"]

    assert {"name": "KURS_TRUST_TRACEPARENT", "value": "false"} in container["env"]


def test_the_secret_of_a_source_is_mounted_and_goes_to_the_hosts_that_are_named_for_it(
    render: Render,
) -> None:
    hosts = {"rates-key": ["api.example.org", "backup.example.org"], "other": ["10.0.0.7"]}
    documents = render("kurs", "dev", "--set-json", f"fx.sourceSecrets={json.dumps(hosts)}")
    pod = of_kind(documents, "Deployment")["fx"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    variables = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert variables["KURS_SOURCE_SECRET_HOSTS"] == (
        "other=10.0.0.7,rates-key=api.example.org,rates-key=backup.example.org"
    )
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounted["source-rates-key"] == "/etc/kurs/secrets/rates-key"
    assert {"name": "source-other", "secret": {"secretName": "other"}} in pod["volumes"]
