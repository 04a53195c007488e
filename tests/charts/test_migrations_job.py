"""When migrations run: before an upgrade, or beside a database that comes with the release."""

import pytest
from tests.charts.conftest import Render, of_kind

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
        (url,) = [e for e in migrate["env"] if e["name"] == "KURS_DATABASE_URL_FILE"]
        assert url in serve["env"]
        (volume,) = [v for v in job["volumes"] if v["name"] == "database"]
        assert volume in service["volumes"]


def test_no_service_takes_a_migrations_pod_for_its_own(render: Render) -> None:
    documents = render("kurs", "dev")
    for name in STORES:
        job = of_kind(documents, "Job")[f"{name}-migration-1"]["spec"]["template"]["metadata"]
        selector = of_kind(documents, "Service")[name]["spec"]["selector"]
        assert not selector.items() <= job["labels"].items()
