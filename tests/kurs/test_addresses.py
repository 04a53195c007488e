"""Which addresses count as public, and that a name is judged by all that it resolves to."""

import asyncio
import socket
import threading
from ipaddress import ip_address
from typing import Any

import pytest

from fx.sources import SourceError, SourceFault
from fx.sources.fetch import check_url
from fx.sources.policy import FetchPolicy
from kurs.calls.addresses import AddressRefused, PublicResolver, is_public


@pytest.mark.parametrize(
    "text",
    [
        "1.1.1.1",
        "93.184.216.34",
        "192.0.1.1",
        "168.63.129.17",
        "2606:4700:4700::1111",
        "2a00:1450::1",
    ],
)
def test_the_internet_is_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1",
        "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::",
        "2001::1", "168.63.129.16", "192.0.0.192", "192.0.0.9", "192.88.99.1", "fec0::1", "3fff::1",
        "3fff:fff::1", "5f00::1", "192.31.196.1", "192.52.193.1", "192.175.48.1", "2620:4f:8000::1",
        "2001:20::1", "100::1", "4000::1", "64:ff9b:1::1",
    ],
)  # fmt: skip
def test_every_other_network_is_not(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1:8443/", "https://[::ffff:10.0.0.1]/", "https://①②⑦.0.0.1/",
        "https://2130706433/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://127.1/",
        "https://0177.0.0.1/", "https://127.0.0.1./", "https://16843009/", "https://1.1.257/",
        "https://[fec0::1]/", "https://168.63.129.16/", "https://[fe80::1%25eth0]/",
    ],
)  # fmt: skip
def test_an_address_in_the_url_is_judged_too(url: str) -> None:
    with pytest.raises(SourceError) as error:
        check_url(url, FetchPolicy(), allow_insecure=False)

    assert error.value.fault is SourceFault.ADDRESS


def test_a_named_private_host_may_be_reached_beside_the_allowed_public_ones() -> None:
    policy = FetchPolicy(frozenset({"rates.example.org"}), frozenset({"10.1.2.3", "rates.desk"}))

    for host in ("10.1.2.3", "rates.desk", "RATES.desk", "rates.example.org"):
        check_url(f"https://{host}/", policy, allow_insecure=False)
    for host in ("10.1.2.4", "other.desk", "example.org"):
        with pytest.raises(SourceError) as error:
            check_url(f"https://{host}/", policy, allow_insecure=False)
        assert error.value.fault is SourceFault.ADDRESS


@pytest.mark.parametrize(
    "url",
    ["", "rates.example.org", "ftp://rates.example.org/", "file:///etc/passwd", "https:///path",
     "https://user:word@rates.example.org/", "https://rates.example.org:99999/",
     "http://rates.example.org/", "https://[::1", "https://rates.example.org\\@10.0.0.1/"],
)  # fmt: skip
def test_a_url_that_is_not_plain_https_is_refused(url: str) -> None:
    with pytest.raises(SourceError) as error:
        check_url(url, FetchPolicy(), allow_insecure=False)

    assert error.value.fault is SourceFault.CONFIGURATION


def test_only_listed_hosts_are_reached_when_a_list_is_set() -> None:
    policy = FetchPolicy(allowed_hosts=frozenset({"rates.example.org"}))

    assert check_url("https://Rates.Example.org/a", policy, allow_insecure=False)
    for other in ("https://example.org/", "https://rates.example.org.evil.test/"):
        with pytest.raises(SourceError, match="not among the allowed hosts"):
            check_url(other, policy, allow_insecure=False)


def answering(*addresses: str) -> Any:
    def getaddrinfo(host: str, port: None, **_: Any) -> Any:
        return [
            (socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port))
            for a in addresses
        ]

    return getaddrinfo


async def test_the_checked_addresses_are_the_ones_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering("1.1.1.1", "2606:4700:4700::1111"))

    found = await PublicResolver().resolve("rates.example.org", 443)

    assert [result["host"] for result in found] == ["1.1.1.1", "2606:4700:4700::1111"]
    assert all(result["hostname"] == "rates.example.org" for result in found)
    assert all(result["flags"] & socket.AI_NUMERICHOST for result in found)


@pytest.mark.parametrize(
    "addresses", [("1.1.1.1", "10.0.0.1"), ("127.0.0.1",), ("1.1.1.1", "fe80::1%eth0")]
)
async def test_one_private_address_spoils_the_name(
    monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering(*addresses))

    with pytest.raises(AddressRefused) as error:
        await PublicResolver().resolve("rates.example.org", 443)

    assert error.value.private
    assert "10.0.0.1" not in str(error.value)


async def test_a_name_whose_servers_say_nothing_holds_one_thread_and_no_other_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = threading.Event()
    asked: list[str] = []

    def getaddrinfo(host: str, port: None, **_: Any) -> Any:
        asked.append(host)
        if host == "dead.example.org":
            said.wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("1.1.1.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    dead = [asyncio.create_task(PublicResolver().resolve("dead.example.org")) for _ in range(200)]
    try:
        await PublicResolver().resolve("good.example.org")
        await asyncio.to_thread(str)
        dead[0].cancel()
    finally:
        said.set()
    found = await asyncio.gather(*dead, return_exceptions=True)

    assert asked.count("dead.example.org") == 1
    assert isinstance(found[0], asyncio.CancelledError)
    assert all(isinstance(each, list) for each in found[1:])
