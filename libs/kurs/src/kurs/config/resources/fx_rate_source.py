"""The spec of an FXRateSource: where rates come from, what may be quoted, and until when.

Rates are units of the quote currency for one unit of `baseCurrency`. fx asks the sources of a pair
from the highest `priority` down; what happens when one has no fresh rate is its `onStale`.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from kurs.config.resources.rates_path import check_rates_path
from kurs.config.resources.scalars import (
    Bps,
    ChangeTicket,
    Currency,
    Flag,
    Moment,
    Priority,
    Rate,
    Seconds,
    StrictModel,
    Subdomain,
    wrong,
)
from kurs.config.resources.source_url import check_source_url, takes_secret

SourceType = Literal["Static", "HTTP", "Simulated"]
OnStale = Literal["Reject", "UseLastKnown", "NextSource"]
Rates = Annotated[Mapping[Currency, Rate], Field(min_length=1, max_length=200)]

Path = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Deviation = Annotated[int, Field(strict=True, ge=1, le=100_000)]

DEFAULT_PRIORITY = 100
MAX_DEVIATION_FROM_NEXT_BPS = 500
"""How far a source may be from the next one that knows the pair, without an approval."""
# Set by the HTTP client itself; a secret there would break the request or be sent twice.
_RESERVED_HEADERS = {"host", "content-length", "transfer-encoding", "connection", "te", "upgrade"}


class StaticRates(StrictModel):
    """Rates that stand in the resource itself.

    `asOf` says when they were true, and their age is counted from it. Without it they are held to
    be true for as long as they stand here.
    """

    rates: Rates
    as_of: Moment | None = None


class SecretKey(StrictModel):
    """One key of a Secret; its value never appears in a document, a status or a log."""

    name: Subdomain
    key: Annotated[str, StringConstraints(max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]


class HttpRates(StrictModel):
    """Rates that are fetched.

    `format` ECB reads the daily XML of the European Central Bank. JSON reads the answer with the
    JMESPath expression `ratesPath`. One without placeholders gives an object of quote to rate. One
    with `{quote}` (and `{base}`) is evaluated once per listed pair with the codes put in, and gives
    that pair's rate: `data.{quote}.mid`. `asOfPath` leads to the moment when the rates were true
    (a date, a moment with an offset, a Unix time); without it they are held to be of the moment of
    the fetch. `basePath` leads to the currency that the answer is about. The secret's value
    takes the place of `${secret}` in the query of `url`; without this placeholder it is sent as
    `header`, Authorization by default.
    """

    url: Annotated[str, StringConstraints(min_length=8, max_length=2048)]
    format: Literal["ECB", "JSON"]
    rates_path: Path | None = None
    as_of_path: Path | None = None
    base_path: Path | None = None
    timeout_seconds: Annotated[int, Field(strict=True, ge=1, le=30)] = 5
    secret_ref: SecretKey | None = None
    header: (
        Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9-]*$")] | None
    ) = None

    @field_validator("url")
    @classmethod
    def _safe(cls, url: str) -> str:
        return check_source_url(url)

    @field_validator("rates_path", "as_of_path", "base_path")
    @classmethod
    def _readable(cls, path: str | None) -> str | None:
        return None if path is None else check_rates_path(path)

    @field_validator("header")
    @classmethod
    def _not_reserved(cls, header: str | None) -> str | None:
        if header is not None and header.lower() in _RESERVED_HEADERS:
            raise wrong(f"{header} is set by the HTTP client", "name another header")
        return header

    @model_validator(mode="after")
    def _fits_the_format(self) -> "HttpRates":
        if self.format == "JSON" and self.rates_path is None:
            raise wrong("JSON needs a path", 'add ratesPath, such as "rates"', "ratesPath")
        paths = {
            "ratesPath": self.rates_path,
            "asOfPath": self.as_of_path,
            "basePath": self.base_path,
        }
        for field, path in paths.items():
            if self.format == "ECB" and path is not None:
                raise wrong("the ECB format has no path", "remove it or use format JSON", field)
        if self.header is not None and self.secret_ref is None:
            raise wrong("no secret is sent in it", "add secretRef or remove header", "header")
        if takes_secret(self.url) and self.secret_ref is None:
            raise wrong("no secret is named for its placeholder", "add secretRef", "url")
        if takes_secret(self.url) and self.header is not None:
            raise wrong(
                "the secret goes into the query", "remove header or the placeholder", "header"
            )
        return self


class SimulatedRates(StrictModel):
    """A seeded random walk around given mids: one step of about `volatilityBps` per `stepSeconds`.

    The same seed gives the same walk on every replica.
    """

    rates: Rates
    seed: Annotated[int, Field(strict=True, ge=0, le=2**53 - 1)] = 0
    volatility_bps: Annotated[int, Field(strict=True, ge=0, le=1000)] = 5
    step_seconds: Annotated[int, Field(strict=True, ge=1, le=3600)] = 1


class Pair(StrictModel):
    """A quote currency with its own spread and, when given, its own `maxAge`."""

    quote: Currency
    spread_bps: Bps
    max_age: Seconds | None = None


class FXRateSourceSpec(StrictModel):
    """What an FXRateSource asks for.

    `pairs` lists the quotes that have their own spread. With `defaultSpreadBps` every other quote
    that the source publishes is served as well, at that spread; without it only the listed ones
    are. `maxDeviationBps` refuses a rate that jumps by more than this against the last good one;
    absent, any jump is taken. A mid further than `maxDeviationFromNextBps` (500 when absent) from
    the next source's is not sold; more than 500 need the name of an approval, `changeTicket`.
    Times are microseconds, durations whole seconds.
    """

    type: SourceType
    base_currency: Currency
    static: StaticRates | None = None
    http: HttpRates | None = None
    simulated: SimulatedRates | None = None
    pairs: Annotated[tuple[Pair, ...], Field(max_length=200)] = ()
    default_spread_bps: Bps | None = None
    refresh_interval: Seconds = 60
    max_age: Seconds = 3600
    max_deviation_bps: Deviation | None = None
    max_deviation_from_next_bps: Deviation | None = None
    change_ticket: ChangeTicket | None = None
    on_stale: OnStale = "NextSource"
    priority: Priority = DEFAULT_PRIORITY
    suspend: Flag = False
    effective_from: Moment | None = None
    effective_until: Moment | None = None
    allow_insecure: Flag = False

    @model_validator(mode="after")
    def _one_source_of_its_type(self) -> "FXRateSourceSpec":
        given = {"Static": self.static, "HTTP": self.http, "Simulated": self.simulated}
        name = self.type.lower()
        if given[self.type] is None:
            raise wrong(f"type {self.type} needs it", f"add spec.{name}", name)
        for other, value in given.items():
            if value is not None and other != self.type:
                hint = f"remove it or set type to {other}"
                raise wrong(f"type {self.type} does not take it", hint, other.lower())
        return self

    @model_validator(mode="after")
    def _served_pairs(self) -> "FXRateSourceSpec":
        if not self.pairs and self.default_spread_bps is None:
            raise wrong("no pair is served", "list pairs or set defaultSpreadBps", "pairs")
        inline = self.inline_rates
        seen = set()
        for index, pair in enumerate(self.pairs):
            field = f"pairs[{index}].quote"
            if pair.quote == self.base_currency:
                raise wrong(f"{pair.quote} is the base currency", "remove this pair", field)
            if pair.quote in seen:
                raise wrong(f"{pair.quote} is listed twice", "keep one of the two", field)
            if inline is not None and pair.quote not in inline:
                where = f"{self.type.lower()}.rates"
                raise wrong(f"{pair.quote} has no rate", f"add it to spec.{where}", field)
            seen.add(pair.quote)
        if inline is not None and self.base_currency in inline:
            field = f"{self.type.lower()}.rates.{self.base_currency}"
            raise wrong("the base currency has no rate against itself", "remove it", field)
        return self

    @model_validator(mode="after")
    def _ages_fit(self) -> "FXRateSourceSpec":
        if self.refresh_interval < 1:
            raise wrong("refreshing takes a moment", 'write at least "1s"', "refreshInterval")
        least = f'write at least "{self.refresh_interval}s", the refreshInterval'
        if self.max_age < self.refresh_interval:
            raise wrong(
                "shorter than refreshInterval: rates would always be stale", least, "maxAge"
            )
        for index, pair in enumerate(self.pairs):
            if pair.max_age is not None and pair.max_age < self.refresh_interval:
                raise wrong("shorter than refreshInterval", least, f"pairs[{index}].maxAge")
        return self

    @model_validator(mode="after")
    def _far_by_approval(self) -> "FXRateSourceSpec":
        if self.deviation_from_next_bps > MAX_DEVIATION_FROM_NEXT_BPS and not self.change_ticket:
            hint = f"add changeTicket, or write at most {MAX_DEVIATION_FROM_NEXT_BPS}"
            raise wrong("it needs an approval", hint, "maxDeviationFromNextBps")
        return self

    @model_validator(mode="after")
    def _http_is_safe(self) -> "FXRateSourceSpec":
        if self.http is None:
            return self
        if not self.http.url.lower().startswith("https://") and not self.allow_insecure:
            hint = "use https, or set allowInsecure: true for a test"
            raise wrong("rates over plain http can be forged on the way", hint, "http.url")
        if self.http.format == "ECB" and self.base_currency != "EUR":
            raise wrong("the ECB publishes against EUR", "write EUR", "baseCurrency")
        return self

    @model_validator(mode="after")
    def _window_is_open(self) -> "FXRateSourceSpec":
        check_window(self.effective_from, self.effective_until)
        return self

    @property
    def inline_rates(self) -> Mapping[str, Rate] | None:
        """The rates that stand in the spec (Static, Simulated), or None (HTTP)."""
        source = self.static or self.simulated
        return None if source is None else source.rates

    @property
    def deviation_from_next_bps(self) -> int:
        """How far a mid may be from the next source's, in basis points."""
        return self.max_deviation_from_next_bps or MAX_DEVIATION_FROM_NEXT_BPS

    def spread_for(self, quote: str) -> int | None:
        """Return the spread of `quote` in basis points, or None when it is not served."""
        for pair in self.pairs:
            if pair.quote == quote:
                return pair.spread_bps
        return None if quote == self.base_currency else self.default_spread_bps

    def max_age_for(self, quote: str) -> int:
        """Return the age in seconds from which a rate of `quote` is stale."""
        for pair in self.pairs:
            if pair.quote == quote and pair.max_age is not None:
                return pair.max_age
        return self.max_age

    def serves(self, quote: str) -> bool:
        """Tell whether `quote` may be quoted, as far as the spec alone decides it."""
        if self.spread_for(quote) is None:
            return False
        return self.inline_rates is None or quote in self.inline_rates


def check_window(start: int | None, end: int | None) -> None:
    """Raise unless `end` lies after `start` (microseconds; None is open)."""
    if start is not None and end is not None and end <= start:
        raise wrong("not after effectiveFrom", "write a later moment", "effectiveUntil")
