"""Who is poked, and when again."""

import pytest

from kurs_operator.fleet import Ack, Answer, Pod
from kurs_operator.pokes import LONGEST_SECONDS, PAUSES, Pokes


def pod(name: str = "fx-1", poked: str = "", service: str = "fx") -> Pod:
    return Pod(f"uid-{name}", name, service, "10.0.0.1:8082", True, poked)


class Poked:
    """A clock and a record of pokes."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sent: list[tuple[str, str]] = []
        self.pokes = Pokes(self.send, clock=lambda: self.now)

    async def send(self, name: str, digest: str) -> None:
        self.sent.append((name, digest))


@pytest.fixture
def poked() -> Poked:
    return Poked()


async def test_a_pod_is_poked_once_for_a_document(poked: Poked):
    for _ in range(3):
        await poked.pokes.poke([pod()], {"fx": "one"}, {})
    await poked.pokes.poke([pod()], {"fx": "two"}, {})

    assert poked.sent == [("fx-1", "one"), ("fx-1", "two")]


async def test_a_pod_that_stays_behind_is_poked_again_later_and_later(poked: Poked):
    for _ in range(3):
        await poked.pokes.poke([pod()], {"fx": "one"}, {})
        [due] = poked.pokes.due()
        poked.now += due

    assert poked.sent == [("fx-1", "one"), ("fx-1", "one.1"), ("fx-1", "one.2")]
    assert poked.now == sum(PAUSES[:3])


async def test_a_pod_that_stays_behind_for_minutes_is_poked_once_a_minute(poked: Poked):
    for _ in range(len(PAUSES) + 3):
        await poked.pokes.poke([pod()], {"fx": "one"}, {})
        [due] = poked.pokes.due()
        poked.now += due

    assert list(PAUSES) == sorted(PAUSES)
    assert poked.now == sum(PAUSES) + 3 * LONGEST_SECONDS


async def test_a_pod_that_runs_the_document_is_left_alone(poked: Poked):
    acks = {"uid-fx-1": Ack(1, Answer(digest="one"))}

    await poked.pokes.poke([pod()], {"fx": "one"}, acks)

    assert poked.sent == []
    assert poked.pokes.due() == []


async def test_a_pod_that_an_earlier_operator_poked_is_not_poked_twice_at_once(poked: Poked):
    await poked.pokes.poke([pod(poked="one")], {"fx": "one"}, {})
    assert poked.sent == []

    poked.now += PAUSES[0]
    await poked.pokes.poke([pod(poked="one")], {"fx": "one"}, {})

    assert poked.sent == [("fx-1", "one.1")]


async def test_a_pod_of_a_service_without_a_document_is_left_alone(poked: Poked):
    await poked.pokes.poke([pod(service="risk")], {"fx": "one"}, {})

    assert poked.sent == []
