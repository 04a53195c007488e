"""One bounded GET: to a public address, without redirects, within a size and a time."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import aiohttp
from yarl import URL

from fx.sources.addresses import PublicResolver, is_address, require_public
from fx.sources.base import SourceError, SourceFault
from fx.sources.credentials import Secret
from kurs.calls import BodyTooLarge, read_bounded
from kurs.config.resources import PLACEHOLDER, is_plain_host, takes_secret

MAX_BYTES = 256 * 1024
_HEADERS = {
    # Compressed bodies are not accepted: 256 KiB could unpack into any size.
    "Accept-Encoding": "identity",
    "Accept": "application/xml, application/json;q=0.9, */*;q=0.1",
    "User-Agent": "kurs-fx",
}


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """What the operator of this service allows, whatever a source asks for.

    `private_hosts` may have private addresses, all others must be public; `allowed_hosts` empty
    means any of these. `secret_hosts` are the hosts that each secret may be sent to. `tls` is the
    trust used for https.
    """

    allowed_hosts: frozenset[str] = frozenset()
    private_hosts: frozenset[str] = frozenset()
    secret_hosts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    max_bytes: int = MAX_BYTES
    tls: ssl.SSLContext | None = field(default=None, repr=False)


def check_url(url: str, policy: FetchPolicy, *, allow_insecure: bool) -> URL:
    """Return a URL that may be fetched; raises SourceError naming the reason.

    The URL is parsed once, by the parser that the client uses: were there two, a text could mean a
    public host to the one that checks and a private one to the one that connects.
    """
    try:
        target = URL(url)
        host = target.raw_host
    except ValueError:
        raise SourceError(SourceFault.CONFIGURATION, "the url cannot be read") from None
    if target.scheme not in ("https", "http") or not host:
        raise SourceError(SourceFault.CONFIGURATION, "the url is not an https address")
    if target.scheme == "http" and not allow_insecure:
        raise SourceError(
            SourceFault.CONFIGURATION, "the url is not https and allowInsecure is not set"
        )
    if target.raw_user is not None or target.raw_password is not None:
        raise SourceError(SourceFault.CONFIGURATION, "the url holds credentials; use secretRef")
    if not is_plain_host(host):
        raise SourceError(SourceFault.ADDRESS, "the host is neither a name nor a usual address")
    if host in policy.private_hosts:
        return target
    if policy.allowed_hosts and host not in policy.allowed_hosts:
        message = f"{host} is not among the allowed hosts, fx's KURS_ALLOWED_SOURCE_HOSTS"
        raise SourceError(SourceFault.ADDRESS, message)
    # aiohttp asks no resolver about a host that is an address already.
    if is_address(host):
        require_public(host, host)
    return target


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
    private = host in policy.private_hosts
    headers = dict(_HEADERS)
    if secret is not None:
        require_trusted(target, secret.name, policy)
        if takes_secret(url):
            target = URL(url.replace(PLACEHOLDER, quote(secret.value, safe="")))
        else:
            headers[header] = secret.value
    try:
        # A new connection each time, so that every fetch goes to addresses checked for it.
        async with (
            aiohttp.ClientSession(
                connector=_connector(policy, private=private),
                timeout=aiohttp.ClientTimeout(total=timeout_seconds),
                auto_decompress=False,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            ) as session,
            session.get(target, headers=headers, allow_redirects=False) as response,
        ):
            return await _bounded(response, policy.max_bytes)
    except TimeoutError:
        raise SourceError(
            SourceFault.TIMEOUT, f"{host} did not answer within {timeout_seconds:g} seconds"
        ) from None
    except (aiohttp.ClientError, OSError) as error:
        # The class says what happened; the text could quote what the other side sent.
        kind = type(error).__name__
        raise SourceError(SourceFault.UNREACHABLE, f"{host} cannot be read: {kind}") from None


def _connector(policy: FetchPolicy, *, private: bool) -> aiohttp.TCPConnector:
    return aiohttp.TCPConnector(
        resolver=aiohttp.ThreadedResolver() if private else PublicResolver(),
        use_dns_cache=False,
        force_close=True,
        limit=1,
        ssl=policy.tls or True,
    )


async def _bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    if 300 <= response.status < 400:
        raise SourceError(
            SourceFault.REDIRECT, f"answered {response.status}; redirects are not followed"
        )
    if response.status != 200:
        raise SourceError(SourceFault.STATUS, f"answered status {response.status}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise SourceError(SourceFault.MALFORMED, "the answer is compressed, unasked")
    try:
        return await read_bounded(response, limit)
    except BodyTooLarge:
        raise SourceError(SourceFault.TOO_LARGE, f"the answer exceeds {limit} bytes") from None
