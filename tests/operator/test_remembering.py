"""What fx accepted last, from the pods' answers to the ConfigMap that new pods begin with."""

import json
from typing import Any

from tests.operator.builders import NOW, rate_source
from tests.operator.small_cluster import Operator, SmallCluster, SmallPod

from kurs.kernel.clock import MICROS, to_rfc3339

FEED = {"url": "https://rates.example.org/", "format": "JSON", "ratesPath": "rates"}
Said = dict[str, tuple[str, int]]


def feed(name: str = "feed", **spec: Any) -> dict[str, Any]:
    http = {"type": "HTTP", "static": None, "http": FEED, "maxDeviationBps": 500}
    return rate_source(name, **{**http, **spec})


def saying(pod: SmallPod, base: str = "USD", name: str = "feed", **said: tuple[str, int]) -> None:
    rates = {
        quote: {"mid": mid, "as_of": to_rfc3339(NOW + seconds * MICROS)}
        for quote, (mid, seconds) in said.items()
    }
    accepted = {"base": base, "rates": rates}
    pod.reports = [{"kind": "FXRateSource", "name": name, "healthy": True, "accepted": accepted}]


def kept(cluster: SmallCluster) -> dict[str, Any]:
    return {
        name: {quote: rate["mid"] for quote, rate in source["rates"].items()}
        for name, source in json.loads(cluster.remembered or "{}").get("sources", {}).items()
    }


async def settled(cluster: SmallCluster, seconds: int = 61) -> Operator:
    operator = Operator(cluster)
    await operator.settle()
    operator.clock.advance(seconds=seconds)
    await operator.step()
    await operator.close()
    return operator


async def test_the_newest_accepted_rate_of_each_pair_is_kept() -> None:
    one, two = SmallPod("fx-0", "fx"), SmallPod("fx-1", "fx")
    cluster = SmallCluster([one, two])
    cluster.apply(feed())
    saying(one, IDR=("15800", -60), SGD=("1.31", -1))
    saying(two, IDR=("15900", -30), SGD=("1.30", -90))

    await settled(cluster)

    assert kept(cluster) == {"feed": {"IDR": "15900", "SGD": "1.31"}}


async def test_what_is_kept_outlives_the_operator_and_all_pods() -> None:
    pod = SmallPod("fx-0", "fx")
    cluster = SmallCluster([pod])
    cluster.apply(feed())
    saying(pod, IDR=("15900", -30))
    await settled(cluster)
    cluster.members = {}

    await settled(cluster)

    assert kept(cluster) == {"feed": {"IDR": "15900"}}


async def test_what_is_not_in_force_or_of_another_base_or_ahead_is_not_kept() -> None:
    pods = [SmallPod(f"fx-{n}", "fx") for n in range(3)]
    cluster = SmallCluster(pods)
    cluster.apply(feed())
    cluster.apply(feed("plain", maxDeviationBps=None))
    saying(pods[0], IDR=("15900", -30))
    saying(pods[1], base="EUR", IDR=("20000", -1))
    saying(pods[2], IDR=("99", 86_400))
    await settled(cluster)
    assert kept(cluster) == {"feed": {"IDR": "15900"}}

    saying(pods[0], name="plain", IDR=("15900", -30))
    cluster.delete("FXRateSource/feed")
    await settled(cluster)
    assert kept(cluster) == {}


async def test_it_is_written_once_a_minute_at_the_most_and_never_without_need() -> None:
    pod = SmallPod("fx-0", "fx")
    cluster = SmallCluster([pod])
    cluster.apply(rate_source())
    operator = await settled(cluster)
    assert cluster.remembered is None

    cluster.apply(feed(priority=200))
    saying(pod, IDR=("15900", -30))
    operator = Operator(cluster)
    await operator.settle()
    operator.clock.advance(seconds=61)
    await operator.step()
    saying(pod, IDR=("15901", -20))
    await operator.ask_again()
    await operator.step()
    assert kept(cluster) == {"feed": {"IDR": "15900"}}

    operator.clock.advance(seconds=61)
    await operator.step()
    await operator.close()
    assert kept(cluster) == {"feed": {"IDR": "15901"}}


async def test_a_broken_memory_is_written_anew() -> None:
    pod = SmallPod("fx-0", "fx")
    cluster = SmallCluster([pod])
    cluster.apply(feed())
    saying(pod, IDR=("15900", -30))
    cluster.remembered = "nonsense"

    await settled(cluster)

    assert kept(cluster) == {"feed": {"IDR": "15900"}}
