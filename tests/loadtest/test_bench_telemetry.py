"""What is left out of the telemetry, and the collector that takes spans."""

import urllib.request

from loadtest.bench.telemetry import EACH, collector, variants


def test_each_is_every_one_of_them_after_the_other() -> None:
    found = variants(EACH)

    assert list(found) == ["", ", no-metrics", ", no-traces", ", neither"]
    assert found[""] == {}
    assert found[", neither"] == found[", no-metrics"] | found[", no-traces"]
    assert variants("no-traces") == {"": found[", no-traces"]}


def test_the_collector_takes_what_a_service_sends() -> None:
    with collector() as endpoint:
        request = urllib.request.Request(f"{endpoint}/v1/traces", data=b"spans", method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 200
