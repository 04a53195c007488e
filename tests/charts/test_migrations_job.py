"""When migrations run: before an upgrade, or beside a database that comes with the release."""

import pytest
from tests.charts.conftest import Document, Render, of_kind

STORES = ("wallet", "payments", "risk")


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_with_a_database_of_its_own_a_failed_migration_changes_nothing(
    render: Render, environment: str
) -> None:
    jobs = of_kind(render("kurs", environment), "Job")
    for name in STORES:
        job = jobs[f"{name}-migration"]
        hook = job["metadata"]["annotations"]["helm.sh/hook"]
        assert set(hook.split(",")) == {"pre-install", "pre-upgrade"}


def test_with_a_bundled_database_it_is_a_part_of_the_release(render: Render) -> None:
    jobs = of_kind(render("kurs", "dev"), "Job")
    for name in STORES:
        job = jobs[f"{name}-migration-1"]
        assert "annotations" not in job["metadata"]


def test_a_migration_runs_the_image_and_the_database_of_its_service(render: Render) -> None:
    documents = render("kurs", "dev")
    for name in STORES:
        job = of_kind(documents, "Job")[f"{name}-migration-1"]["spec"]["template"]["spec"]
        service = of_kind(documents, "Deployment")[name]["spec"]["template"]["spec"]
        (migrate,), (serve,) = job["containers"], service["containers"]
        assert migrate["image"] == serve["image"]
        assert migrate["args"] == ["migrate"]
        assert secret_of(service) == f"{name}-database"


@pytest.mark.parametrize("environment", ["dev", "staging", "production"])
def test_another_role_migrates_than_serves(render: Render, environment: str) -> None:
    documents = render("kurs", environment)
    jobs = {n: d for n, d in of_kind(documents, "Job").items() if "-migration" in n}
    assert len(jobs) == len(STORES)
    for name, job in jobs.items():
        service = name.split("-")[0]
        pod = job["spec"]["template"]["spec"]
        (migrate,) = pod["containers"]
        assert secret_of(pod) == f"{service}-owner-database"
        assert {"name": "KURS_DATABASE_SERVICE_ROLE", "value": service} in migrate["env"]


def test_one_role_can_do_both_where_no_other_is_named(render: Render) -> None:
    documents = render("kurs", "staging", "--set", "wallet.database.serviceRole=")
    pod = of_kind(documents, "Job")["wallet-migration"]["spec"]["template"]["spec"]
    assert secret_of(pod) == "wallet-database"
    (migrate,) = pod["containers"]
    assert [e["name"] for e in migrate["env"]] == ["KURS_DATABASE_URL_FILE"]


def secret_of(pod: Document) -> str:
    """Return the Secret that a pod's database URL comes from."""
    (container,) = pod["containers"]
    (file,) = [e["value"] for e in container["env"] if e["name"] == "KURS_DATABASE_URL_FILE"]
    (volume,) = [v for v in pod["volumes"] if v["name"] == "database"]
    assert file == f"/etc/kurs/database/{volume['secret']['items'][0]['path']}"
    return str(volume["secret"]["secretName"])


def test_no_service_takes_a_migrations_pod_for_its_own(render: Render) -> None:
    documents = render("kurs", "dev")
    for name in STORES:
        job = of_kind(documents, "Job")[f"{name}-migration-1"]["spec"]["template"]["metadata"]
        selector = of_kind(documents, "Service")[name]["spec"]["selector"]
        assert not selector.items() <= job["labels"].items()
