"""One bounded GET: to a public address, without redirects, within a size and a time."""

import asyncio
from urllib.parse import quote

import aiohttp
from yarl import URL

from fx.sources.base import SourceError, SourceFault
from fx.sources.policy import FetchPolicy
from fx.sources.way import Way, way_to
from kurs.calls import BodyTooLarge, addresses, read_bounded
from kurs.calls.addresses import AddressRefused, UrlRefused
from kurs.config.resources import PLACEHOLDER, takes_secret
from kurs.config.secrets import Secret

_HEADERS = {
    # Compressed bodies are not accepted: 256 KiB could unpack into any size.
    "Accept-Encoding": "identity",
    "Accept": "application/xml, application/json;q=0.9, */*;q=0.1",
    "User-Agent": "kurs-fx",
}


def check_url(url: str, policy: FetchPolicy, *, allow_insecure: bool) -> URL:
    """Return a URL that may be fetched; raises SourceError naming the reason."""
    insecure = "" if allow_insecure else "allowInsecure is not set"
    try:
        return addresses.check_url(url, policy.hosts, insecure=insecure)
    except UrlRefused as refused:
        raise SourceError(SourceFault.CONFIGURATION, str(refused)) from None
    except AddressRefused as refused:
        raise _refused(refused) from None


def require_trusted(target: URL, secret: str, policy: FetchPolicy) -> None:
    """Raise SourceError unless the secret of that name may go to `target`."""
    host = target.raw_host
    if host not in policy.secret_hosts.get(secret, ()):
        message = (
            f"the secret {secret} may not be sent to {host}; fx's KURS_SOURCE_SECRET_HOSTS "
            "(sourceSecrets in its chart) names the hosts of each"
        )
        raise SourceError(SourceFault.CREDENTIALS, message)
    if target.scheme == "http" and host not in policy.private_hosts:
        raise SourceError(SourceFault.CREDENTIALS, "a secret is not sent over plain http")


async def fetch_bytes(
    url: str,
    policy: FetchPolicy,
    *,
    allow_insecure: bool,
    timeout_seconds: float,
    header: str = "Authorization",
    secret: Secret | None = None,
) -> bytes:
    """Return the body of a 200 answer; raises SourceError for everything else.

    The value of `secret` goes into the query where the url has its placeholder, else into `header`.
    """
    target = check_url(url, policy, allow_insecure=allow_insecure)
    host = target.raw_host or ""
    headers = dict(_HEADERS)
    if secret is not None:
        require_trusted(target, secret.name, policy)
        if takes_secret(url):
            target = URL(url.replace(PLACEHOLDER, quote(secret.value, safe="")))
        else:
            headers[header] = secret.value
    try:
        async with asyncio.timeout(timeout_seconds):
            way = await way_to(target, policy)
            return await _get(way, headers, policy)
    except AddressRefused as refused:
        raise _refused(refused) from None
    except TimeoutError:
        raise SourceError(
            SourceFault.TIMEOUT, f"{host} did not answer within {timeout_seconds:g} seconds"
        ) from None
    except aiohttp.ClientHttpProxyError as error:
        message = f"the proxy answered {error.status} and leads not to {host}"
        raise SourceError(SourceFault.UNREACHABLE, message, asks_less=error.status < 500) from None
    except (aiohttp.ClientError, OSError) as error:
        # The class says what happened; the text could quote what the other side sent.
        kind = type(error).__name__
        raise SourceError(SourceFault.UNREACHABLE, f"{host} cannot be read: {kind}") from None


def _refused(refused: AddressRefused) -> SourceError:
    named = ", and fx's KURS_PRIVATE_SOURCE_HOSTS does not name it" if refused.private else ""
    return SourceError(SourceFault.ADDRESS, f"{refused}{named}")


async def _get(way: Way, headers: dict[str, str], policy: FetchPolicy) -> bytes:
    # A new connection each time, so that every fetch goes to addresses checked for it.
    connector = aiohttp.TCPConnector(
        resolver=way.resolver,
        use_dns_cache=False,
        force_close=True,
        limit=1,
        ssl=policy.tls or True,
    )
    async with (
        aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session,
        session.get(
            way.url,
            headers={**headers, **way.headers},
            proxy=way.proxy,
            server_hostname=way.host,
            allow_redirects=False,
        ) as response,
    ):
        return await _bounded(response, policy.max_bytes)


async def _bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    if 300 <= response.status < 400:
        raise SourceError(
            SourceFault.REDIRECT, f"answered {response.status}; redirects are not followed"
        )
    if response.status != 200:
        raise SourceError(
            SourceFault.STATUS,
            f"answered status {response.status}",
            asks_less=400 <= response.status < 500,
            retry_after=response.headers.get("Retry-After", ""),
        )
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise SourceError(SourceFault.MALFORMED, "the answer is compressed, unasked")
    try:
        return await read_bounded(response, limit)
    except BodyTooLarge:
        raise SourceError(SourceFault.TOO_LARGE, f"the answer exceeds {limit} bytes") from None
