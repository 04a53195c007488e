"""Rates from a feed over HTTP: the European Central Bank's daily file, or any JSON."""

import asyncio
from collections.abc import Mapping, Sequence

from fx.domain.rates import Observation
from fx.sources import ecb, json_rates
from fx.sources.base import SourceError, SourceFault
from fx.sources.fetch import fetch_bytes
from fx.sources.policy import FetchPolicy
from kurs.config.resources.rate_source_types import HttpRates
from kurs.config.secrets import Secret, Secrets, SecretUnusable


class HttpSource:
    """Fetches a feed within the bounds of `policy`; `quotes` are the pairs it is asked for."""

    def __init__(
        self,
        spec: HttpRates,
        *,
        base: str,
        quotes: Sequence[str],
        refresh_interval: int,
        allow_insecure: bool,
        policy: FetchPolicy,
        secrets: Secrets,
    ) -> None:
        self._spec = spec
        self._base = base
        self._quotes = quotes
        self._interval = refresh_interval
        self._allow_insecure = allow_insecure
        self._policy = policy
        self._secrets = secrets

    def read(self, now: int) -> None:  # noqa: ARG002 (what is far away is so at any time)
        """Return None: a network is in between."""
        return

    async def fetch(self, now: int) -> Mapping[str, Observation]:
        """Return the feed's rates, dated by the feed if it says so, else `now`."""
        secret = await self._secret()
        body = await fetch_bytes(
            self._spec.url,
            self._policy,
            allow_insecure=self._allow_insecure,
            timeout_seconds=self._spec.timeout_seconds,
            header=self._spec.header or "Authorization",
            secret=secret,
        )
        # Parsing 256 KiB takes milliseconds, which quotes in flight need not wait for.
        return await asyncio.to_thread(self._parse, body, now)

    def next_after(self, now: int) -> int:
        """Return one interval from now."""
        return now + self._interval

    async def _secret(self) -> Secret | None:
        reference = self._spec.secret_ref
        if reference is None:
            return None
        try:
            return await self._secrets.fetch(reference.name, reference.key)
        except SecretUnusable as error:
            raise SourceError(SourceFault.CREDENTIALS, str(error)) from None

    def _parse(self, body: bytes, now: int) -> Mapping[str, Observation]:
        match self._spec.format:
            case "ECB":
                return ecb.parse(body)
            case "JSON":
                return json_rates.parse(
                    body, self._spec, base=self._base, quotes=self._quotes, now=now
                )
