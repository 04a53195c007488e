"""When migrations run: before an upgrade, or in the pods of a release with a database."""

import pytest
from tests.charts.conftest import Document, Render, of_kind

STORES = ("wallet", "payments", "risk", "webhooks")
OUTSIDE = ("staging", "production")
ENVIRONMENTS = ("dev", *OUTSIDE)


def migrations(documents: list[Document]) -> dict[str, Document]:
    """Return the pods that migrate, by service: of Jobs, or of the services themselves."""
    jobs = of_kind(documents, "Job")
    pods = {name: d["spec"]["template"] for name, d in jobs.items() if "-migration-" in name}
    if not pods:
        services = of_kind(documents, "Deployment")
        pods = {name: services[name]["spec"]["template"] for name in STORES}
    return {name.split("-")[0]: pod for name, pod in pods.items()}


def migrate_of(pod: Document) -> Document:
    """Return the container that migrates."""
    containers = pod["spec"].get("initContainers") or pod["spec"]["containers"]
    (container,) = containers
    return dict(container)


def secret_of(pod: Document, container: Document) -> str:
    """Return the Secret that a container's database URL comes from."""
    (file,) = [e["value"] for e in container["env"] if e["name"] == "KURS_DATABASE_URL_FILE"]
    (mounted,) = [
        mount["name"]
        for mount in container["volumeMounts"]
        if mount["mountPath"] == "/etc/kurs/database"
    ]
    (volume,) = [v for v in pod["spec"]["volumes"] if v["name"] == mounted]
    assert file == f"/etc/kurs/database/{volume['secret']['items'][0]['path']}"
    return str(volume["secret"]["secretName"])


@pytest.mark.parametrize("environment", OUTSIDE)
def test_with_a_database_of_its_own_a_failed_migration_changes_nothing(
    render: Render, environment: str
) -> None:
    jobs = of_kind(render("kurs", environment), "Job")
    assert len([name for name in jobs if "-migration-" in name]) == len(STORES)
    for job in jobs.values():
        hook = job["metadata"]["annotations"]["helm.sh/hook"]
        assert set(hook.split(",")) == {"pre-install", "pre-upgrade"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_job_is_a_part_of_the_release(render: Render, environment: str) -> None:
    # It could not be changed, and a rollback would meet it.
    for name, job in of_kind(render("kurs", environment), "Job").items():
        assert "helm.sh/hook" in job["metadata"]["annotations"], name


def test_with_a_bundled_database_pods_migrate_before_they_serve(render: Render) -> None:
    documents = render("kurs", "dev")
    assert not [name for name in of_kind(documents, "Job") if "migration" in name]
    for pod in migrations(documents).values():
        assert [container["name"] for container in pod["spec"]["initContainers"]] == ["migrate"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_migration_runs_the_image_and_the_database_of_its_service(
    render: Render, environment: str
) -> None:
    documents = render("kurs", environment)
    for name, pod in migrations(documents).items():
        service = of_kind(documents, "Deployment")[name]["spec"]["template"]
        (serve,), migrate = service["spec"]["containers"], migrate_of(pod)
        assert migrate["image"] == serve["image"]
        assert migrate["args"] == ["migrate"]
        assert secret_of(service, serve) == f"{name}-database"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_another_role_migrates_than_serves(render: Render, environment: str) -> None:
    found = migrations(render("kurs", environment))
    assert len(found) == len(STORES)
    for service, pod in found.items():
        migrate = migrate_of(pod)
        assert secret_of(pod, migrate) == f"{service}-owner-database"
        assert {"name": "KURS_DATABASE_SERVICE_ROLE", "value": service} in migrate["env"]


def test_a_service_that_migrates_itself_is_not_given_the_owner_s_url(render: Render) -> None:
    for name, deployment in of_kind(render("kurs", "dev"), "Deployment").items():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert "owner-database" not in [m["name"] for m in container["volumeMounts"]], name


def test_one_role_can_do_both_where_no_other_is_named(render: Render) -> None:
    pod = migrations(render("kurs", "staging", "--set", "wallet.database.serviceRole="))["wallet"]
    migrate = migrate_of(pod)
    assert secret_of(pod, migrate) == "wallet-database"
    assert "KURS_DATABASE_SERVICE_ROLE" not in [e["name"] for e in migrate["env"]]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_service_takes_a_job_s_pod_for_its_own(render: Render, environment: str) -> None:
    documents = render("kurs", environment)
    for job in of_kind(documents, "Job").values():
        labels = job["spec"]["template"]["metadata"]["labels"]
        for name, service in of_kind(documents, "Service").items():
            assert not service["spec"]["selector"].items() <= labels.items(), name


def names(documents: list[Document]) -> set[str]:
    """Return the names of the Jobs."""
    return set(of_kind(documents, "Job"))


def test_a_job_is_named_by_what_it_runs(render: Render) -> None:
    before = names(render("kurs", "staging"))

    assert names(render("kurs", "staging", "--set", "wallet.replicaCount=3")) == before
    other_image = names(render("kurs", "staging", "--set", "global.image.tag=next"))
    assert not other_image & before
    other_url = names(render("kurs", "staging", "--set", "wallet.database.ownerSecret=other"))
    assert {name.rpartition("-")[0] for name in other_url ^ before} == {"wallet-migration"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_job_that_ended_keeps_its_log_for_a_day(render: Render, environment: str) -> None:
    for name, job in of_kind(render("kurs", environment), "Job").items():
        policies = job["metadata"]["annotations"]["helm.sh/hook-delete-policy"]
        assert policies == "before-hook-creation", name
        # Its own deadline would take the pods away, and their log.
        assert "activeDeadlineSeconds" not in job["spec"]
        assert job["spec"]["template"]["spec"]["activeDeadlineSeconds"] >= 60
        assert job["spec"]["ttlSecondsAfterFinished"] == 86_400


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_a_job_needs_comes_before_it(render: Render, environment: str) -> None:
    documents = render("kurs", environment)
    policies = of_kind(documents, "NetworkPolicy").values()
    for name, job in of_kind(documents, "Job").items():
        pod = job["spec"]["template"]
        account = of_kind(documents, "ServiceAccount")[pod["spec"]["serviceAccountName"]]
        (policy,) = [
            p
            for p in policies
            if p["spec"]["podSelector"].get("matchLabels", {"": ""}).items()
            <= pod["metadata"]["labels"].items()
            and p["metadata"]["name"] != "default-deny"
        ]
        for needed in (account, policy):
            marks = needed["metadata"]["annotations"]
            assert marks["helm.sh/hook"] == "pre-install,pre-upgrade", name
            weight = int(job["metadata"]["annotations"]["helm.sh/hook-weight"])
            assert int(marks["helm.sh/hook-weight"]) < weight, name


def test_a_migration_is_let_to_the_databases_that_this_release_names(render: Render) -> None:
    peer = '[{"to": [{"ipBlock": {"cidr": "10.9.8.7/32"}}], "port": 6432}]'
    documents = render("kurs", "staging", "--set-json", f"global.network.databases={peer}")
    policy = of_kind(documents, "NetworkPolicy")["wallet-migration"]

    assert {"ports": [{"port": 6432}], "to": [{"ipBlock": {"cidr": "10.9.8.7/32"}}]} in policy[
        "spec"
    ]["egress"]
