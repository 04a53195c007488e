"""A feed behind the proxy of a network: the address rules hold on this way, too."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fx.settings import FxSettings
from fx.sources import SourceError, SourceFault
from fx.sources.fetch import fetch_bytes
from fx.sources.policy import FetchPolicy

HOST = "rates.example.org"
PUBLIC = "93.184.215.14"


class Proxy:
    """Tunnels whatever it is asked for to one server, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.port = 0
        self.refuses = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.split(b"\r\n")[0].decode())
        if self.refuses:
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65_536):
            writer.write(piece)
    except ConnectionError:
        pass
    finally:
        writer.close()


def certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.fixture
def trust(tmp_path: Path, tls: ssl.SSLContext) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(tmp_path / "server.pem"))


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    return certificate(tmp_path)


@pytest.fixture
async def proxy(tls: ssl.SSLContext) -> AsyncIterator[Proxy]:
    app, hosts = web.Application(), []

    async def rates(request: web.Request) -> web.Response:
        hosts.append(request.host)
        return web.Response(text=request.host)

    app.router.add_get("/{tail:.*}", rates)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    serving = Proxy()
    serving.port = runner.addresses[0][1]
    server = await asyncio.start_server(serving.serve, "127.0.0.1", 0)
    serving.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield serving
    server.close()
    await runner.cleanup()


def names(monkeypatch: pytest.MonkeyPatch, **addresses: str) -> None:
    """Let names be looked up as a test says, and addresses as they are."""
    real = socket.getaddrinfo

    def getaddrinfo(host: str, *rest: Any, **options: Any) -> Any:
        known = addresses.get(host.split(".")[0], host)
        return real(known, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


async def fetch(policy: FetchPolicy, url: str = f"https://{HOST}/latest") -> bytes:
    return await fetch_bytes(url, policy, allow_insecure=True, timeout_seconds=5)


async def test_a_proxy_is_asked_for_the_address_that_was_checked(
    proxy: Proxy, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, rates=PUBLIC)

    body = await fetch(FetchPolicy(proxy=proxy.url, tls=trust))

    assert body.decode() == HOST
    assert proxy.asked == [f"CONNECT {PUBLIC}:443 HTTP/1.1"]


async def test_what_is_private_is_not_reached_by_a_proxy(
    proxy: Proxy, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, rates="10.0.0.7")
    policy = FetchPolicy(proxy=proxy.url, tls=trust)

    for url in (f"https://{HOST}/", "https://10.0.0.7/", "https://[::1]/"):
        with pytest.raises(SourceError) as error:
            await fetch(policy, url)
        assert error.value.fault is SourceFault.ADDRESS
    assert proxy.asked == []


async def test_the_host_proves_its_own_name_within_the_tunnel(
    proxy: Proxy, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, other=PUBLIC)

    with pytest.raises(SourceError) as error:
        await fetch(FetchPolicy(proxy=proxy.url, tls=trust), "https://other.example.org/")

    assert error.value.fault is SourceFault.UNREACHABLE
    assert "Certificate" in str(error.value)


async def test_a_proxy_looks_up_only_names_that_were_listed_for_it(
    proxy: Proxy, trust: ssl.SSLContext
) -> None:
    policy = FetchPolicy(
        proxy=proxy.url, proxy_resolves=True, allowed_hosts=frozenset({HOST}), tls=trust
    )
    unlisted = FetchPolicy(proxy=proxy.url, proxy_resolves=True, tls=trust)

    assert (await fetch(policy)).decode() == HOST
    assert proxy.asked == [f"CONNECT {HOST}:443 HTTP/1.1"]
    with pytest.raises(SourceError) as error:
        await fetch(unlisted)
    assert error.value.fault is SourceFault.ADDRESS


async def test_a_private_host_that_is_allowed_is_reached_directly(proxy: Proxy) -> None:
    policy = FetchPolicy(proxy=proxy.url, private_hosts=frozenset({"127.0.0.1"}))

    with pytest.raises(SourceError) as error:
        await fetch(policy, f"http://127.0.0.1:{proxy.port}/")

    assert error.value.fault in (SourceFault.UNREACHABLE, SourceFault.STATUS)
    assert proxy.asked == []


async def test_plain_http_does_not_go_by_a_proxy(proxy: Proxy) -> None:
    with pytest.raises(SourceError) as error:
        await fetch(FetchPolicy(proxy=proxy.url), f"http://{HOST}/")

    assert error.value.fault is SourceFault.CONFIGURATION
    assert proxy.asked == []


async def test_a_proxy_that_refuses_is_told_and_not_hurried(
    proxy: Proxy, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, rates=PUBLIC)
    proxy.refuses = True

    with pytest.raises(SourceError) as error:
        await fetch(FetchPolicy(proxy=proxy.url, tls=trust))

    assert error.value.asks_less
    assert "the proxy answered 403" in str(error.value)


@pytest.mark.parametrize("text", ["socks5://proxy:1080", "http://", "http://[", "https://p:1"])
async def test_a_proxy_of_another_kind_is_refused_without_its_password(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, rates=PUBLIC)

    with pytest.raises(SourceError) as error:
        await fetch(FetchPolicy(proxy=text.replace("://p", "://user:hunter2@p")))

    assert error.value.fault is SourceFault.CONFIGURATION
    assert "hunter2" not in str(error.value)


def test_the_variable_that_everybody_sets_has_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert FxSettings().fetch_policy().proxy == "http://proxy:3128"

    monkeypatch.setenv("KURS_SOURCE_PROXY", "http://own:3128")
    assert FxSettings().fetch_policy().proxy == "http://own:3128"
    assert "own:3128" not in repr(FxSettings())
