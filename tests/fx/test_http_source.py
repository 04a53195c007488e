"""A feed over HTTP, against a server that behaves in every bad way."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from fx.settings import FxSettings
from fx.sources import SourceError, SourceFault
from fx.sources.fetch import fetch_bytes
from fx.sources.http import HttpSource
from fx.sources.policy import FetchPolicy
from kurs.config.resources.rate_source_types import HttpRates
from kurs.config.secrets import Secrets

LOCAL = FetchPolicy(
    private_hosts=frozenset({"127.0.0.1"}),
    secret_hosts={"rates-api": frozenset({"127.0.0.1", "rates.example.org"})},
)
NOW = 1_800_000_000_000_000
Handler = Callable[[web.Request], Any]


class Server:
    """A local HTTP server whose one answer a test chooses."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[web.Request] = []
        self.handler: Handler = self.ok

    async def ok(self, _: web.Request) -> web.StreamResponse:
        return web.Response(body=json.dumps({"rates": {"USD": "1.1172", "IDR": 20275.17}}))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        response: web.StreamResponse = await self.handler(request)
        return response


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    serving, app = Server(), web.Application()
    app.router.add_get("/{tail:.*}", serving.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    serving.url = f"http://{host}:{port}"
    yield serving
    await runner.cleanup()


async def fetch(url: str, policy: FetchPolicy = LOCAL, *, seconds: float = 5) -> bytes:
    return await fetch_bytes(url, policy, allow_insecure=True, timeout_seconds=seconds)


async def fault_of(url: str, policy: FetchPolicy = LOCAL, *, seconds: float = 5) -> SourceError:
    with pytest.raises(SourceError) as error:
        await fetch(url, policy, seconds=seconds)
    return error.value


async def test_a_good_answer_is_read(server: Server) -> None:
    assert b"1.1172" in await fetch(server.url)


async def test_a_server_that_never_answers_is_left(server: Server) -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    server.handler = hang

    error = await fault_of(server.url, seconds=0.1)

    assert error.fault is SourceFault.TIMEOUT
    assert "within 0.1 seconds" in str(error)


async def test_a_body_that_trickles_is_bounded_in_time_as_a_whole(server: Server) -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(200):
            await response.write(b" ")
            await asyncio.sleep(0.02)
        return response

    server.handler = trickle

    assert (await fault_of(server.url, seconds=0.2)).fault is SourceFault.TIMEOUT


async def test_a_redirect_is_not_followed(server: Server) -> None:
    async def redirect(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"{server.url}/elsewhere")

    server.handler = redirect

    error = await fault_of(server.url + "/rates")

    assert error.fault is SourceFault.REDIRECT
    assert [request.path for request in server.requests] == ["/rates"]


@pytest.mark.parametrize("declared", [True, False])
async def test_five_megabytes_are_not_read(server: Server, declared: bool) -> None:
    sent = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        if declared:
            response.content_length = 5 * 1024 * 1024
        await response.prepare(request)
        for _ in range(80):
            await response.write(b"x" * 65_536)
            sent += 65_536
        return response

    server.handler = flood

    assert (await fault_of(server.url)).fault is SourceFault.TOO_LARGE
    assert sent < 5 * 1024 * 1024


async def test_a_compressed_answer_is_refused_unopened(server: Server) -> None:
    async def bomb(_: web.Request) -> web.Response:
        return web.Response(body=b"\x1f\x8b" + b"\0" * 50, headers={"Content-Encoding": "gzip"})

    server.handler = bomb

    assert (await fault_of(server.url)).fault is SourceFault.MALFORMED


@pytest.mark.parametrize("status", [204, 206, 401, 404, 429, 500, 503])
async def test_any_other_status_is_a_failure_that_tells_nothing_of_the_body(
    server: Server, status: int
) -> None:
    async def refuse(_: web.Request) -> web.Response:
        headers = {"Retry-After": "90"}
        return web.Response(status=status, body=b"internal: password=hunter2", headers=headers)

    server.handler = refuse

    error = await fault_of(server.url)

    assert error.fault is SourceFault.STATUS
    assert str(status) in str(error)
    assert error.asks_less is (400 <= status < 500)
    assert error.retry_after == "90"
    assert "hunter2" not in str(error)


async def test_a_server_that_speaks_no_http_is_unreachable() -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.internal secret-banner ESMTP\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        error = await fault_of(f"http://127.0.0.1:{port}/")

    assert error.fault is SourceFault.UNREACHABLE
    assert "secret-banner" not in str(error)


async def test_a_closed_port_and_a_plain_server_behind_https_are_unreachable(
    server: Server, unused_tcp_port: int
) -> None:
    closed = await fault_of(f"http://127.0.0.1:{unused_tcp_port}/")
    plain = await fault_of(server.url.replace("http:", "https:"))

    assert closed.fault is SourceFault.UNREACHABLE
    assert plain.fault is SourceFault.UNREACHABLE


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "[::1]"])
async def test_a_private_address_gets_no_connection(server: Server, host: str) -> None:
    port = server.url.rpartition(":")[2]

    error = await fault_of(f"http://{host}:{port}/", FetchPolicy())

    assert error.fault is SourceFault.ADDRESS
    assert server.requests == []


async def test_the_connection_goes_to_the_address_that_was_checked(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = server.url.rpartition(":")[2]
    asked, real = [], socket.getaddrinfo

    def rebinding(host: str, *rest: Any, **options: Any) -> Any:
        # The name is public the first time it is asked for, and somewhere else ever after.
        asked.append(host)
        return real("127.0.0.1" if asked == ["feed.example"] else "192.0.2.1", *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(
        "kurs.calls.addresses.is_public", lambda address: str(address) == "127.0.0.1"
    )

    body = await fetch(f"http://feed.example:{port}/", FetchPolicy())

    assert b"1.1172" in body
    assert asked.count("feed.example") == 1
    assert server.requests[0].headers["Host"] == f"feed.example:{port}"


async def test_a_proxy_of_the_environment_is_not_used(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    assert b"1.1172" in await fetch(server.url)


def feed(server: Server, tmp_path: Path, policy: FetchPolicy = LOCAL, **http: Any) -> HttpSource:
    spec = {"url": server.url, "format": "JSON", "ratesPath": "rates", "timeoutSeconds": 2}
    return HttpSource(
        HttpRates.model_validate({**spec, **http}),
        base="EUR",
        quotes=["USD", "IDR"],
        refresh_interval=60_000_000,
        allow_insecure=True,
        policy=policy,
        secrets=Secrets(tmp_path, {}),
    )


async def test_a_feed_asks_with_its_secret_and_dates_rates_by_the_answer(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "rates-api").mkdir()
    (tmp_path / "rates-api" / "token").write_text("s3cr3t")
    asking = feed(
        server, tmp_path, secretRef={"name": "rates-api", "key": "token"}, header="X-Api-Key"
    )

    rates = await asking.fetch(NOW)

    assert server.requests[0].headers["X-Api-Key"] == "s3cr3t"
    assert {c: (str(r.mid), r.as_of) for c, r in rates.items()} == {
        "USD": ("1.1172", NOW),
        "IDR": ("20275.17", NOW),
    }


async def test_a_secret_that_is_missing_or_would_go_unencrypted_stops_the_request(
    server: Server, tmp_path: Path
) -> None:
    there, missing = {"name": "rates-api", "key": "token"}, {"name": "rates-api", "key": "other"}
    (tmp_path / "rates-api").mkdir()
    (tmp_path / "rates-api" / "token").write_text("s3cr3t")
    open_net = "http://rates.example.org/"

    for asking in (
        feed(server, tmp_path, secretRef=missing),
        feed(server, tmp_path, secretRef=there, url=open_net),
    ):
        with pytest.raises(SourceError) as error:
            await asking.fetch(NOW)
        assert error.value.fault is SourceFault.CREDENTIALS
    assert server.requests == []


async def test_a_secret_takes_the_place_of_its_placeholder_and_is_in_no_header(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "rates-api").mkdir()
    (tmp_path / "rates-api" / "token").write_text("s3 &cr=3t/+%é".replace("é", "e"))
    asking = feed(
        server,
        tmp_path,
        secretRef={"name": "rates-api", "key": "token"},
        url=server.url + "/latest?base=EUR&access_key=${secret}&last=1",
    )

    await asking.fetch(NOW)

    [request] = server.requests
    assert dict(request.query) == {"base": "EUR", "access_key": "s3 &cr=3t/+%e", "last": "1"}
    assert "Authorization" not in request.headers


@pytest.mark.parametrize("where", ["", "?key=${secret}"])
async def test_a_secret_goes_to_no_host_that_was_not_named_for_it(
    server: Server, tmp_path: Path, where: str
) -> None:
    for name in ("rates-api", "of-another"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text("s3cr3t")
    elsewhere = FetchPolicy(
        private_hosts=frozenset({"127.0.0.1"}),
        secret_hosts={"rates-api": frozenset({"rates.example.org"})},
    )

    for policy, name in (
        (elsewhere, "rates-api"),
        (LOCAL, "of-another"),
        (LOCAL, "of-nobody"),
    ):
        reference = {"name": name, "key": "token"}
        asking = feed(server, tmp_path, policy, secretRef=reference, url=server.url + "/" + where)
        with pytest.raises(SourceError) as error:
            await asking.fetch(NOW)
        assert error.value.fault is SourceFault.CREDENTIALS
        assert "s3cr3t" not in str(error.value)
    assert server.requests == []


async def test_a_secret_in_the_query_is_told_nobody_when_the_request_fails(
    server: Server, tmp_path: Path, unused_tcp_port: int
) -> None:
    (tmp_path / "rates-api").mkdir()
    (tmp_path / "rates-api" / "token").write_text("s3cr3t")
    reference = {"name": "rates-api", "key": "token"}
    url = f"http://127.0.0.1:{unused_tcp_port}/?key=${{secret}}"

    with pytest.raises(SourceError) as error:
        await feed(server, tmp_path, secretRef=reference, url=url).fetch(NOW)

    assert error.value.fault is SourceFault.UNREACHABLE
    assert "s3cr3t" not in repr(error.value)


def test_hosts_of_secrets_are_read_from_one_setting() -> None:
    settings = FxSettings(source_secret_hosts="a=One.example, a=two.example,b=one.example")

    assert settings.fetch_policy().secret_hosts == {
        "a": {"one.example", "two.example"},
        "b": {"one.example"},
    }
    with pytest.raises(ValueError, match="not of the form"):
        FxSettings(source_secret_hosts="one.example")


async def test_the_banks_file_comes_over_http_as_well(server: Server, tmp_path: Path) -> None:
    async def bank(_: web.Request) -> web.Response:
        cube = "xmlns='http://www.ecb.int/vocabulary/2002-08-01/eurofxref'"
        text = f"<e {cube}><Cube><Cube time='2026-10-30'><Cube currency='USD' rate='1.1'/></Cube>"
        return web.Response(body=(text + "</Cube></e>").encode(), content_type="text/xml")

    server.handler = bank
    asking = feed(server, tmp_path, format="ECB", ratesPath=None)

    rates = await asking.fetch(NOW)

    assert str(rates["USD"].mid) == "1.1"
    assert asking.read(NOW) is None
    assert asking.next_after(NOW) == NOW + 60_000_000
