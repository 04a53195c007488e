"""One request to a destination: signed, to a checked address, bounded, its answer read up to 4 KiB.

Connections stay open between requests; each goes to an address that was checked when it was made.
"""

import asyncio
import re
import ssl
from collections.abc import Sequence

import aiohttp
from yarl import URL

from kurs.calls.addresses import (
    AddressRefused,
    HostRules,
    NameResolver,
    PublicResolver,
    UrlRefused,
    check_url,
)
from kurs.calls.retry_after import wait_asked
from kurs.config.resources import EventDestinationSpec
from kurs.config.secrets import Secrets, SecretUnusable
from kurs.kernel.clock import MICROS, Clock
from webhooks.domain.delivery import Delivery, DeliveryAttempt
from webhooks.domain.signing import SecretMalformed, read_secrets, signed_headers

ANSWER_BYTES = 4096
"""How much of an answer is read; the rest is left unread and the connection ended."""
_IDLE_SECONDS = 20.0
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\n]")
_HEADERS = {
    "content-type": "application/json",
    "accept-encoding": "identity",
    "user-agent": "kurs-webhooks",
}


class Sender:
    """Sends deliveries; what hinders one is a `DeliveryAttempt`, never an exception."""

    def __init__(
        self,
        rules: HostRules,
        secrets: Secrets,
        clock: Clock,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._rules = rules
        self._secrets = secrets
        self._clock = clock
        self._tls = tls
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def send(self, spec: EventDestinationSpec, delivery: Delivery) -> DeliveryAttempt:
        """Send once, and say what became of it."""
        try:
            async with asyncio.timeout(spec.timeout):
                return await self._send(spec, delivery)
        except TimeoutError:
            return DeliveryAttempt(None, f"did not answer within {spec.timeout} seconds")
        except (AddressRefused, UrlRefused, SecretUnusable) as refused:
            return DeliveryAttempt(None, str(refused))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The class says what happened; the text could quote what the other side sent.
            return DeliveryAttempt(None, f"cannot be reached: {type(error).__name__}")

    async def hindrance(self, spec: EventDestinationSpec) -> str:
        """Return why nothing could be sent there, whatever the receiver does; empty if it could."""
        try:
            self._target(spec)
            await self._secrets_of(spec)
        except (AddressRefused, UrlRefused, SecretUnusable) as refused:
            return str(refused)
        return ""

    async def close(self) -> None:
        """End every connection."""
        for session in self._sessions.values():
            await session.close()

    async def _send(self, spec: EventDestinationSpec, delivery: Delivery) -> DeliveryAttempt:
        target = self._target(spec)
        private = target.raw_host in self._rules.private
        secrets = await self._secrets_of(spec)
        body, now = delivery.body, self._clock.now()
        headers = {
            **_HEADERS,
            **signed_headers(secrets, delivery.event_id, body, now),
            "kurs-attempt": str(delivery.attempts + 1),
        }
        if delivery.replays:
            headers["kurs-replay"] = str(delivery.replays)
        async with self._session(private=private).post(
            target, data=body, headers=headers, allow_redirects=False
        ) as response:
            answer = await _beginning(response)
            wait = wait_asked(response.headers.get("retry-after"), now)
            wish = None if wait is None else wait / MICROS
            return DeliveryAttempt(response.status, answer=answer, retry_after=wish)

    def _target(self, spec: EventDestinationSpec) -> URL:
        """Return where to send, as far as that is known before its name is resolved."""
        insecure = "" if spec.allow_insecure else "allowInsecure is not set"
        target = check_url(spec.url, self._rules, insecure=insecure)
        if target.scheme == "http" and target.raw_host not in self._rules.private:
            raise AddressRefused("plain http goes to private hosts only")
        return target

    async def _secrets_of(self, spec: EventDestinationSpec) -> Sequence[str]:
        """Return the secrets to sign with; raises SecretUnusable."""
        ref = spec.secret_ref
        secret = await self._secrets.fetch(ref.name, ref.key)
        try:
            return read_secrets(secret.value)
        except SecretMalformed as malformed:
            said = f"the key {ref.key} of secret {ref.name}: {malformed}"
            raise SecretUnusable(said) from None

    def _session(self, *, private: bool) -> aiohttp.ClientSession:
        session = self._sessions.get(private)
        if session is None:
            connector = aiohttp.TCPConnector(
                resolver=NameResolver() if private else PublicResolver(),
                use_dns_cache=False,
                limit=0,
                keepalive_timeout=_IDLE_SECONDS,
                ssl=self._tls or True,
            )
            session = self._sessions[private] = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return session


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """Return the first bytes of an answer as text; a longer one ends its connection."""
    read = bytearray()
    while len(read) < ANSWER_BYTES:
        piece = await response.content.read(ANSWER_BYTES - len(read))
        if not piece:
            break
        read += piece
    if not response.content.at_eof():
        response.close()
    return _UNPRINTABLE.sub("�", read.decode("utf-8", "replace"))
