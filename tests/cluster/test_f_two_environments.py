"""Two environments in one cluster, side by side: neither knows the other's accounts or keys."""

import asyncio

from tests.cluster.conftest import NewInstallation
from tests.cluster.installation import Installation

from loadtest.client import Answer, GatewayClient
from loadtest.load import Load


def ask(installation: Installation, key: str, path: str) -> Answer:
    """Return the answer of an environment's gateway to a key, whatever it is."""

    async def send() -> Answer:
        async with GatewayClient(installation.gateway(), key, 1) as client:
            return await client.send("GET", path, None, {})

    return asyncio.run(send())


def test_environments_do_not_touch_each_other(
    dev: Installation, new_installation: NewInstallation
) -> None:
    other = new_installation()
    other.upgrade("--set", "global.environment=staging")
    dev.wait_ready()
    with (
        Load(dev.gateway(), dev.api_key(), "here") as here,
        Load(other.gateway(), other.api_key(), "there") as there,
    ):
        other.helm("test", "kurs", "--timeout", "5m")
        accounts = [here.finish(), there.finish()]
    for account in accounts:
        account.prove(at_least=1)

    assert other.api_key().startswith("kurs_staging_")
    assert ask(dev, other.api_key(), "/rates").status == 401
    assert ask(dev, dev.api_key(), "/balance/ACC_SRC_here_0").status == 200
    assert ask(other, other.api_key(), "/balance/ACC_SRC_here_0").status == 404
    assert ask(dev, dev.api_key(), "/balance/ACC_SRC_there_0").status == 404
