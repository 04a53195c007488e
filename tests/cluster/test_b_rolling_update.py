"""A new version of every service, while payments go on."""

from tests.cluster.installation import NEXT_TAG, SERVICES, Installation

from loadtest.load import Load


def images(installation: Installation) -> set[str]:
    """Return the tags that the services run."""
    return {
        container["image"].rsplit(":", 1)[1]
        for service in SERVICES
        for pod in installation.pods(service)
        for container in pod["spec"]["containers"]
    }


def test_a_new_image_of_every_service_fails_no_payment(dev: Installation) -> None:
    dev.wait_ready()
    with Load(dev.gateway(), dev.api_key(), "roll") as load:
        before = load.count
        dev.upgrade("--set", f"global.image.tag={NEXT_TAG}")
        assert load.count > before, "no payment was made meanwhile"
        account = load.finish()

    assert images(dev) == {NEXT_TAG}
    account.prove(at_least=100)
