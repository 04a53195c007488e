"""Pods die at random, the database's too, while payments go on."""

import random
import time

from tests.cluster.installation import SERVICES, Installation
from tests.cluster.shell import eventually

from loadtest.load import Load

SECONDS = 60.0
SEED = 7


def test_nothing_is_lost_and_nothing_moves_twice_while_pods_die(dev: Installation) -> None:
    dev.wait_ready()
    chance = random.Random(SEED)
    # Each at least once, the database first, then by chance.
    victims = iter(["postgresql", *chance.sample(SERVICES, len(SERVICES))])
    with Load(dev.gateway(), dev.api_key(), "kill", workers=16) as load:
        until = time.monotonic() + SECONDS
        while (victim := next(victims, None)) or time.monotonic() < until:
            victim = victim or chance.choice(SERVICES)
            names = dev.ready_pods(victim)
            if names:
                # A second, not none: a forced deletion could start the next PostgreSQL beside it.
                dev.kubectl("delete", "pod", names[0], "--grace-period=1", "--wait=false")
            enough = load.count + 5
            eventually(f"payments after {victim} was killed", lambda n=enough: load.count > n)
        dev.wait_ready("postgresql", *SERVICES)
        account = load.finish()

    account.prove(at_least=100)
